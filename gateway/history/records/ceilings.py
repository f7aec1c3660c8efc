"""Ceilings: what no home can have, for every quantity that is recorded, shown or published. Pure.

A telegram whose checksum is right may still say what cannot be: a meter that is broken, a source that is
hostile, a form that was misread. Such a value is left out of its reading; the rest of it counts. The bounds
are generous: a farm behind current transformers must fit, with 1 MW. They stand in `gateway.quantities`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from gateway.p1 import MBusReading, Reading
from gateway.p1.reading import MonthDemand, MonthEnd, PowerFailure
from gateway.quantities import BY_NAME, DEVICE_REGISTERS

_MEGAWATT = 1_000_000
_LONGEST_FAILURE_S = 10 * 366 * 86_400


def impossible(quantities: Mapping[str, int]) -> tuple[str, ...]:
    """The names of the quantities that no home can have."""
    found: list[str] = []
    for name, value in quantities.items():
        unit = BY_NAME[name].unit
        if not unit.floor <= value <= unit.ceiling:
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
    unit = BY_NAME[_register(device)].unit
    return unit.floor <= device.register <= unit.ceiling


def _register(device: MBusReading) -> str:
    return DEVICE_REGISTERS[device.commodity]


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
