"""The meters of Switzerland: DSMR 5, with the registers of a second channel (1-1)."""

from __future__ import annotations

from gateway.simulator.dialects.dialect import Dialect, lines

SWISS = Dialect(
    name="ch",
    title="Switzerland",
    country="CH",
    version="50",
    lines=(
        *lines("version", "time", "meter_number"),
        *lines("1-1:1.8.1", "1-1:1.8.2", "1-1:2.8.1", "1-1:2.8.2"),
        *lines("tariff", "power_import_w", "power_export_w"),
        *lines("voltage_*_mv"),
        *lines("current_*_ma", digits=(3, 2)),
        *lines("power_import_*_w", "power_export_*_w"),
    ),
)
