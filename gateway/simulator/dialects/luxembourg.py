"""The meter of Luxembourg, encrypted. Source: Smarty E-Meter P1 1.1.3."""

from __future__ import annotations

from gateway.p1.reading import SIMULATOR_MODEL
from gateway.simulator.dialects.dialect import (
    EMPTY,
    Dialect,
    device,
    lines,
)

SMARTY = Dialect(
    name="lu-smarty",
    title="Luxembourg, Smarty",
    country="LU",
    header=rf"XYZ5\{SIMULATOR_MODEL}_A",
    version="42",
    encrypted=True,
    lines=(
        *lines("version", "time", "device_name"),
        *lines("energy_import_wh", "energy_export_wh"),
        *lines("reactive_energy_import_varh", "reactive_energy_export_varh"),
        *lines("power_import_w", "power_export_w"),
        *lines("reactive_power_import_var", "reactive_power_export_var"),
        *lines("limiter_w", unit="kVA", absent="(999.9*kVA)"),
        *lines("apparent_power_import_va", "apparent_power_export_va"),
        *lines("fuse_threshold_ma", absent="(999*A)(-999*A)"),
        *lines("breaker_state", "relay_1_state", "relay_2_state"),
        *lines("failures_any", "sags_*", "swells_*"),
        *lines("message", absent=EMPTY),
        *lines(*(f"message_channel_{n}" for n in (1, 2, 3, 4)), absent=EMPTY),
        *lines("voltage_*_mv", "current_*_ma", "power_import_*_w", "power_export_*_w"),
        *lines("reactive_power_import_*_var", "reactive_power_export_*_var"),
    ),
    devices=tuple(
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
        )
    ),
)
