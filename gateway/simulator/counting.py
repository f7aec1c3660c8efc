"""Counting: what a meter's registers hold at any second, carried from midnight to midnight.

All is kept in W·s, var·s, millilitres and joules, so that nothing is lost to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from operator import add, sub

from gateway.simulator.demand import QUARTER, Peaks, peaks_by_quarter
from gateway.simulator.electricity import quadrant, reactive_var
from gateway.simulator.household import Day, Household
from gateway.simulator.tariffs import Tariffs

IMPORT, EXPORT, FIRST_QUADRANT = 0, 1, 2
_DAYS_KEPT = 3

Counts = tuple[int, ...]
"""Import and export in W·s; where reactive energy is counted, the four quadrants in var·s too."""


@dataclass(frozen=True, slots=True)
class What:
    """What a meter counts."""

    tariffs: Tariffs
    phases: int
    reactive: bool
    demand: bool
    commodities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """What the registers hold: by the tariff of the day, by the other one, and by M-Bus device."""

    by_day: Counts
    otherwise: Counts
    devices: tuple[int, ...]


class CountedDay:
    """One local day as a meter counts it, from what it held at midnight on."""

    def __init__(self, day: Day, what: What, held: Held, peaks: Peaks) -> None:
        self.day = day
        self.held = held
        self._what = what
        self._reactive = _reactive_by_minute(day, what.phases) if what.reactive else None
        self._before = peaks
        self._peaks: list[Peaks] = []
        self._begin, self._end = what.tariffs.hours(day)
        self._until_begin = self.flowed_at(self._begin)
        self._until_end = self.flowed_at(self._end)

    def flowed_at(self, second: int) -> Counts:
        """What flowed since midnight."""
        active = self.day.energy_at(second)
        if self._reactive is None:
            return active
        minute, into = divmod(second, 60)
        until, which, var = self._reactive[minute]
        if not into:
            return active + until
        return active + until[:which] + (until[which] + var * into,) + until[which + 1 :]

    def held_at(self, second: int, flowed: Counts) -> tuple[Counts, Counts]:
        """What the registers hold; `flowed` is what flowed until then."""
        by_day, otherwise = self.held.by_day, self.held.otherwise
        if second <= self._begin or self._begin == self._end:
            return by_day, tuple(map(add, otherwise, flowed))
        inside = tuple(map(sub, flowed if second < self._end else self._until_end, self._until_begin))
        outside = map(sub, flowed, inside)
        return tuple(map(add, by_day, inside)), tuple(map(add, otherwise, outside))

    def is_by_day(self, second: int) -> bool:
        """True while the tariff by day holds."""
        return self._begin <= second < self._end

    def peaks_at(self, second: int) -> Peaks:
        """The month's peaks, of the quarter hours that have ended."""
        if not self._peaks:
            self._peaks = peaks_by_quarter(self.day, (self._begin, self._end), self._before)
        return self._peaks[second // QUARTER]

    def at_end(self) -> Held:
        """What the registers hold at the next midnight."""
        seconds = self.day.seconds
        counted = (self.day.counted(name, seconds) for name in self._what.commodities)
        return Held(
            *self.held_at(seconds, self.flowed_at(seconds)), tuple(map(add, self.held.devices, counted))
        )


class Counting:
    """All days since a meter's installation; each is counted once, and the last few are kept."""

    def __init__(self, household: Household, installed: date, what: What, held: Held) -> None:
        self.installed = installed
        self._household, self._what = household, what
        first = household.day(installed)
        self.begins = first.begins
        # Of each day: what the registers held at midnight, and the month's peaks until then.
        self._midnights = [(held, Peaks.none(first.begins))]
        # The peaks of each whole month, by its last day.
        self._months: dict[date, Peaks] = {}
        self._kept = {installed: CountedDay(first, what, *self._midnights[0])}

    def day(self, on: date) -> CountedDay:
        """Raises ValueError for a day before the meter was installed."""
        kept = self._kept.get(on)
        if kept is not None:
            return kept
        if on < self.installed:
            raise ValueError(f"the meter was installed on {self.installed}")
        number = (on - self.installed).days
        for earlier in range(len(self._midnights) - 1, number):
            self._end(self._counted(self.installed + timedelta(days=earlier)))
        return self._counted(on)

    def held_on(self, on: date) -> Held:
        """What the registers held as a day began that has been counted."""
        return self._midnights[(on - self.installed).days][0]

    def months_before(self, on: date) -> list[tuple[date, Peaks]]:
        """The last day and the peaks of each month since the installation, the oldest first."""
        return [(ended, peaks) for ended, peaks in self._months.items() if ended < on]

    def _counted(self, on: date) -> CountedDay:
        kept = self._kept.get(on)
        if kept is None:
            midnight = self._midnights[(on - self.installed).days]
            while len(self._kept) >= _DAYS_KEPT:
                del self._kept[next(iter(self._kept))]
            kept = self._kept[on] = CountedDay(self._household.day(on), self._what, *midnight)
        return kept

    def _end(self, counted: CountedDay) -> None:
        on = counted.day.on
        peaks = self._midnights[-1][1]
        if self._what.demand:
            peaks = counted.peaks_at(counted.day.seconds)
        if (on + timedelta(days=1)).day == 1:
            self._months[on] = peaks
            peaks = Peaks.none(counted.day.begins + counted.day.seconds)
        self._midnights.append((counted.at_end(), peaks))


def _reactive_by_minute(day: Day, phases: int) -> Sequence[tuple[Counts, int, int]]:
    """What was counted in each quadrant until each minute, the minute's own, and its reactive power."""
    found: list[tuple[Counts, int, int]] = []
    counted = [0, 0, 0, 0]
    for powers, net in zip(day.powers, day.net, strict=True):
        var = sum(map(reactive_var, powers[:phases]))
        which = quadrant(net, var)
        var = abs(var)
        found.append((tuple(counted), which, var))
        counted[which] += 60 * var
    found.append((tuple(counted), 0, 0))
    return found
