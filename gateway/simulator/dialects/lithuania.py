"""The meters of Lithuania, with everything that they can be asked to send. Source: ESO's P1 description.

The power factor and the net average have a sign; clocks are Vilnius's.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from gateway.p1.times import MeterClock
from gateway.simulator.dialects.dialect import EMPTY, Dialect, lines

_TARIFFS = ("", "_t1", "_t2", "_t3", "_t4")

ESO = Dialect(
    name="lt-eso",
    title="Lithuania, ESO",
    country="LT",
    clock=MeterClock(ZoneInfo("Europe/Vilnius")),
    lines=(
        *lines("time", "meter_number"),
        *lines(*(f"energy_{way}{tariff}_wh" for way in ("import", "export") for tariff in _TARIFFS)),
        *lines(
            *(f"reactive_energy_{way}{tariff}_varh" for way in ("import", "export") for tariff in _TARIFFS)
        ),
        *lines("power_import_w", "power_export_w"),
        *lines("reactive_power_import_var", "reactive_power_export_var"),
        *lines("apparent_power_import_va", "apparent_power_export_va"),
        *lines("power_import_*_w", "power_export_*_w"),
        *lines("reactive_power_import_*_var", "reactive_power_export_*_var"),
        *lines("voltage_*_mv"),
        *lines("current_*_ma", digits=(3, 2)),
        *lines("power_factor_permille", "power_factor_*_permille", "frequency_mhz"),
        *lines("power_import_average_w", "power_combined_average_w", "power_net_average_w"),
        *lines("demand_current_quarter_w", "demand_export_current_quarter_w"),
        *lines("demand_reactive_import_current_quarter_var", "demand_reactive_export_current_quarter_var"),
        *lines("demand_apparent_import_current_quarter_va", "demand_apparent_export_current_quarter_va"),
        *lines("failures_any", "sags_*", "swells_*"),
        # A message is sent as it is.
        *lines("message", plain=True, absent=EMPTY),
    ),
)
