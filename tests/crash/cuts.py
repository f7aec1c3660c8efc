"""Cuts the power at many points of a recording, and looks at what the gateway then finds."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from gateway.consent import State
from gateway.errors import GatewayError
from gateway.history import (
    OpenHistory,
    Period,
    SealedHistory,
    settle,
)
from gateway.history.recording.writer import Batch
from tests.crash import workload
from tests.crash.disk import Disk
from tests.crash.recording import Step, Sync, Told, Write, record
from tests.made_up import PASSWORD

RowPlace = tuple[str, str, int]


@dataclass(slots=True)
class Known:
    """What the program had said when the power went."""

    stage: str = ""
    claimed: bool = False
    taken: list[int] = field(default_factory=list)
    latest: datetime | None = None
    rows: set[RowPlace] = field(default_factory=set)
    consent: str = ""

    def hear(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "STAGE":
            self.stage = rest
        elif word == "CLAIMED":
            self.claimed = True
        elif word == "CONSENT":
            self.consent = rest
        elif word == "AT":
            self.taken.append(int(rest))
            self.latest = datetime.fromtimestamp(int(rest), UTC)
        elif word == "REMOVING":
            self.rows = {row for row in self.rows if row[2] >= int(rest)}
            self.taken.clear()
        elif word == "ROWS":
            self.rows |= {(commodity, period, ends_at) for commodity, period, ends_at in json.loads(rest)}


@dataclass(slots=True)
class Outcome:
    """What the cuts in one stage came to."""

    writes: int = 0
    syncs: int = 0
    cuts: int = 0
    corrupt: list[str] = field(default_factory=list)
    lost_rows: int = 0
    lost_trace_s: int = 0


def recorded(folder: Path) -> list[Step]:
    """The steps of the workload."""
    root = folder / "recorded"
    root.mkdir()
    command = [sys.executable, "-m", "tests.crash.workload", str(root.resolve())]
    return record(command, root, folder / "strace.log")


def cut_everywhere(
    steps: Sequence[Step], cuts: int, folder: Path, seed: int = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, Outcome]:  # fmt: skip
    """Cut at so many points, as many in each stage; returns what was found by stage."""
    chance = Random(seed)
    outcomes: dict[str, Outcome] = {}
    disk, known = Disk(), Known()
    points = sorted(_points(steps, cuts, chance))
    done = 0
    for number, step in enumerate(steps):
        disk.take(step)
        if isinstance(step, Told):
            known.hear(step.words)
        outcome = outcomes.setdefault(known.stage, Outcome())
        outcome.writes += isinstance(step, Write)
        outcome.syncs += isinstance(step, Sync)
        while points and points[0] == number:
            points.pop(0)
            found = folder / "found"
            disk.cut(chance, found)
            _look(found, known, outcome, f"step {number}")
            shutil.rmtree(found)
            done += 1
            progress(done)
    return outcomes


def _points(steps: Sequence[Step], cuts: int, chance: Random) -> Iterator[int]:
    by_stage: dict[str, list[int]] = {}
    stage = ""
    for number, step in enumerate(steps):
        if isinstance(step, Told) and step.words.startswith("STAGE "):
            stage = step.words
        elif stage and stage != "STAGE end":
            by_stage.setdefault(stage, []).append(number)
    for left, numbers in zip(range(len(by_stage), 0, -1), by_stage.values(), strict=True):
        here = cuts // left
        cuts -= here
        yield from (chance.choice(numbers) for _ in range(here))


def _look(folder: Path, known: Known, outcome: Outcome, where: str) -> None:
    outcome.cuts += 1
    path = workload.history_path(folder)
    try:
        settle(workload.key_path(folder), path)
        history = workload.open_history(folder)
        with closing(sqlite3.connect(path)) as database:
            if database.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                outcome.corrupt.append(f"{where}: the database is corrupt")
        if not known.claimed and not history.claimed:
            return
        opened = history.unlock(workload.meter().number, PASSWORD)
        _compare(opened, known, outcome)
        findings = history.verify().findings
        if findings or opened.damaged:
            outcome.corrupt.append(f"{where}: {[*findings, *opened.damaged]}")
        _go_on(history, known)
        ledger, check = workload.open_sharing(folder)
        check.tick()
        if ledger.fault is not None:
            outcome.corrupt.append(f"{where}: {ledger.fault}")
        if known.consent in ("withdrawn", "cut-off") and ledger.consent("c1").state is not State.WITHDRAWN:
            outcome.corrupt.append(f"{where}: a withdrawal was lost")
    except (GatewayError, sqlite3.Error) as error:
        outcome.corrupt.append(f"{where}: {error}")


def _compare(opened: OpenHistory, known: Known, outcome: Outcome) -> None:
    first, last = workload.START - timedelta(days=40), workload.START + timedelta(days=2)
    rows = {
        (row.commodity, period.value, int(row.ends_at.timestamp()))
        for meter in opened.meters
        for period in Period
        for row in opened.rows(period, first, last, meter)
    }
    outcome.lost_rows += len(known.rows - rows)
    newest = max((sample.at for block in opened.trace(first, last) for sample in block.samples), default=0)
    lost = [at for at in known.taken if at > newest]
    if lost:
        outcome.lost_trace_s = max(outcome.lost_trace_s, len(lost) * workload.STEP.seconds)


def _go_on(history: SealedHistory, known: Known) -> None:
    """Record two minutes more: what was found must be good to go on with, too."""
    first = known.latest or workload.START
    batches: list[Batch] = []
    recorder = history.recorder(batches.append, workload.FLUSH)
    for reading in workload.readings(first + workload.STEP, first + timedelta(minutes=2)):
        recorder.record(reading)
    with closing(history.open_writer()) as writer:
        writer.write(*batches)
    history.unlock(workload.meter().number, PASSWORD)
