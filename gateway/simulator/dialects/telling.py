"""What a reader finds in the telegram of a reading.

What the dialect lacks is gone, and what it writes in fewer digits is cut to them. So
`decode(telegram_bytes(dialect, reading)) == told(dialect, reading)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from gateway.p1.obis import Form
from gateway.p1.reading import MBusReading, Reading
from gateway.simulator.dialects.dialect import Device, Dialect


def told(dialect: Dialect, reading: Reading) -> Reading:
    """What a reader finds in the telegram of this reading. Telling it again changes nothing."""
    named = dialect.named
    number = dialect.number_quantity
    texts = {name: text for name in dialect.texts if (text := text_of(dialect, reading, name))}
    return replace(
        reading,
        model=dialect.header,
        meter_number=reading.meter_number if number == "meter_number" else texts.get(number or ""),
        version=dialect.version,
        country=dialect.country,
        timed=reading.timed and "time" in named,
        texts=MappingProxyType(texts),
        quantities=MappingProxyType(_told_quantities(dialect, reading.quantities)),
        mbus=tuple(
            _told_device(dialect, device, one)
            for one in reading.mbus
            if (device := dialect.device(one.commodity))
        ),
        demand_max_at=reading.demand_max_at if "demand_max_month_w" in named else None,
        demand_history=reading.demand_history if "demand_history" in named else (),
        failures=reading.failures if "failures" in named else (),
        month_end=reading.month_end if "month_end" in named else None,
        unknown=(),
        unreadable=(),
    )


def text_of(dialect: Dialect, reading: Reading, name: str) -> str | None:
    """A text that the dialect has a line for; the meter's number stands where its meters have it."""
    if name == "meter_number":
        return reading.meter_number
    if name == "emucs_version":
        return dialect.version
    return reading.texts.get(name) or (reading.meter_number if name == dialect.number_quantity else None)


def _told_quantities(dialect: Dialect, quantities: Mapping[str, int]) -> dict[str, int]:
    steps = dialect.steps
    return {
        name: value if (step := steps[name]) == 1 else _cut(step, value)
        for name, value in quantities.items()
        if name in steps
    }


def _told_device(dialect: Dialect, device: Device, sent: MBusReading) -> MBusReading:
    named = device.named
    register = named["device_register"]
    captured_at = sent.captured_at
    if register.row.form is Form.HOURLY:  # without a flag, the hour that comes twice is its first coming
        clock = dialect.clock
        captured_at = clock.utc(clock.text(captured_at, clock.is_summer(captured_at))[:12])
    return replace(
        sent,
        number=sent.number if "device_number" in named else "",
        captured_at=captured_at,
        register=_cut(register.step, sent.register),
        valve_state=sent.valve_state if "valve_state" in named else None,
        ean=sent.ean if "device_ean" in named else None,
    )


def _cut(step: int, value: int) -> int:
    """A value to the last digit that the meter writes of it."""
    return value // step * step if value >= 0 else -(-value // step * step)
