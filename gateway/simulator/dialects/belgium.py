"""The meters of Belgium: registers by tariff, and demand for the capacity tariff. Source: eMUCS-P1.

Tariff 1 is the day's. Thresholds that are off are written as the highest number.
"""

from __future__ import annotations

from gateway.simulator.dialects.dialect import (
    EMPTY,
    Dialect,
    device,
    lines,
)

_ENERGIES = ("energy_import_t1_wh", "energy_import_t2_wh", "energy_export_t1_wh", "energy_export_t2_wh")
_DEMANDS = ("demand_current_quarter_w", "demand_max_month_w", "demand_history")
_MEASURED = (
    *lines("power_import_w", "power_export_w", "power_import_*_w", "power_export_*_w"),
    *lines("voltage_*_mv"),
    *lines("current_*_ma", digits=(3, 2)),
)

FLUVIUS = Dialect(
    name="be-fluvius",
    title="Belgium, Fluvius (eMUCS 1.7)",
    country="BE",
    version="50217",
    period_s=1,
    lines=(
        *lines("emucs_version", "meter_number", "time", *_ENERGIES, *_DEMANDS, "tariff"),
        *_MEASURED,
        *lines("breaker_state"),
        *lines("limiter_w", absent="(999.9*kW)"),
        *lines("fuse_threshold_l1_ma", absent="(999*A)"),
        *lines("message", absent=EMPTY),
    ),
    devices=(
        # Belgium measures gas as it flows, not at a standard temperature: a code of its own.
        device("gas", 3, lines("device_type", "0-n:96.1.1", "valve_state", "0-n:24.2.3")),
        device("water", 7, lines("device_type", "0-n:96.1.1", "0-n:24.2.1")),
    ),
)

FLUVIUS_21 = Dialect(
    name="be-fluvius-21",
    title="Belgium, Fluvius (eMUCS 2.1)",
    country="BE",
    version="50221",
    period_s=1,
    lines=(
        *lines("emucs_version", "meter_number", "connection_ean", "time", *_ENERGIES, *_DEMANDS, "tariff"),
        *_MEASURED,
        *lines("grid_type", "breaker_state", "relay_1_state", "relay_2_state", "relay_3_state"),
        *lines("relay_4_state"),
        *lines("limiter_w", digits=(2, 3), absent="(99.999*kW)"),
        *lines("fuse_threshold_l1_ma", digits=(3, 2), absent="(999.99*A)"),
        *lines("message", absent=EMPTY),
    ),
    devices=tuple(
        device(
            commodity,
            kind,
            lines("device_type", "0-n:96.1.1", "device_ean", "valve_state"),
            lines("0-n:24.2.1", digits=(5, 3), unit=unit),
        )
        for commodity, kind, unit in (("gas", 3, "m3"), ("heat", 4, "GJ"), ("water", 7, "m3"))
    ),
)
