"""The trace: every reading's power, voltage and current, a quarter hour to a block. Pure.

Whatever happened at home, a block takes exactly BLOCK_BYTES: a block's size tells nothing. Columns
are delta-coded and compressed. A quarter that is too restless to fit is kept with fewer readings
(every second, fifth, tenth, … second), never in a larger block.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.history.profile import varint, varints

# With its tag and its row's fields, a sealed block fills one 4,096-byte page of SQLite.
BLOCK_BYTES = 4016

# The order is the format on disk.
COLUMNS: tuple[str, ...] = (
    "power_import_w", "power_export_w",
    *(f"{what}_{phase}_{unit}" for phase in ("l1", "l2", "l3")
      for what, unit in (("power_import", "w"), ("power_export", "w"), ("voltage", "mv"), ("current", "ma"))),
)  # fmt: skip

_FORMAT = 1
_HEADER = struct.Struct("<BBHHH")  # format, seconds between readings, readings, columns, length
# Small steps down first; at one reading a minute anything fits.
_STEPS_S = (1, 2, 5, 10, 20, 30, 60, 150)


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading in the trace. `at` is in Unix seconds; `values` follow COLUMNS, None where absent."""

    at: int
    values: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A quarter hour of samples. `starts_at` is in Unix seconds; `step_s` > 1: it was thinned to fit."""

    starts_at: int
    samples: tuple[Sample, ...]
    step_s: int = 1


def encode(starts_at: int, samples: Sequence[Sample]) -> bytes:
    """A quarter's samples as exactly BLOCK_BYTES; none at all is a block like any other."""
    for step in _STEPS_S:
        kept = samples if step == 1 else _thinned(samples, step)
        body = zlib.compress(_columns(starts_at, kept), 9)
        if _HEADER.size + len(body) <= BLOCK_BYTES:
            present = _present(kept)
            head = _HEADER.pack(_FORMAT, step, len(kept), present, len(body))
            return (head + body).ljust(BLOCK_BYTES, b"\0")
    raise ValueError("a quarter's trace does not fit its block")


def decode(plain: bytes, starts_at: int) -> Block:
    """The inverse of `encode`."""
    _, step, count, present, length = _HEADER.unpack_from(plain)
    numbers = varints(zlib.decompress(plain[_HEADER.size : _HEADER.size + length]))
    times = _column(numbers, count)
    columns: list[Sequence[int | None]] = [
        _column(numbers, count) if present >> bit & 1 else [None] * count for bit in range(len(COLUMNS))
    ]
    samples = (
        Sample(starts_at + (time or 0), tuple(values))
        for time, values in zip(times, zip(*columns, strict=True), strict=True)
    )
    return Block(starts_at, tuple(samples), step)


def _thinned(samples: Sequence[Sample], step: int) -> list[Sample]:
    kept: list[Sample] = []
    for sample in samples:
        if not kept or sample.at // step != kept[-1].at // step:
            kept.append(sample)
    return kept


def _present(samples: Sequence[Sample]) -> int:
    used = (any(sample.values[bit] is not None for sample in samples) for bit in range(len(COLUMNS)))
    return sum(1 << bit for bit, is_used in enumerate(used) if is_used)


def _columns(begin: int, samples: Sequence[Sample]) -> bytes:
    present = _present(samples)
    out = _deltas([sample.at - begin for sample in samples])
    for bit in range(len(COLUMNS)):
        if present >> bit & 1:
            out += _deltas([sample.values[bit] for sample in samples])
    return out


def _deltas(values: Sequence[int | None]) -> bytes:
    """A column: its greatest common divisor, its absences, then each value's difference."""
    known = [value for value in values if value is not None]
    unit = math.gcd(*known) or 1
    absent = [index for index, value in enumerate(values) if value is None]
    out = bytearray(varint(unit) + varint(len(absent)) + b"".join(map(varint, absent)))
    previous = 0
    for value in known:
        difference = (value - previous) // unit
        previous = value
        zigzag = difference * 2 if difference >= 0 else -difference * 2 - 1
        out += _ONE_BYTE[zigzag] if zigzag < len(_ONE_BYTE) else varint(zigzag)
    return bytes(out)


_ONE_BYTE = tuple(bytes([number]) for number in range(0x80))


def _column(numbers: Iterator[int], count: int) -> list[int | None]:
    unit = next(numbers)
    absent = {next(numbers) for _ in range(next(numbers))}
    values: list[int | None] = []
    previous = 0
    for index in range(count):
        if index in absent:
            values.append(None)
            continue
        zigzag = next(numbers)
        previous += (zigzag // 2 if zigzag % 2 == 0 else -(zigzag + 1) // 2) * unit
        values.append(previous)
    return values
