"""What a home with more than sockets adds to its load: a heat pump, a car, a battery."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from gateway.simulator.gas import SLOT

# The heat in a millilitre of gas, and what a boiler makes of it.
JOULES_PER_ML = 31.65
_BOILER = 0.95
_HEAT_PUMP_W = 3300
_CAR_W = 3 * 3680
_BATTERY_W = 3000
_BATTERY_EFFICIENCY = 0.95  # each way
_SELLS_FROM, _MORNING = 4 * 60, 7 * 60


def heat_pump_watts(burnt_ml: Sequence[int], temperature: float) -> list[int]:
    """What a heat pump draws in each minute, in the place of a boiler that burns so much in each slot.

    It runs longer instead of hotter: what it cannot deliver at once, it delivers later.
    """
    performance = min(5.0, max(2.2, 3.3 + 0.09 * temperature))
    watts: list[int] = []
    waiting = 0.0
    for millilitres in burnt_ml:
        waiting += millilitres * JOULES_PER_ML * _BOILER / performance
        now = min(_HEAT_PUMP_W, int(waiting / SLOT) // 3 * 3)
        waiting -= now * SLOT
        watts += [now] * (SLOT // 60)
    return watts


def car_charge(chance: Random, away: bool) -> tuple[int, int, int] | None:
    """When a car is charged on a day: the minute on the wall clock, how many minutes, with how much."""
    if chance.random() > 0.5 or away:
        return None
    minutes = round(chance.uniform(7000, 24_000) / _CAR_W * 60)
    at_night = chance.random() < 0.7
    return chance.randint(10, 60) if at_night else chance.randint(1100, 1220), minutes, _CAR_W


def battery_watts(
    net: Sequence[int], capacity_wh: int, stored: float, from_minute: int
) -> tuple[list[int], float]:
    """What a battery draws (below zero: delivers) in each minute, and what it holds at the end, in W·s.

    It takes what the roof has to spare and gives it back to the home. What is left in the early
    morning it sells, so that it begins the day empty: a day depends on the day before it alone.
    """
    capacity = capacity_wh * 3600
    drawn = [0] * len(net)
    for minute in range(from_minute, len(net)):
        if minute == _MORNING:
            stored = 0.0
        need = max(net[minute], _BATTERY_W) if _SELLS_FROM <= minute < _MORNING else net[minute]
        if need < 0:
            room = (capacity - stored) / 60 / _BATTERY_EFFICIENCY
            watts = int(min(-need, _BATTERY_W, room))
            stored += watts * 60 * _BATTERY_EFFICIENCY
        else:
            watts = -int(min(need, _BATTERY_W, stored * _BATTERY_EFFICIENCY / 60))
            stored = max(0.0, stored + watts * 60 / _BATTERY_EFFICIENCY)
        drawn[minute] = watts
    return drawn, stored
