"""The meters of Hungary, of two makers. Source: E.ON's P1 description, which follows DSMR 5."""

from __future__ import annotations

from dataclasses import replace

from gateway.p1.reading import SIMULATOR_MODEL
from gateway.simulator.dialects.dialect import EMPTY, Dialect, lines

_TARIFFS = ("", "_t1", "_t2", "_t3", "_t4")
_REGISTERED = (
    *lines(*(f"energy_import{tariff}_wh" for tariff in _TARIFFS)),
    *lines(*(f"energy_export{tariff}_wh" for tariff in _TARIFFS)),
    *lines("reactive_energy_import_varh", "reactive_energy_export_varh"),
    *lines(*(f"reactive_energy_q{n}_varh" for n in (1, 2, 3, 4)), "energy_combined_wh"),
)
_MEASURED = (
    *lines("voltage_*_mv", "current_*_ma"),
    *lines("power_factor_permille", "power_factor_*_permille"),
    *lines("frequency_mhz", "power_import_w", "power_export_w"),
)
_END = (
    *lines("month_end"),
    *lines("fuse_threshold_*_ma", digits=(3, 2)),
    *lines("message", absent=EMPTY),
)

EON = Dialect(
    name="hu-eon",
    title="Hungary, E.ON (Sagemcom)",
    country="HU",
    header=f"XYZ5{SIMULATOR_MODEL}",
    lines=(
        *lines("time", "device_name", "meter_id", "tariff", "breaker_state"),
        *lines("limiter_w", digits=(2, 3)),
        *_REGISTERED,
        *_MEASURED,
        *_END,
    ),
)

# The same lines, with names, choices and limits in the maker's own words.
WASION = replace(
    EON,
    name="hu-wasion",
    title="Hungary, E.ON (Wasion)",
    lines=(
        *lines("time"),
        *lines("device_name", "meter_id", plain=True),
        *lines("tariff", words=tuple(f"TARIFF {n}" for n in range(5))),
        *lines("breaker_state", words=("OFF", "ON")),
        *lines("limiter_w", digits=(5, 0), unit="W"),
        *_REGISTERED,
        *_MEASURED,
        *_END,
    ),
)
