"""Every dialect of the P1 port: how the meters of each country print a reading. One table of them.

A dialect is lines in an order, each with its digits and unit: see `dialect`. A meter that prints
otherwise is another dialect here, not a branch in `printing`. All of it is made up but the forms.
"""

from gateway.simulator.dialects.austria import T210
from gateway.simulator.dialects.belgium import FLUVIUS, FLUVIUS_21
from gateway.simulator.dialects.dialect import Device, Dialect, Line
from gateway.simulator.dialects.hungary import EON, WASION
from gateway.simulator.dialects.lithuania import ESO
from gateway.simulator.dialects.luxembourg import SMARTY
from gateway.simulator.dialects.netherlands import (
    DSMR_3,
    DSMR_4,
    DSMR_5,
    DSMR_22,
    DSMR_40,
    WARMTELINK,
)
from gateway.simulator.dialects.nordic import H1_FINLAND, H1_SWEDEN
from gateway.simulator.dialects.printing import Printer, telegram, telegram_bytes
from gateway.simulator.dialects.switzerland import SWISS
from gateway.simulator.dialects.telling import told

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        DSMR_22, DSMR_3, DSMR_40, DSMR_4, DSMR_5, WARMTELINK,
        FLUVIUS, FLUVIUS_21, SMARTY, T210, H1_SWEDEN, H1_FINLAND, EON, WASION, ESO, SWISS,
    )
}  # fmt: skip
"""By name."""

__all__ = [
    "DIALECTS",
    "DSMR_5",
    "Device",
    "Dialect",
    "Line",
    "Printer",
    "telegram",
    "telegram_bytes",
    "told",
]
