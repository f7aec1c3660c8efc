"""The Sagemcom T210-D-r of Austria: encrypted, in whole Wh and W, without its number.

Source: a published reader of Energienetze Steiermark's meters.
"""

from __future__ import annotations

from gateway.p1.reading import SIMULATOR_MODEL
from gateway.simulator.dialects.dialect import Dialect, lines

_BY_TARIFF = ("", "_t1", "_t2")

T210 = Dialect(
    name="at-t210",
    title="Austria, Sagemcom T210-D-r",
    country="AT",
    header=rf"XYZ5\{SIMULATOR_MODEL}_A",
    version="50",
    period_s=5,
    encrypted=True,
    lines=(
        *lines("version", "time"),
        *lines(*(f"energy_import{tariff}_wh" for tariff in _BY_TARIFF), digits=(9, 0), unit="Wh"),
        *lines("power_import_w", digits=(9, 0), unit="W"),
        *lines(*(f"energy_export{tariff}_wh" for tariff in _BY_TARIFF), digits=(9, 0), unit="Wh"),
        *lines("power_export_w", digits=(9, 0), unit="W"),
        *lines(
            *(f"reactive_energy_import{tariff}_varh" for tariff in _BY_TARIFF), digits=(9, 0), unit="varh"
        ),
        *lines("reactive_power_import_var", digits=(9, 0), unit="var"),
        *lines(
            *(f"reactive_energy_export{tariff}_varh" for tariff in _BY_TARIFF), digits=(9, 0), unit="varh"
        ),
        *lines("reactive_power_export_var", digits=(9, 0), unit="var"),
    ),
)
