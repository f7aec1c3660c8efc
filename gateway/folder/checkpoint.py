"""Checkpoints: how far ledger and history have come, told by each part of the gateway about the others.

An older copy of a file is whole and genuine in itself. A checkpoint says that there was more; it lies in
several places, so that whoever puts back some files leaves another one that names what is missing. Pure.

The order of the writes makes it exact. Ledger and history are on disk before a checkpoint names them, and
the database takes each checkpoint before any other place: so a power cut leaves a place that is behind,
never one that is ahead. What is behind is written again; what is ahead of ledger or history proves that
an older copy was put back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol, Self

NAME = "checkpoint"
DATABASE = "database"  # the place that is written first
LEDGER, HISTORY, BROKER = "ledger", "history", "broker"
# An acceptance counts on from here, beyond whatever a place out of reach may have counted to meanwhile.
_LEAP = 1 << 32


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far everything had come. `count` only grows.

    `data_keys` are the newest data keys' ids by the hexadecimal tag of their meter, `household` tells the
    household's keys, as they are wrapped, from all others. What lies before
    `accepted` proves nothing any more: the owner accepted the files as they were then. `pending` are the
    parts that were found put back and are not accepted yet. `broker` is the count that was read back from
    the broker.
    """

    count: int = 0
    ledger_length: int = 0
    ledger_mac: str = ""
    data_keys: Mapping[str, int] = field(default_factory=dict)
    household: str = ""
    accepted: int = 0
    pending: tuple[str, ...] = ()
    broker: int = 0

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, plain: bytes) -> Self:
        fields = json.loads(plain)
        return cls(**fields | {"pending": tuple(fields.get("pending", ()))})


class Files(Protocol):
    """What lies there now: the ledger's lines, and the newest data keys of the history."""

    def ledger_contains(self, length: int, mac: str) -> bool: ...

    def history_contains(self, tag: str, data_key: int) -> bool:
        """Also when the retention itself has removed the last of that meter."""


def beside(device_key: Path) -> Path:
    """Where the checkpoint beside a device key lies."""
    return device_key.with_name(f"{device_key.name}.{NAME}")


def newest(found: Mapping[str, Checkpoint]) -> Checkpoint:
    """The newest of what the places hold."""
    return max(found.values(), key=lambda one: one.count, default=Checkpoint())


def rolled_back(found: Mapping[str, Checkpoint], files: Files) -> frozenset[str]:
    """The parts that older copies were put in the place of, by what the places hold; none as a rule.

    A place that is out of reach or empty is not in `found`.
    """
    latest = newest(found)
    standing = {place: one for place, one in found.items() if one.count >= latest.accepted}
    parts: set[str] = set()
    for one in standing.values():
        parts.update(one.pending)
        if not files.ledger_contains(one.ledger_length, one.ledger_mac):
            parts.add(LEDGER)
        # A meter that the newest does not name any more was removed by the retention in the meantime.
        named = {tag: key for tag, key in one.data_keys.items() if tag in latest.data_keys}
        if not all(files.history_contains(tag, key) for tag, key in named.items()):
            parts.add(HISTORY)
    in_database = found.get(DATABASE, Checkpoint()).count
    if any(one.count > in_database for one in standing.values()):
        parts.add(HISTORY)
    if BROKER in standing and standing[BROKER].count < latest.broker:
        parts.add(BROKER)
    return frozenset(parts)


def accepted(latest: Checkpoint) -> Checkpoint:
    """The checkpoint that begins anew behind everything, whatever was found before it."""
    count = latest.count + _LEAP
    return Checkpoint(count=count, accepted=count)
