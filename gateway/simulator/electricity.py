"""What a meter measures at an instant: volts, amperes and hertz, and what is made of them.

Reactive power follows the load, is constant over each minute, and so adds up exactly. All is whole
numbers in base units; below zero is what is fed back, or capacitive.
"""

from __future__ import annotations

import math
from functools import lru_cache

from gateway.simulator.household import Day

_BREATH_S = 1021  # a prime, as the others: it never repeats in step with minutes
# The grid's frequency is the same for every home: slow waves around 50.00 Hz.
_BREATH_MHZ = tuple(
    10 * round(2.2 * math.sin(2 * math.pi * n / _BREATH_S) + 1.4 * math.sin(2 * math.pi * 7 * n / _BREATH_S))
    for n in range(_BREATH_S)
)
_NOMINAL_MHZ = 50_000
_NOMINAL_DV = 2310

# Standing electronics are capacitive; small motors take a fifth of their power as reactive power,
# and heating elements next to none.
_STANDING_VAR = 24
_MOTORS_UP_TO_W = 600
_MOTORS_PERCENT, _HEATERS_PERCENT, _INVERTER_PERCENT = 22, 4, 3


def frequency_mhz(at: int) -> int:
    """The grid's frequency at a Unix time, as meters print it: to ten millihertz."""
    return _NOMINAL_MHZ + _BREATH_MHZ[at % _BREATH_S]


def decivolts(day: Day, second: int, phase: int, watts: int) -> int:
    """The voltage of a phase: the grid breathes by a volt and a half, and a kilowatt takes six tenths."""
    breath: int = day.ripples[(day.begins + second) // 20 * 7 % len(day.ripples)] + (phase - 1) * 4
    return _NOMINAL_DV + 2 * breath - watts * 6 // 1000


def milliamperes(watts: int, dv: int, step: int) -> int:
    """The current of a phase, rounded to steps as the meter prints it."""
    return (abs(watts) * 10_000 + dv * step // 2) // (dv * step) * step


@lru_cache(maxsize=4096)
def reactive_var(watts: int) -> int:
    """The reactive power of a phase that draws, or feeds back, so much."""
    if watts < 0:
        return -watts * _INVERTER_PERCENT // 100 - _STANDING_VAR
    motors = min(watts, _MOTORS_UP_TO_W)
    return (motors * _MOTORS_PERCENT + (watts - motors) * _HEATERS_PERCENT) // 100 - _STANDING_VAR


def quadrant(watts: int, var: int) -> int:
    """Where power and reactive power lie, 0 to 3: the IEC's quadrants I to IV."""
    if var >= 0:
        return 0 if watts >= 0 else 1
    return 2 if watts < 0 else 3


def apparent_va(watts: int, var: int) -> int:
    return round(math.hypot(watts, var))


def power_factor_permille(watts: int, var: int) -> int:
    """Below zero while power is fed back; 1 where nothing flows."""
    whole = apparent_va(watts, var)
    return max(-1000, min(1000, round(1000 * watts / whole))) if whole else 1000
