"""A household: what it draws, feeds back and burns at any second.

What happens on a local day depends on the seed and that day alone. Power is constant over pieces
of one minute, in whole watts, so that energy adds up exactly over any stretch and in
any steps. The ripple on top of it cancels out over every two seconds and never turns import into
export.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from random import Random
from zoneinfo import ZoneInfo

from gateway.simulator import gas, storage, water
from gateway.simulator.appliances import (
    DAY,
    HOUR,
    L1,
    MINUTE,
    Rhythm,
    Run,
    runs_of_day,
)
from gateway.simulator.holidays import public_holidays
from gateway.simulator.homes import USUAL, Home
from gateway.simulator.weather import Weather

LOCAL = ZoneInfo("Europe/Amsterdam")
_CHANGEOVER = 3  # clocks change before three at night
_RIPPLES = 509  # a prime: no minute looks like the one before
_RIPPLE_W = 8
_SATURDAY = 5
_FROST, _FROST_W = 3.0, 450  # what keeps an empty holiday home from freezing, per phase
_HEATED_W = 900  # what warms it while somebody is there
_INDOORS = 16.0

Phases = tuple[int, int, int]
"""Watts on L1, L2 and L3; below zero what is fed back."""


@dataclass(frozen=True, slots=True)
class Day:
    """One local day. Seconds count from its beginning; powers in W, energies in W·s.

    `powers` and `net` hold a value for each minute; `imported` and `exported` what was counted by
    the beginning of each minute. `counts` holds, by commodity, what was counted by the beginning of
    each slot of so many seconds: gas and water in ml, heat in J, a submeter's energy in W·s.
    """

    on: date
    begins: int
    seconds: int
    powers: Sequence[Phases]
    net: Sequence[int]
    imported: Sequence[int]
    exported: Sequence[int]
    counts: Mapping[str, tuple[int, Sequence[int]]]
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

    def counted(self, commodity: str, second: int) -> int:
        """What the meter of a commodity counted since the day began; it flows evenly within a slot."""
        slot_s, counts = self.counts[commodity]
        slot, into = divmod(second, slot_s)
        return counts[slot] + ((counts[slot + 1] - counts[slot]) * into // slot_s if into else 0)

    def second_of(self, hour: int) -> int:
        """The second at which the wall clock shows a full hour."""
        return hour * HOUR if hour < _CHANGEOVER else hour * HOUR + self.seconds - DAY

    def _ripple(self, minute: int, second: int) -> int:
        net = abs(self.net[minute])
        # Smaller than the net power: import stays import.
        return 0 if net < 2 * _RIPPLE_W else self.ripples[second // 2 % _RIPPLES] * (100 + net // 4) // 100


@dataclass(frozen=True, slots=True)
class _Behind:
    """What happens behind the meter on a day, before a battery: the watts and what else is counted."""

    loads: tuple[list[int], list[int], list[int]]
    net: list[int]
    counts: dict[str, tuple[int, Sequence[int]]]
    ripples: list[int]


class Household:
    """The household of one seed, in a home in the Netherlands."""

    def __init__(self, seed: int, home: Home = USUAL) -> None:
        self.seed = seed
        self.home = home
        self._weather = Weather(seed)
        # The last two days behind the meter: a battery asks for yesterday's.
        self._behind: dict[date, _Behind] = {}

    def day(self, on: date) -> Day:
        """Everything that happens on a local day."""
        begins, seconds = _bounds(on)
        behind = self._behind_meter(on)
        l1, l2, l3 = behind.loads
        if self.home.battery_wh:
            l2 = [watts + battery for watts, battery in zip(l2, self._battery(on), strict=True)]
        powers = list(zip(l1, l2, l3, strict=True))
        net = [sum(phases) for phases in powers]
        return Day(
            on=on,
            begins=begins,
            seconds=seconds,
            powers=powers,
            net=net,
            imported=list(accumulate((watts * MINUTE if watts > 0 else 0 for watts in net), initial=0)),
            exported=list(accumulate((-watts * MINUTE if watts < 0 else 0 for watts in net), initial=0)),
            counts=behind.counts,
            ripples=behind.ripples,
        )

    def _behind_meter(self, on: date) -> _Behind:
        found = self._behind.get(on)
        if found is None:
            while len(self._behind) > 1:
                del self._behind[next(iter(self._behind))]
            found = self._behind[on] = self._made(on)
        return found

    def _made(self, on: date) -> _Behind:
        begins, seconds = _bounds(on)
        home, chance, weather = self.home, self._chance("day", str(on)), self._weather
        at_home = on.weekday() >= _SATURDAY or on in public_holidays(on.year)
        rhythm = Rhythm.of(chance, weekend=at_home, away=self.is_away(on))
        first_minute, minutes = begins % DAY // MINUTE, seconds // MINUTE
        dark = weather.daylight(on, first_minute, minutes)
        runs = _kept(runs_of_day(chance, rhythm, dark), home, self._chance("kept", str(on)))
        temperature = weather.temperature(on)
        wall = [_wall(slot * gas.SLOT // MINUTE, minutes) for slot in range(seconds // gas.SLOT)]
        burnt = gas.millilitres_of_day(chance, rhythm, temperature, wall, home.warmth)
        ripples = chance.choices(range(-_RIPPLE_W, _RIPPLE_W + 1), k=_RIPPLES)
        own = self._own_machine(on, rhythm, burnt, temperature, minutes)
        runs += self._frost_heating(rhythm, temperature)
        l1, l2, l3 = _added_up(runs, minutes)
        if home.pv_peak_w:
            sun = weather.sunshine(on, first_minute, minutes)
            l1 = [watts - round(home.pv_peak_w * share) for watts, share in zip(l1, sun, strict=True)]
        if own is not None:  # three phases share it evenly
            l1, l2, l3 = (
                [w + more // 3 for w, more in zip(phase, own, strict=True)] for phase in (l1, l2, l3)
            )
        if home.phases == 1:
            l1 = [sum(each) for each in zip(l1, l2, l3, strict=True)]
            l2 = l3 = [0] * minutes
        net = [sum(each) for each in zip(l1, l2, l3, strict=True)]
        return _Behind((l1, l2, l3), net, self._counts(on, rhythm, burnt, own, minutes), ripples)

    def _own_machine(
        self, on: date, rhythm: Rhythm, burnt: Sequence[int], temperature: float, minutes: int
    ) -> list[int] | None:
        """The watts of what has a meter of its own: the heat pump or the car."""
        if self.home.heat_pump:
            return storage.heat_pump_watts(burnt, temperature)
        if not self.home.car:
            return None
        watts = [0] * minutes
        charge = storage.car_charge(self._chance("car", str(on)), rhythm.away)
        if charge is not None:
            start, length, power = charge
            first = _elapsed(start, minutes)
            for minute in range(first, min(first + length, minutes)):
                watts[minute] = power
        return watts

    def _frost_heating(self, rhythm: Rhythm, temperature: float) -> list[Run]:
        if not self.home.seldom_used:
            return []
        if rhythm.away:
            return [Run(0, 300, L1, _FROST_W)] if temperature < _FROST else []
        if temperature >= _INDOORS:
            return []
        return [Run(begin, end - begin, L1, _HEATED_W) for begin, end in rhythm.home]

    def _counts(
        self, on: date, rhythm: Rhythm, burnt: Sequence[int], own: Sequence[int] | None, minutes: int
    ) -> dict[str, tuple[int, Sequence[int]]]:
        counts: dict[str, tuple[int, Sequence[int]]] = {}
        for commodity in self.home.devices:
            if commodity == "gas":
                counts["gas"] = gas.SLOT, list(accumulate(burnt, initial=0))
            elif commodity == "heat":
                joules = (round(ml * storage.JOULES_PER_ML) for ml in burnt)
                counts["heat"] = gas.SLOT, list(accumulate(joules, initial=0))
            elif commodity == "water":
                drawn = water.millilitres_of_day(
                    self._chance("water", str(on)), rhythm, self.home.appliances, 1440
                )
                slots = [0] * (minutes * MINUTE // gas.SLOT)
                for minute, millilitres in drawn.items():
                    slots[_elapsed(minute, minutes) * MINUTE // gas.SLOT] += millilitres
                counts["water"] = gas.SLOT, list(accumulate(slots, initial=0))
            elif own is not None:
                counts["submeter"] = MINUTE, list(accumulate((w * MINUTE for w in own), initial=0))
        return counts

    def _battery(self, on: date) -> list[int]:
        """What the battery draws in each minute; what it holds at midnight follows from yesterday."""
        capacity = self.home.battery_wh
        yesterday = self._behind_meter(on - timedelta(days=1)).net
        _, stored = storage.battery_watts(yesterday, capacity, 0.0, 7 * 60)
        drawn, _ = storage.battery_watts(self._behind_meter(on).net, capacity, stored, 0)
        return drawn

    def is_away(self, on: date) -> bool:
        """True on the days of the summer holiday and on a few others; in a holiday home, on most."""
        if self.home.seldom_used:
            return not self._is_visited(on)
        holiday = self._chance("holiday", str(on.year))
        leaves = date(on.year, 7, 8) + timedelta(days=holiday.randint(0, 30))
        if leaves <= on < leaves + timedelta(days=holiday.randint(9, 17)):
            return True
        return self._chance("away", str(on)).random() < 0.03

    def _is_visited(self, on: date) -> bool:
        if date(on.year, 7, 18) <= on <= date(on.year, 8, 8):
            return True
        saturday = on - timedelta(days=on.weekday() - _SATURDAY)
        weekend = on.weekday() >= _SATURDAY and 4 <= on.month <= 10
        return weekend and self._chance("weekend", str(saturday)).random() < 0.6

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


def _kept(runs: list[Run], home: Home, chance: Random) -> list[Run]:
    """What of a family's appliances a home has; what is never switched off is smaller there."""
    if home.appliances == home.standing == 1.0:
        return runs
    return [
        Run(run.start, run.minutes, run.phase, round(run.watts * home.standing)) if _stands(run) else run
        for run in runs
        if _stands(run) or chance.random() < home.appliances
    ]


def _stands(run: Run) -> bool:
    return run.watts < 100


def _wall(minute: int, minutes: int) -> int:
    """The minute on the wall clock: the inverse of `_elapsed`."""
    later = minute + 1440 - minutes
    return later if later >= _CHANGEOVER * 60 else minute


def _elapsed(wall_minute: int, minutes: int) -> int:
    """Minutes since the day began, for a minute on the wall clock."""
    return wall_minute if wall_minute < _CHANGEOVER * 60 else wall_minute + minutes - 1440
