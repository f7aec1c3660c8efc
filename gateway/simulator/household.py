"""A household: what it draws, feeds back and burns at any second.

What happens on a local day depends on the seed and that day alone. Power is constant over pieces
of one minute, in whole watts, so that energy adds up exactly over any stretch and in
any steps. The ripple on top of it cancels out over every two seconds and never turns import into
export.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from random import Random
from zoneinfo import ZoneInfo

from gateway.simulator import gas
from gateway.simulator.appliances import DAY, HOUR, MINUTE, Rhythm, Run, runs_of_day
from gateway.simulator.weather import Weather

LOCAL = ZoneInfo("Europe/Amsterdam")
_CHANGEOVER = 3  # clocks change before three at night
_RIPPLES = 509  # a prime: no minute looks like the one before
_RIPPLE_W = 8

Phases = tuple[int, int, int]
"""Watts on L1, L2 and L3; below zero what is fed back."""


@dataclass(frozen=True, slots=True)
class Day:
    """One local day. Seconds count from its beginning; powers in W, energies in W·s.

    `powers` and `net` hold a value for each minute; `imported`, `exported` and `burnt_ml` what
    was counted by the beginning of each minute and of each of the gas meter's slots.
    """

    on: date
    begins: int
    seconds: int
    powers: Sequence[Phases]
    net: Sequence[int]
    imported: Sequence[int]
    exported: Sequence[int]
    burnt_ml: Sequence[int]
    ripples: Sequence[int]

    def power_at(self, second: int) -> Phases:
        """The power from this second to the next."""
        minute = second // MINUTE
        l1, l2, l3 = self.powers[minute]
        ripple = self._ripple(minute, second)
        return l1 + (-ripple if second % 2 else ripple), l2, l3

    def energy_at(self, second: int) -> tuple[int, int]:
        """What was imported and exported since the day began."""
        minute, into = divmod(second, MINUTE)
        if not into:
            return self.imported[minute], self.exported[minute]
        net = self.net[minute]
        flowed = net * into + (self._ripple(minute, second) if second % 2 else 0)
        if net >= 0:
            return self.imported[minute] + flowed, self.exported[minute]
        return self.imported[minute], self.exported[minute] - flowed

    def gas_at(self, second: int) -> int:
        """The millilitres burnt since the day began, as the gas meter last told."""
        return self.burnt_ml[second // gas.SLOT]

    def second_of(self, hour: int) -> int:
        """The second at which the wall clock shows a full hour."""
        return hour * HOUR if hour < _CHANGEOVER else hour * HOUR + self.seconds - DAY

    def _ripple(self, minute: int, second: int) -> int:
        net = abs(self.net[minute])
        # Smaller than the net power: import stays import.
        return 0 if net < 2 * _RIPPLE_W else self.ripples[second // 2 % _RIPPLES] * (100 + net // 4) // 100


class Household:
    """The household of one seed, in the Netherlands, with panels of `pv_peak_w` on its roof."""

    def __init__(self, seed: int, pv_peak_w: int = 3900) -> None:
        self.seed = seed
        self._pv_peak_w = pv_peak_w
        self._weather = Weather(seed)

    def day(self, on: date) -> Day:
        """Everything that happens on a local day."""
        begins, seconds = _bounds(on)
        chance = self._chance("day", str(on))
        rhythm = Rhythm.of(chance, weekend=on.weekday() >= 5, away=self.is_away(on))
        first_minute, minutes = begins % DAY // MINUTE, seconds // MINUTE
        dark = self._weather.daylight(on, first_minute, minutes)
        loads = _added_up(runs_of_day(chance, rhythm, dark), minutes)
        sun = self._weather.sunshine(on, first_minute, minutes)
        powers = [
            (l1 - round(self._pv_peak_w * share), l2, l3)
            for l1, l2, l3, share in zip(*loads, sun, strict=True)
        ]
        net = [sum(phases) for phases in powers]
        burnt = gas.millilitres_of_day(chance, rhythm, self._weather.temperature(on), seconds // gas.SLOT)
        return Day(
            on=on,
            begins=begins,
            seconds=seconds,
            powers=powers,
            net=net,
            imported=list(accumulate((watts * MINUTE if watts > 0 else 0 for watts in net), initial=0)),
            exported=list(accumulate((-watts * MINUTE if watts < 0 else 0 for watts in net), initial=0)),
            burnt_ml=list(accumulate(burnt, initial=0)),
            ripples=chance.choices(range(-_RIPPLE_W, _RIPPLE_W + 1), k=_RIPPLES),
        )

    def is_away(self, on: date) -> bool:
        """True on the days of the summer holiday and on a few others."""
        holiday = self._chance("holiday", str(on.year))
        leaves = date(on.year, 7, 8) + timedelta(days=holiday.randint(0, 30))
        if leaves <= on < leaves + timedelta(days=holiday.randint(9, 17)):
            return True
        return self._chance("away", str(on)).random() < 0.03

    def _chance(self, subject: str, when: str) -> Random:
        return Random(f"{self.seed}/{subject}/{when}")


def _bounds(on: date) -> tuple[int, int]:
    """When a local day begins (Unix time), and its seconds: of 23, 24 or 25 hours."""
    begin, end = (
        int(datetime.combine(day, time(), LOCAL).astimezone(UTC).timestamp())
        for day in (on, on + timedelta(days=1))
    )
    return begin, end - begin


def _added_up(runs: Sequence[Run], minutes: int) -> tuple[list[int], ...]:
    """The watts of each phase in each minute; what runs past the day's end is cut off."""
    steps = tuple([0] * minutes for _ in range(3))
    for run in runs:
        begin, end = (_elapsed(minute, minutes) for minute in (run.start, run.start + run.minutes))
        if begin < minutes:
            steps[run.phase][begin] += run.watts
        if end < minutes:
            steps[run.phase][end] -= run.watts
    return tuple(list(accumulate(phase)) for phase in steps)


def _elapsed(wall_minute: int, minutes: int) -> int:
    """Minutes since the day began, for a minute on the wall clock."""
    return wall_minute if wall_minute < _CHANGEOVER * 60 else wall_minute + minutes - 1440
