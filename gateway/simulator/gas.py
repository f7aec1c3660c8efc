"""Gas: the boiler heats when it is cold and people are up, and makes hot water."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

from gateway.simulator.appliances import HOUR, Rhythm

SLOT = 300  # the gas meter is read every five minutes
_INDOORS = 16.5  # below this outdoor mean the house is heated
_ML_PER_DEGREE_DAY = 440_000
_SHOWER_ML = 240_000
_TAP_ML = 18_000
_NIGHT, _WARMING_UP, _KEPT_WARM, _EVENING = 0.25, 2.6, 1.0, 1.5


def millilitres_of_day(
    chance: Random, rhythm: Rhythm, temperature: float, wall: Sequence[int], share: float = 1.0
) -> list[int]:
    """What is burnt in each slot of five minutes, from midnight on.

    `wall` is the minute on the wall clock at which each slot begins; `share`: of an older house's heat.
    """
    weights = [_wish(minute, rhythm) for minute in wall]
    cold = max(0.0, _INDOORS - temperature)
    heat = cold * share * _ML_PER_DEGREE_DAY * (0.35 if rhythm.away else 1.0)
    share = heat / sum(weights)
    burnt = [int(share * weight * chance.uniform(0.3, 1.7)) for weight in weights]
    for minute, millilitres in _hot_water(chance, rhythm):
        # The first slot that begins at that minute or later.
        slot = next((n for n, begins in enumerate(wall) if begins >= minute), len(wall) - 1)
        burnt[slot] += millilitres
    return burnt


def _wish(minute: int, rhythm: Rhythm) -> float:
    """How much the thermostat asks at a minute of the day, against the day's mean."""
    outside = 1.15 + 0.15 * math.cos((minute / 60 - 4) * math.pi / 12)  # coldest before dawn
    if rhythm.away or not rhythm.wakes - 30 <= minute < rhythm.sleeps - 20:
        return _NIGHT * outside
    if minute < rhythm.wakes + 60:
        return _WARMING_UP * outside
    if rhythm.leaves <= minute < rhythm.returns:
        return _NIGHT * 2 * outside
    return (_KEPT_WARM if minute < 17 * HOUR // 60 else _EVENING) * outside


def _hot_water(chance: Random, rhythm: Rhythm) -> list[tuple[int, int]]:
    if rhythm.away:
        return []
    showers = [
        (rhythm.wakes + chance.randint(5, 40), int(_SHOWER_ML * chance.uniform(0.6, 1.3)))
        for _ in range(chance.randint(1, 3))
    ]
    taps = [
        (chance.randint(begin, end), int(_TAP_ML * chance.uniform(0.3, 1.5)))
        for begin, end in rhythm.home
        for _ in range((end - begin) // 90)
    ]
    return showers + taps
