"""Ceilings: what no home can have, for every quantity that is recorded, shown or published. Pure.

A telegram whose checksum is right may still say what cannot be: a meter that is broken, a source that is
hostile, a form that was misread. Such a value is left out of its reading; the rest of it counts. The bounds
are generous: a farm behind current transformers must fit, with 1 MW.

What a quantity is measured in, its name says with its end; what has no unit is a count or a choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from gateway.p1 import MBusReading, Reading, obis
from gateway.p1.reading import MonthDemand, MonthEnd, PowerFailure

Range = tuple[int, int]

_MEGAWATT = 1_000_000
_BY_UNIT: Mapping[str, Range] = {
    "w": (-_MEGAWATT, _MEGAWATT),
    "va": (-_MEGAWATT, _MEGAWATT),
    "var": (-_MEGAWATT, _MEGAWATT),
    # Registers: the most that any meter can print, Sweden's 8.3 digits.
    "wh": (0, 10**11),
    "varh": (0, 10**11),
    "litre": (0, 10**10),
    "kj": (0, 10**12),
    "mv": (0, 1_000_000),
    "ma": (-2_000_000, 2_000_000),
    "mhz": (40_000, 70_000),
    "permille": (-1000, 1000),
}
# Counters have five digits (DSMR P1 5.0.2, F5(0,0)).
_COUNT: Range = (0, 99_999)
_CHOICE: Range = (0, 99)
_LONGEST_FAILURE_S = 10 * 366 * 86_400


def _range(name: str) -> Range:
    named = _BY_UNIT.get(name.rpartition("_")[2])
    if named is not None:
        return named
    return _CHOICE if name == "tariff" or name.endswith("_state") else _COUNT


CEILINGS: Mapping[str, Range] = {
    name: _range(name) for name in (*obis.COUNTED_QUANTITIES, *obis.MBUS_REGISTERS.values())
}
"""The lowest and the highest value that a home can have, by the quantity's name."""


def impossible(quantities: Mapping[str, int]) -> tuple[str, ...]:
    """The names of the quantities that no home can have."""
    found: list[str] = []
    for name, value in quantities.items():
        low, high = CEILINGS[name]
        if not low <= value <= high:
            found.append(name)
    return tuple(found)


def without_impossible(reading: Reading) -> tuple[Reading, tuple[str, ...]]:
    """The reading without what no home can have, and the names of what was left out: none as a rule."""
    names = impossible(reading.quantities)
    devices = tuple(device for device in reading.mbus if _is_possible(device))
    if len(devices) < len(reading.mbus):
        names += tuple(_register(device) for device in reading.mbus if device not in devices)
    demands = _demands(reading.demand_history)
    failures = tuple(one for one in reading.failures if _lasted(one))
    month_end, of_month = _month_end(reading.month_end)
    names += of_month
    if len(demands) < len(reading.demand_history):
        names += ("demand_history",)
    if len(failures) < len(reading.failures):
        names += ("failures",)
    if not names:
        return reading, ()
    left = {name: value for name, value in reading.quantities.items() if name not in names}
    rest = replace(
        reading,
        quantities=MappingProxyType(left),
        mbus=devices,
        demand_history=demands,
        failures=failures,
        month_end=month_end,
    )
    return rest, tuple(dict.fromkeys(names))


def _is_possible(device: MBusReading) -> bool:
    low, high = CEILINGS[_register(device)]
    return low <= device.register <= high


def _register(device: MBusReading) -> str:
    return obis.MBUS_REGISTERS[device.commodity]


def _demands(months: Iterable[MonthDemand]) -> tuple[MonthDemand, ...]:
    return tuple(month for month in months if 0 <= month.demand_w <= _MEGAWATT)


def _lasted(failure: PowerFailure) -> bool:
    return 0 <= failure.duration_s <= _LONGEST_FAILURE_S


def _month_end(sent: MonthEnd | None) -> tuple[MonthEnd | None, tuple[str, ...]]:
    if sent is None:
        return None, ()
    names = impossible(sent.quantities)
    if not names and all(abs(demand) <= _MEGAWATT for demand in sent.demands_w):
        return sent, ()
    return None, (*names, "month_end")
