"""Readings into a history, as the daemon records them, and the tampering with what lies there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from gateway.history import (
    OpenHistory,
    Recorder,
    Row,
    SealedHistory,
)
from gateway.history.recording.writer import Batch
from gateway.p1 import Reading
from tests.made_up import NUMBER, PASSWORD, ZONE, reading

MINUTE = timedelta(minutes=1)


def record(
    history: SealedHistory, readings: Iterable[Reading], flush_interval: timedelta = MINUTE
) -> list[Row]:
    """Record and commit; returns the rows that the readings completed."""
    batches: list[Batch] = []
    rows: list[Row] = []
    recorder = history.recorder(batches.append, flush_interval)
    for one in readings:
        rows += recorder.record(one)
        last = one.at
    recorder.flush(last)
    with closing(history.open_writer()) as writer:
        writer.write(*batches)
    return rows


def rows_of(readings: Iterable[Reading]) -> list[Row]:
    """The rows that a recorder completes, without a disk."""
    recorder = Recorder(lambda _: None, ZONE, MINUTE)
    return [row for one in readings for row in recorder.record(one)]


def unlocked(history: SealedHistory, number: str = NUMBER) -> OpenHistory:
    return history.unlock(number, PASSWORD)


def steady(first: datetime, last: datetime, every: timedelta, watts: int = 400) -> Iterator[Reading]:
    """A home that takes the same power all the time; the register begins at 1,000 kWh."""
    for step in count():
        at = first + step * every
        if at > last:
            return
        used_wh = int((at - first).total_seconds()) * watts // 3600
        yield reading(at, power_import_w=watts, power_export_w=0, energy_import_t1_wh=1_000_000 + used_wh)


def tamper(path: Path, statement: str, *values: Any) -> None:
    """Change the database file behind the gateway's back."""
    with closing(sqlite3.connect(path)) as database, database:
        changed = database.execute(statement, values).rowcount
    assert changed > 0, "nothing was tampered with"


def look(path: Path, query: str, *values: Any) -> list[Any]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query, values).fetchall()


def flipped(sealed: bytes, position: int) -> bytes:
    changed = bytearray(sealed)
    changed[position] ^= 1
    return bytes(changed)
