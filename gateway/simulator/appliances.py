"""What runs in a home on one day, and when: the loads behind the meter.

Times are minutes on the wall clock since local midnight. L1 feeds light and sockets, L2 the
kitchen, L3 the laundry and half of the hob.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

L1, L2, L3 = 0, 1, 2
MINUTE, HOUR, DAY = 60, 3600, 86_400  # seconds


@dataclass(frozen=True, slots=True)
class Run:
    """A constant load on one phase."""

    start: int
    minutes: int
    phase: int
    watts: int


@dataclass(frozen=True, slots=True)
class Rhythm:
    """A day's course for the people: when they wake, leave, return and sleep (minutes)."""

    wakes: int
    leaves: int
    returns: int
    sleeps: int
    away: bool

    @classmethod
    def of(cls, chance: Random, weekend: bool, away: bool) -> Rhythm:
        if weekend:
            wakes, leaves = chance.randint(470, 560), chance.randint(630, 780)
            returns = leaves + chance.choice([0, 60, 120, 210])
            return cls(wakes, leaves, returns, chance.randint(1380, 1430), away)
        wakes, leaves = chance.randint(385, 430), chance.randint(475, 510)
        returns = leaves if chance.random() < 0.25 else chance.randint(960, 1070)  # a day at home
        return cls(wakes, leaves, returns, chance.randint(1340, 1405), away)

    @property
    def home(self) -> tuple[tuple[int, int], ...]:
        """The stretches in which somebody is up and at home."""
        return () if self.away else ((self.wakes, self.leaves), (self.returns, self.sleeps))


def runs_of_day(chance: Random, rhythm: Rhythm, dark: tuple[int, int]) -> list[Run]:
    """Every run of a day; `dark` is the minutes of sunrise and sunset."""
    runs = [*_standing(chance), *_cooling(chance)]
    if not rhythm.away:
        runs += _light(chance, rhythm, *dark)
        runs += _screens(chance, rhythm)
        runs += _morning(chance, rhythm)
        runs += _cooking(chance, rhythm)
        runs += _laundry(chance, rhythm)
        runs += _dishes(chance, rhythm)
    return runs


def _standing(chance: Random) -> Iterator[Run]:
    """What is never switched off: router, ventilation, chargers, standby."""
    yield Run(0, 1500, L1, chance.randint(58, 68))
    yield Run(0, 1500, L2, chance.randint(18, 24))
    yield Run(0, 1500, L3, chance.randint(22, 28))


def _cooling(chance: Random) -> Iterator[Run]:
    """The fridge and the freezer, each in its cycle."""
    for phase, watts in ((L2, 78), (L3, 95)):
        minute = chance.randint(0, 30)
        while minute < 1500:
            on = chance.randint(11, 18)
            yield Run(minute, on, phase, watts + chance.randint(-4, 4))
            minute += on + chance.randint(26, 42)


def _light(chance: Random, rhythm: Rhythm, sunrise: int, sunset: int) -> Iterator[Run]:
    for begin, end in rhythm.home:
        for on, off in ((begin, min(end, sunrise + 30)), (max(begin, sunset - 20), end)):
            minute = on
            while minute < off:
                minutes = min(chance.randint(20, 70), off - minute)
                yield Run(minute, minutes, L1, chance.randint(70, 190))
                minute += minutes


def _screens(chance: Random, rhythm: Rhythm) -> Iterator[Run]:
    evening = max(rhythm.returns, 1140)
    yield Run(evening + chance.randint(10, 50), chance.randint(70, 150), L1, chance.randint(105, 150))
    for begin, end in rhythm.home:
        if end - begin > 120:
            start = chance.randint(begin, end - 60)
            yield Run(start, min(chance.randint(60, 240), end - start), L1, chance.randint(45, 110))


def _morning(chance: Random, rhythm: Rhythm) -> Iterator[Run]:
    yield Run(rhythm.wakes + chance.randint(8, 20), 3, L2, 1950)  # kettle
    yield Run(rhythm.wakes + chance.randint(10, 30), 4, L2, 1250)  # coffee
    if chance.random() < 0.5:
        yield Run(rhythm.wakes + chance.randint(12, 30), 3, L2, 850)  # toast
    if chance.random() < 0.5:
        yield Run(rhythm.wakes + chance.randint(20, 40), 6, L1, 1400)  # hair
    for begin, end in rhythm.home:
        if end - begin > 150 and chance.random() < 0.8:
            yield Run(chance.randint(begin + 60, end - 60), 3, L2, 1950)  # tea


def _cooking(chance: Random, rhythm: Rhythm) -> Iterator[Run]:
    start = max(rhythm.returns + 15, chance.randint(1045, 1090))
    if chance.random() < 0.12:  # eating out
        return
    yield Run(start, chance.randint(30, 50), L2, 110)  # hood
    for phase, hottest in ((L2, 1900), (L3, 1500)):
        minute = start + chance.randint(0, 12)
        yield Run(minute, chance.randint(5, 9), phase, hottest)
        minute += 9
        for _ in range(chance.randint(4, 9)):
            yield Run(minute, chance.randint(1, 2), phase, chance.randint(600, 1300))
            minute += 3
    if chance.random() < 0.35:
        yield from _oven(chance, start)


def _oven(chance: Random, start: int) -> Iterator[Run]:
    yield Run(start, chance.randint(9, 12), L3, 2300)
    minute = start + 12
    for _ in range(chance.randint(5, 9)):
        yield Run(minute, chance.randint(1, 2), L3, 2300)
        minute += 4


def _laundry(chance: Random, rhythm: Rhythm) -> Iterator[Run]:
    if chance.random() > 0.5:
        return
    start = rhythm.wakes + chance.randint(30, 90) if chance.random() < 0.5 else rhythm.returns + 40
    yield Run(start + 4, chance.randint(14, 20), L3, 2050)
    yield Run(start, 68, L3, 140)
    yield Run(start + 68, 9, L3, 420)
    if chance.random() < 0.45:
        yield Run(start + 90, chance.randint(65, 95), L3, 820)  # dryer


def _dishes(chance: Random, rhythm: Rhythm) -> Iterator[Run]:
    if chance.random() > 0.62:
        return
    start = min(max(rhythm.returns + 120, chance.choice([1170, 1200, 1290])), 1310)
    yield Run(start, 88, L2, 55)
    yield Run(start + 6, chance.randint(14, 18), L2, 1850)
    yield Run(start + 52, chance.randint(11, 14), L2, 1850)
