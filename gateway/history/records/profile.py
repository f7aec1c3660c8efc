"""The profile: register readings at the end of each quarter, hour, day and month. Pure.

A row is the first reading at or after a period's end, with its true time: a late one says so, a
missing one stays missing, and usage is the difference of two rows. Over a new epoch, where registers
began anew, there is none. What a row takes depends on what its meter measures, and on nothing else.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from gateway.history.records import limits
from gateway.history.records.periods import Period, next_start, period_start
from gateway.history.records.varint import varint, varints
from gateway.p1.reading import MonthDemand
from gateway.quantities import (
    BY_COMMODITY,
    BY_NAME,
    IMPORT_REGISTERS,
    QUANTITIES,
    REGISTERS,
    Span,
    names,
)

# Room for all registers of an electricity meter, or for the one of an M-Bus device.
_ROW_BYTES, _DEVICE_ROW_BYTES = 240, 48
_FORMAT = 1
_SIMULATED, _NEW_EPOCH = 1, 2
_HEADER = struct.Struct("<BBqQ")
# A clock set back by more than this was wrong before; by less, it is being adjusted.
CLOCK_ADJUSTMENT = timedelta(hours=1)


MONTH_PEAK = "demand_max_month_w"
"""The highest quarter hour's demand of the month so far: the Belgian capacity tariff."""


ROW_QUANTITIES: tuple[str, ...] = names(
    sorted((row for row in QUANTITIES if row.place is not None), key=lambda row: row.place or 0)
)
"""In the order of their bits. Where not all fits, what stands first is kept."""
_BITS = {row.name: row.place for row in QUANTITIES if row.place is not None}
KEPT_QUANTITIES = frozenset(name for name in ROW_QUANTITIES if BY_NAME[name].span is not Span.PERIOD)
"""What a row takes from a reading as it is; the others are statistics of the period."""
_BY_BIT = tuple(sorted(_BITS.items(), key=lambda of: of[1]))
_ORDERED_REGISTERS = tuple(name for name in ROW_QUANTITIES if name in REGISTERS)
_HIGHEST_POWERS = ("power_import_max_w", "power_export_max_w")


@dataclass(frozen=True, slots=True)
class Row:
    """The registers of one meter at the end of a period, and the period's statistics.

    `ends_at` is the period's end, `read_at` the time of the reading that gave the registers.
    `demand_w` is the period's average import. `new_epoch`: the registers do not go on from those of
    the row before of the same period. All times in UTC.
    """

    meter_number: str
    commodity: str
    period: Period
    ends_at: datetime
    read_at: datetime
    quantities: Mapping[str, int]
    simulated: bool = False
    new_epoch: bool = False


def row_bytes(commodity: str) -> int:
    """How many bytes a row of such a meter takes."""
    return _DEVICE_ROW_BYTES if commodity in BY_COMMODITY else _ROW_BYTES


def encode(row: Row) -> bytes:
    """The row's registers and statistics as exactly `row_bytes` of its commodity.

    There is room for every register of a meter, each with 12 digits of Wh: more than any meter prints.
    Should a telegram hold what no meter can say, the last of ROW_QUANTITIES are left out.
    """
    size = row_bytes(row.commodity)
    present = 0
    numbers = bytearray()
    for bit, name in sorted((_BITS[name], name) for name in row.quantities):
        number = varint(row.quantities[name])
        if _HEADER.size + len(numbers) + len(number) > size:
            break
        present |= 1 << bit
        numbers += number
    flags = (_SIMULATED if row.simulated else 0) | (_NEW_EPOCH if row.new_epoch else 0)
    head = _HEADER.pack(_FORMAT, flags, int(row.read_at.timestamp()), present)
    return (head + numbers).ljust(size, b"\0")


def decode(plain: bytes, meter_number: str, commodity: str, period: Period, ends_at: datetime) -> Row:
    """The inverse of `encode`."""
    _, flags, read_at, present = _HEADER.unpack_from(plain)
    numbers = varints(plain, _HEADER.size)
    return Row(
        meter_number=meter_number,
        commodity=commodity,
        period=period,
        ends_at=ends_at,
        read_at=datetime.fromtimestamp(read_at, UTC),
        quantities={name: next(numbers) for name, bit in _BY_BIT if present >> bit & 1},
        simulated=bool(flags & _SIMULATED),
        new_epoch=bool(flags & _NEW_EPOCH),
    )


@dataclass(slots=True)
class _Statistics:
    """The highest and lowest power of a period so far."""

    highest: dict[str, int] = field(default_factory=dict)
    lowest: dict[str, int] = field(default_factory=dict)

    def take(self, quantities: Mapping[str, int]) -> None:
        for name in ("power_import", "power_export"):
            value = quantities.get(name + "_w")
            if value is not None:
                self.highest[name] = max(value, self.highest.get(name, value))
                self.lowest[name] = min(value, self.lowest.get(name, value))

    def merge(self, other: _Statistics) -> None:
        for name, value in other.highest.items():
            self.highest[name] = max(value, self.highest.get(name, value))
        for name, value in other.lowest.items():
            self.lowest[name] = min(value, self.lowest.get(name, value))

    def quantities(self) -> dict[str, int]:
        return {f"{name}_max_w": v for name, v in self.highest.items()} | {
            f"{name}_min_w": v for name, v in self.lowest.items()
        }


class MeterProfile:
    """Turns one meter's readings into the rows of its profile."""

    def __init__(self, meter_number: str, commodity: str, zone: ZoneInfo) -> None:
        self.meter_number = meter_number
        self.commodity = commodity
        self._zone = zone
        self._last: datetime | None = None
        self._next: dict[Period, datetime] = {}
        self._began: dict[Period, Row] = {}
        self._statistics = {period: _Statistics() for period in Period}
        self._last_quantities: Mapping[str, int] = {}
        self._month_peak: int | None = None  # as the reading before said it
        # The periods whose next row does not go on from their last one.
        self._broken: set[Period] = set()

    def feed(
        self,
        at: datetime,
        quantities: Mapping[str, int],
        simulated: bool,
        new_epoch: bool = False,
        month_demands: Sequence[MonthDemand] = (),
    ) -> list[Row]:
        """Take one reading; return the rows of all periods that ended with it, finest first.

        The very first reading gives a row for each period: the point from which usage counts. With
        `new_epoch` the registers do not go on from those of the reading before. `month_demands` are
        the peaks of the months before, where the meter repeats them.
        """
        if new_epoch:
            self._broken.update(Period)
        if self._last is not None and at <= self._last:
            if self._last - at <= CLOCK_ADJUSTMENT:
                return []
            self._next.clear()
        self._last = at
        self._last_quantities = quantities
        rows: list[Row] = []
        if not self._next or at >= self._next[Period.QUARTER]:
            quarter = self._statistics[Period.QUARTER]
            for period in (Period.HOUR, Period.DAY, Period.MONTH):
                self._statistics[period].merge(quarter)
            ended_peaks = {demand.month_ends_at: demand.demand_w for demand in month_demands}
            rows = [
                self._row(period, at, quantities, simulated, ended_peaks)
                for period in Period
                if self._ended(period, at)
            ]
        self._month_peak = quantities.get(MONTH_PEAK)
        self._statistics[Period.QUARTER].take(quantities)
        return rows

    def _ended(self, period: Period, at: datetime) -> bool:
        return period not in self._next or at >= self._next[period]

    def _row(
        self,
        period: Period,
        at: datetime,
        quantities: Mapping[str, int],
        simulated: bool,
        ended_peaks: Mapping[datetime, int],
    ) -> Row:
        ends_at = period_start(at, period, self._zone)
        kept = {name: value for name, value in quantities.items() if name in KEPT_QUANTITIES}
        kept |= self._statistics[period].quantities()
        began, new_epoch = self._began.get(period), period in self._broken
        if began is not None and self._next.get(period) == ends_at and not new_epoch:
            kept |= _demand(began, at, kept)
        if ends_at == period_start(ends_at, Period.MONTH, self._zone):
            kept = self._with_ended_peak(kept, ends_at, ended_peaks.get(ends_at))
        row = Row(self.meter_number, self.commodity, period, ends_at, at, kept, simulated, new_epoch)
        self._broken.discard(period)
        self._statistics[period] = _Statistics()
        self._next[period] = next_start(ends_at, period, self._zone)
        self._began[period] = row
        return row

    def _with_ended_peak(self, kept: dict[str, int], ends_at: datetime, stated: int | None) -> dict[str, int]:
        """With the peak of the month that has ended: the reading after it tells that of the next one.

        It is what the meter states of that month; else what it said last in it, unless the quarter that
        ended with the month was higher still.
        """
        without = {name: value for name, value in kept.items() if name != MONTH_PEAK}
        if stated is None and self._month_peak is not None:
            quarter = self._began.get(Period.QUARTER)
            of_quarter = quarter.quantities if quarter and quarter.ends_at == ends_at else kept
            stated = max(self._month_peak, of_quarter.get("demand_w", 0))
        return without if stated is None else without | {MONTH_PEAK: stated}

    @property
    def fed_at(self) -> float:
        """The time of its last reading, in Unix seconds; 0 before the first."""
        return 0.0 if self._last is None else self._last.timestamp()

    def usage_of_day(self, midnight: datetime) -> dict[str, int]:
        """What was used since this midnight (or since the first reading after it)."""
        began = self._began.get(Period.DAY)
        # A gas meter that has not been read since midnight is still at yesterday.
        if began is None or began.ends_at != midnight or Period.DAY in self._broken:
            return {}
        highest_w = max(self._statistics[Period.DAY].highest.values(), default=0)
        seconds = 0.0 if self._last is None else (self._last - began.read_at).total_seconds()
        return usage(began.quantities, self._last_quantities, seconds, highest_w)

    def snapshot(self) -> dict[str, Any]:
        """What must be remembered over a restart, as plain JSON values."""
        return {
            "commodity": self.commodity,
            "last": None if self._last is None else self._last.timestamp(),
            "next": {period: at.timestamp() for period, at in self._next.items()},
            "began": {
                p: [r.ends_at.timestamp(), r.read_at.timestamp(), dict(r.quantities)]
                for p, r in self._began.items()
            },
            "statistics": {p: [s.highest, s.lowest] for p, s in self._statistics.items()},
            "broken": sorted(self._broken),
            "month peak": self._month_peak,
        }

    @classmethod
    def restored(cls, meter_number: str, zone: ZoneInfo, snapshot: Mapping[str, Any]) -> Self:
        """The inverse of `snapshot`."""
        profile = cls(meter_number, snapshot["commodity"], zone)
        profile._last = None if snapshot["last"] is None else _utc(snapshot["last"])
        profile._next = {Period(p): _utc(at) for p, at in snapshot["next"].items()}
        profile._began = {
            Period(p): Row(meter_number, profile.commodity, Period(p), _utc(end), _utc(read), quantities)
            for p, (end, read, quantities) in snapshot["began"].items()
        }
        profile._statistics = {Period(p): _Statistics(*both) for p, both in snapshot["statistics"].items()}
        # A snapshot of an older version does not speak of it.
        profile._broken = {Period(p) for p in snapshot.get("broken", ())}
        profile._month_peak = snapshot.get("month peak")
        return profile


def usage(
    start: Mapping[str, int], end: Mapping[str, int], seconds: float, highest_w: int = 0
) -> dict[str, int]:
    """What was used between two states of the registers, `seconds` apart.

    A register that fell, or rose faster than is possible (`highest_w` is the highest power that was
    seen), belongs to another meter, epoch or clock: it is left out, never negative, never absurd.
    """
    return {
        name: end[name] - start[name]
        for name in _ORDERED_REGISTERS
        if name in start
        and name in end
        and limits.of_register(name, highest_w).possible_usage(start[name], end[name], seconds)
    }


def usage_between(began: Row, row: Row) -> dict[str, int]:
    """What was used between two rows of one meter that follow each other; nothing over a new epoch."""
    if row.new_epoch:
        return {}
    highest_w = max((row.quantities.get(name, 0) for name in _HIGHEST_POWERS), default=0)
    seconds = (row.read_at - began.read_at).total_seconds()
    return usage(began.quantities, row.quantities, seconds, highest_w)


def total(quantities: Mapping[str, int], registers: tuple[str, ...]) -> int | None:
    """The sum of a direction's registers: the meter's own total, else its tariffs'."""
    own, *tariffs = registers
    if own in quantities:
        return quantities[own]
    found = [quantities[name] for name in tariffs if name in quantities]
    return sum(found) if found else None


def _demand(began: Row, at: datetime, quantities: Mapping[str, int]) -> dict[str, int]:
    seconds = (at - began.read_at).total_seconds()
    highest_w = max(quantities.get(name, 0) for name in _HIGHEST_POWERS)
    used = total(usage(began.quantities, quantities, seconds, highest_w), IMPORT_REGISTERS)
    return {} if used is None else {"demand_w": round(used * 3600 / seconds)}


def _utc(stamp: float) -> datetime:
    return datetime.fromtimestamp(stamp, UTC)
