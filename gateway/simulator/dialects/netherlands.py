"""The meters of the Netherlands. Sources: DSMR P1 2.2, 3.0, 4.0.7, 4.2.2 and 5.0.2."""

from __future__ import annotations

from gateway.p1.reading import SIMULATOR_MODEL
from gateway.simulator.dialects.dialect import (
    EMPTY,
    Dialect,
    device,
    lines,
)

_ENERGIES = ("energy_import_t1_wh", "energy_import_t2_wh", "energy_export_t1_wh", "energy_export_t2_wh")
_POWERS = ("power_import_w", "power_export_w")

# DSMR 2 and 3: no clock, no checksum, powers in steps of ten watts, and gas in two lines.
_OLD_BODY = (
    *lines(*_ENERGIES, digits=(5, 3)),
    *lines("tariff"),
    *lines(*_POWERS, digits=(4, 2)),
)
_OLD_END = (*lines("breaker_state"), *lines("message_code", "message", absent=EMPTY))

DSMR_22 = Dialect(
    name="nl-dsmr22",
    title="the Netherlands, DSMR 2.2",
    country="NL",
    header=rf"XYZ5\2{SIMULATOR_MODEL}",
    serial="9600 7E1",
    checksum="",
    lines=(
        *lines("meter_number"),
        *_OLD_BODY,
        *lines("limiter_w", digits=(4, 2), absent="(0999.00*kW)"),
        *_OLD_END,
    ),
    devices=(
        device(
            "gas",
            3,
            lines("device_type", digits=(1, 0)),
            lines("device_number", "0-n:24.3.0", "valve_state"),
        ),
    ),
)

DSMR_3 = Dialect(
    name="nl-dsmr3",
    title="the Netherlands, DSMR 3.0",
    country="NL",
    serial="9600 7E1",
    checksum="",
    lines=(
        *lines("meter_number"),
        *_OLD_BODY,
        *lines("limiter_w", digits=(3, 0), unit="A", absent="(999*A)"),
        *_OLD_END,
    ),
    devices=(
        device(
            "gas",
            3,
            lines("device_number"),
            lines("device_type", digits=(2, 0)),
            lines("0-n:24.3.0", "valve_state"),
        ),
    ),
)

_QUALITY = (
    *lines("failures_any", "failures_long"),
    *lines("failures", digits=(10, 0), unit="s", absent=EMPTY),
    *lines("sags_*", "swells_*"),
)
_PHASE_POWERS = tuple(lines("power_import_*_w", "power_export_*_w"))
# One register line for each kind: its digits and its unit are the device's.
_DEVICES = tuple(
    device(
        commodity,
        kind,
        lines("device_type", "device_number"),
        lines("0-n:24.2.1", digits=digits, unit=unit),
        lines("valve_state"),
    )
    for commodity, kind, digits, unit in (
        ("gas", 3, (5, 3), "m3"),
        ("heat", 4, (5, 2), "GJ"),
        ("water", 7, (5, 3), "m3"),
        ("cooling", 10, (5, 2), "GJ"),
        ("submeter", 2, (6, 3), "kWh"),
    )
)

DSMR_4 = Dialect(
    name="nl-dsmr4",
    title="the Netherlands, DSMR 4.2",
    country="NL",
    version="42",
    lines=(
        *lines("version", "time", "meter_number", *_ENERGIES, "tariff", *_POWERS),
        *_QUALITY,
        *lines("message_code", "message", absent=EMPTY),
        *lines("current_*_ma"),
        *_PHASE_POWERS,
    ),
    devices=_DEVICES,
)

DSMR_40 = Dialect(
    name="nl-dsmr40",
    title="the Netherlands, DSMR 4.0",
    country="NL",
    version="40",
    lines=(
        *lines("version", "time", "meter_number", *_ENERGIES, "tariff", *_POWERS),
        *lines("limiter_w", absent="(999.9*kW)"),
        *lines("breaker_state"),
        *_QUALITY,
        *lines("message_code", "message", absent=EMPTY),
        *lines("current_*_ma"),
        *_PHASE_POWERS,
    ),
    devices=_DEVICES,
)

DSMR_5 = Dialect(
    name="nl-dsmr5",
    title="the Netherlands, DSMR 5.0",
    country="NL",
    version="50",
    period_s=1,
    lines=(
        *lines("version", "time", "meter_number", *_ENERGIES, "tariff", *_POWERS),
        *_QUALITY,
        *lines("message", absent=EMPTY),
        *lines("voltage_*_mv", "current_*_ma"),
        *_PHASE_POWERS,
    ),
    devices=_DEVICES,
)

# A heat meter with a P1 port of its own: no electricity, and an id of bytes that are no letters.
WARMTELINK = Dialect(
    name="nl-warmtelink",
    title="the Netherlands, WarmteLink (heat only)",
    country=None,
    header=f"XYZ-{SIMULATOR_MODEL}",
    checksum="X",
    lines=tuple(lines("time")),
    devices=(
        device(
            "heat",
            4,
            lines("device_type"),
            lines("device_number", plain=True),
            lines("0-n:24.2.1", digits=(4, 3), unit="GJ"),
        ),
    ),
)
