"""What lies in the database, as it lies there: sealed, and with its place. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DataKeyRecord:
    """A data key as it lies on disk. `day` is the proleptic ordinal of the local day.

    `previous_…` is what was sealed under the meter's data key before this one.
    """

    id: int
    meter_tag: bytes
    day: int
    suite: str
    sealed: bytes
    previous_id: int | None
    previous_rows: int
    previous_blocks: int
    previous_rows_digest: bytes
    previous_blocks_digest: bytes
    mac: bytes = b""
    trace_removed_at: int | None = None
    removal_mac: bytes | None = None


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Where a data key stands: of which meter, of which day, and whether retention has left its trace."""

    id: int
    meter_tag: bytes
    day: int
    has_trace: bool


@dataclass(frozen=True, slots=True)
class FirstKept:
    """The data key at which a meter's chain begins since the retention took away what was before it."""

    meter_tag: bytes
    data_key_id: int
    removed_at: int
    mac: bytes = b""


@dataclass(frozen=True, slots=True)
class Mark:
    """What tells one row or block from every other: its place, and the tag at the end of its seal.

    `kind` is a profile period or "trace".
    """

    data_key_id: int
    kind: str
    period: int
    sequence: int
    tag: bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed row or block. `period` is its time on the grid, in Unix seconds."""

    data_key_id: int
    period: int
    sequence: int
    sealed: bytes
