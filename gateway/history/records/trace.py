"""The trace: every reading's power, voltage and current, a quarter hour to a block. Pure.

A block has one size for a meter, whatever happens at home: that size follows from how often the meter
speaks and which columns it has, and from nothing that it says. A quarter that is too restless to fit is
kept with fewer readings (every second, fifth, tenth, … second), never in a larger block.

A block of many readings begins with its minutes: a day's curve is drawn from them, fifty times as fast.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median_low

from gateway.history.records.columns import COLUMNS, compressed, decompressed
from gateway.history.records.varint import varint, varints

__all__ = ["BLOCK_SIZES", "COLUMNS", "Block", "Minute", "Sample", "block_size", "decode", "encode", "minutes"]

# One, two, four or eight of them fill a page of SQLite (4,096 bytes), with their tags and their rows' fields.
BLOCK_SIZES = (464, 976, 2000, 4016)

_FORMAT = 1
# format, seconds between readings, readings; lengths of minutes, of times, of columns
_HEADER = struct.Struct("<BHHHHH")
# So many readings are quickly read, without minutes.
_FEW = 100
# Small steps down first; a single reading fits whatever it says.
_STEPS_S = (1, 2, 5, 10, 20, 30, 60, 150, 300, 900)
_QUARTER_S = 900
# What a column of a home in which much is switched takes at most, in bytes a reading: as a rule, half of it.
_FOR_EACH_BLOCK = 64
_FOR_A_POWER, _FOR_A_TOTAL, _FOR_A_VOLTAGE, _FOR_A_CURRENT = 0.85, 0.2, 0.6, 0.35


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading in the trace. `at` is in Unix seconds; `values` follow COLUMNS, None where absent."""

    at: int
    values: tuple[int | None, ...]

    @property
    def net_w(self) -> int | None:
        """Import less export; None where the meter told neither."""
        way_in, way_out = self.values[0], self.values[1]
        return None if way_in is None and way_out is None else (way_in or 0) - (way_out or 0)


@dataclass(frozen=True, slots=True)
class Minute:
    """The net power of a minute in which something was measured, in W. `starts_at` is in Unix seconds."""

    starts_at: int
    mean_w: int
    lowest_w: int
    highest_w: int


@dataclass(frozen=True, slots=True)
class Block:
    """A quarter hour of samples. `starts_at` is in Unix seconds; `step_s` > 1: it was thinned to fit."""

    starts_at: int
    samples: tuple[Sample, ...]
    step_s: int = 1


def block_size(samples: Sequence[Sample]) -> int:
    """The size of the blocks of a meter that speaks like this, one of BLOCK_SIZES.

    Chosen so that less than one quarter hour in a thousand has to be thinned.
    """
    if len(samples) < 2:
        return BLOCK_SIZES[0]
    every_s = median_low(after.at - before.at for before, after in pairwise(samples)) or 1
    has = {name for name, value in zip(COLUMNS, samples[-1].values, strict=True) if value is not None}
    phases = sum(name.startswith("power_import_l") for name in has)
    of_a_reading = (
        (phases or 1) * _FOR_A_POWER
        + (_FOR_A_TOTAL if phases else 0)
        + sum(name.startswith("voltage") for name in has) * _FOR_A_VOLTAGE
        + sum(name.startswith("current") for name in has) * _FOR_A_CURRENT
    )
    needed = _FOR_EACH_BLOCK + of_a_reading * _QUARTER_S / every_s
    return next((size for size in BLOCK_SIZES if size >= needed), BLOCK_SIZES[-1])


def encode(starts_at: int, samples: Sequence[Sample], size: int = BLOCK_SIZES[-1]) -> bytes:
    """A quarter's samples as exactly `size` bytes; none at all is a block like any other."""
    tried = None
    minutes_of = _minutes_coded(starts_at, samples) if len(samples) > _FEW else b""
    if len(minutes_of) > size // 8:  # no home has such powers
        minutes_of = b""
    for step in _STEPS_S:
        kept = samples if step == 1 else _thinned(samples, step)
        if len(kept) == tried:
            continue
        tried = len(kept)
        parts = (
            minutes_of,
            _times(starts_at, kept),
            compressed([[sample.values[bit] for sample in kept] for bit in range(len(COLUMNS))]),
        )
        body = b"".join(parts)
        if _HEADER.size + len(body) <= size:
            return (_HEADER.pack(_FORMAT, step, len(kept), *map(len, parts)) + body).ljust(size, b"\0")
    raise ValueError("a quarter's trace does not fit its block")


def decode(plain: bytes, starts_at: int) -> Block:
    """The inverse of `encode`."""
    _, step, count, of_minutes, of_times, of_columns = _HEADER.unpack_from(plain)
    times_at = _HEADER.size + of_minutes
    columns_at = times_at + of_times
    times = _times_back(plain[times_at:columns_at], starts_at)
    columns = decompressed(plain[columns_at : columns_at + of_columns], count)
    samples = (
        Sample(at, tuple(values)) for at, values in zip(times, zip(*columns, strict=True), strict=True)
    )
    return Block(starts_at, tuple(samples), step)


def minutes(plain: bytes, starts_at: int) -> list[Minute]:
    """The minutes of a block, in which something was measured, without decoding the rest of it."""
    _, _, _, of_minutes, _, _ = _HEADER.unpack_from(plain)
    if not of_minutes:
        return _minutes(starts_at, decode(plain, starts_at).samples)
    numbers = varints(plain[_HEADER.size : _HEADER.size + of_minutes])
    present = next(numbers)
    found = []
    mean = 0
    for minute in range(_QUARTER_S // 60):
        if present >> minute & 1:
            zigzag = next(numbers)
            mean += zigzag >> 1 if zigzag & 1 == 0 else -(zigzag + 1 >> 1)
            found.append(Minute(starts_at + 60 * minute, mean, mean - next(numbers), mean + next(numbers)))
    return found


def _minutes(starts_at: int, samples: Sequence[Sample]) -> list[Minute]:
    nets: list[list[int]] = [[] for _ in range(_QUARTER_S // 60)]
    for sample in samples:
        if (net := sample.net_w) is not None:
            nets[(sample.at - starts_at) // 60].append(net)
    return [
        Minute(starts_at + 60 * minute, round(sum(found) / len(found)), min(found), max(found))
        for minute, found in enumerate(nets)
        if found
    ]


def _minutes_coded(starts_at: int, samples: Sequence[Sample]) -> bytes:
    found = _minutes(starts_at, samples)
    out = bytearray(varint(sum(1 << (minute.starts_at - starts_at) // 60 for minute in found)))
    before = 0
    for minute in found:
        difference = minute.mean_w - before
        before = minute.mean_w
        out += varint(difference * 2 if difference >= 0 else -difference * 2 - 1)
        out += varint(minute.mean_w - minute.lowest_w) + varint(minute.highest_w - minute.mean_w)
    return bytes(out)


def _thinned(samples: Sequence[Sample], step: int) -> list[Sample]:
    kept: list[Sample] = []
    for sample in samples:
        if not kept or sample.at // step != kept[-1].at // step:
            kept.append(sample)
    return kept


def _times(starts_at: int, samples: Sequence[Sample]) -> bytes:
    """Runs of equal intervals: how long, and how often."""
    out = bytearray()
    before, interval, run = starts_at, 0, 0
    for sample in samples:
        if sample.at - before != interval and run:
            out += varint(interval) + varint(run)
            run = 0
        interval = sample.at - before
        before = sample.at
        run += 1
    return bytes(out + varint(interval) + varint(run)) if run else b""


def _times_back(plain: bytes, starts_at: int) -> list[int]:
    numbers = varints(plain)
    times = []
    at = starts_at
    for interval in numbers:
        for _ in range(next(numbers)):
            at += interval
            times.append(at)
    return times
