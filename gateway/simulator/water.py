"""Water: showers, taps, toilets and machines of a home, as what runs in each slot of five minutes."""

from __future__ import annotations

from random import Random

from gateway.simulator.appliances import Rhythm
from gateway.simulator.gas import SLOT

_SHOWER_ML, _FLUSH_ML, _TAP_ML, _MACHINE_ML = 58_000, 7_000, 3_500, 45_000


def millilitres_of_day(chance: Random, rhythm: Rhythm, share: float, minutes: int) -> dict[int, int]:
    """What runs, by the minute on the wall clock. `share`: of what a family needs."""
    drawn: dict[int, int] = {}

    def draw(minute: int, millilitres: float) -> None:
        minute = min(minute, minutes - 1) // (SLOT // 60) * (SLOT // 60)
        drawn[minute] = drawn.get(minute, 0) + int(millilitres * share)

    if rhythm.away:
        return drawn
    for _ in range(chance.randint(1, 4)):
        draw(rhythm.wakes + chance.randint(5, 60), _SHOWER_ML * chance.uniform(0.6, 1.5))
    for begin, end in rhythm.home:
        for _ in range((end - begin) // 40):
            draw(chance.randint(begin, end), _FLUSH_ML + chance.randint(0, 3) * _TAP_ML)
    if chance.random() < 0.6:
        draw(rhythm.returns + 60, _MACHINE_ML)
    return drawn
