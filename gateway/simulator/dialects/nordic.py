"""The meters of Sweden and Finland: totals only, eight digits before the point, no number.

Source: the Swedish energy industry's recommendation for the local port (H1) 2.0. Sweden's meters
keep winter time all year; Finland's follow Helsinki's clocks.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone
from zoneinfo import ZoneInfo

from gateway.p1.reading import SIMULATOR_MODEL
from gateway.p1.times import MeterClock
from gateway.simulator.dialects.dialect import Dialect, lines

H1_SWEDEN = Dialect(
    name="se-h1",
    title="Sweden, H1",
    country="SE",
    header=f"XYZ9 {SIMULATOR_MODEL}",
    clock=MeterClock(timezone(timedelta(hours=1))),
    lines=(
        *lines("time"),
        *lines("energy_import_wh", "energy_export_wh", digits=(8, 3)),
        *lines("reactive_energy_import_varh", "reactive_energy_export_varh", digits=(8, 3), unit="kVArh"),
        *lines("power_import_w", "power_export_w", digits=(4, 3)),
        *lines("reactive_power_import_var", "reactive_power_export_var", digits=(4, 3), unit="kVAr"),
        *lines("power_import_*_w", "power_export_*_w", digits=(4, 3)),
        *lines("reactive_power_import_*_var", "reactive_power_export_*_var", digits=(4, 3), unit="kVAr"),
        *lines("voltage_*_mv"),
        *lines("current_*_ma", digits=(3, 1)),
    ),
)

H1_FINLAND = replace(
    H1_SWEDEN, name="fi-h1", title="Finland, H1", clock=MeterClock(ZoneInfo("Europe/Helsinki"))
)
