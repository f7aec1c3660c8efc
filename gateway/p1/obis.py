"""The OBIS table: which code means which quantity, in which form it is sent.

One table drives reading and serializing. A meter of another country is more rows here, not a
branch elsewhere. Codes that are not in the table are kept as they came (`Reading.unknown`).

Source: DSMR P1 4.2.2 and 5.0.2, table 6-4; IEC 62056-6-1. Import and export are seen from the
home. Tariff 1 and 2 are the meter's own numbers: what they are called differs by country.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Form(Enum):
    """How the value in the brackets is written."""

    NUMBER = "digits with an optional decimal point and unit, as 000123.456*kWh"
    COUNT = "digits without a unit, as 00013"
    CODE = "digits that name a choice, as 0002"
    TEXT = "an octet string, as pairs of hexadecimal digits"
    PLAIN = "characters as they are, as 50"
    TIME = "YYMMDDhhmmssX: local time, X = S in summer time, W in winter time"
    TIMED_NUMBER = "a TIME and a NUMBER, as (261123191000W)(01234.567*m3)"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    `code` is written as the meter sends it; "n" stands for the M-Bus channel, 1 to 4.
    `quantity` is the name inside this project, with its base unit. `pattern` is how a meter
    prints it: for numbers the digits before and after the point, and the unit.
    """

    code: str
    quantity: str
    form: Form
    pattern: tuple[int, int] = (0, 0)
    unit: str = ""


# Base units inside, and how many of them one of the meter's units is.
BASE_UNITS: dict[str, int] = {
    "kWh": 1000, "Wh": 1, "kW": 1000, "W": 1, "kvarh": 1000, "kvar": 1000, "V": 1000, "A": 1000,
    "m3": 1000, "GJ": 1_000_000, "Hz": 1000, "s": 1,
}  # fmt: skip

N, C = Form.NUMBER, Form.COUNT

TABLE: tuple[Row, ...] = (
    # general
    Row("1-3:0.2.8", "version", Form.PLAIN),
    Row("0-0:1.0.0", "time", Form.TIME),
    Row("0-0:96.1.1", "meter_number", Form.TEXT),
    Row("0-0:96.14.0", "tariff", Form.CODE, (4, 0)),
    # registers
    Row("1-0:1.8.0", "energy_import_wh", N, (6, 3), "kWh"),
    Row("1-0:1.8.1", "energy_import_t1_wh", N, (6, 3), "kWh"),
    Row("1-0:1.8.2", "energy_import_t2_wh", N, (6, 3), "kWh"),
    Row("1-0:1.8.3", "energy_import_t3_wh", N, (6, 3), "kWh"),
    Row("1-0:1.8.4", "energy_import_t4_wh", N, (6, 3), "kWh"),
    Row("1-0:2.8.0", "energy_export_wh", N, (6, 3), "kWh"),
    Row("1-0:2.8.1", "energy_export_t1_wh", N, (6, 3), "kWh"),
    Row("1-0:2.8.2", "energy_export_t2_wh", N, (6, 3), "kWh"),
    Row("1-0:2.8.3", "energy_export_t3_wh", N, (6, 3), "kWh"),
    Row("1-0:2.8.4", "energy_export_t4_wh", N, (6, 3), "kWh"),
    # power
    Row("1-0:1.7.0", "power_import_w", N, (2, 3), "kW"),
    Row("1-0:2.7.0", "power_export_w", N, (2, 3), "kW"),
    Row("1-0:21.7.0", "power_import_l1_w", N, (2, 3), "kW"),
    Row("1-0:41.7.0", "power_import_l2_w", N, (2, 3), "kW"),
    Row("1-0:61.7.0", "power_import_l3_w", N, (2, 3), "kW"),
    Row("1-0:22.7.0", "power_export_l1_w", N, (2, 3), "kW"),
    Row("1-0:42.7.0", "power_export_l2_w", N, (2, 3), "kW"),
    Row("1-0:62.7.0", "power_export_l3_w", N, (2, 3), "kW"),
    Row("1-0:32.7.0", "voltage_l1_mv", N, (3, 1), "V"),
    Row("1-0:52.7.0", "voltage_l2_mv", N, (3, 1), "V"),
    Row("1-0:72.7.0", "voltage_l3_mv", N, (3, 1), "V"),
    Row("1-0:31.7.0", "current_l1_ma", N, (3, 0), "A"),
    Row("1-0:51.7.0", "current_l2_ma", N, (3, 0), "A"),
    Row("1-0:71.7.0", "current_l3_ma", N, (3, 0), "A"),
    # quality
    Row("0-0:96.7.21", "failures_any", C, (5, 0)),
    Row("0-0:96.7.9", "failures_long", C, (5, 0)),
    Row("1-0:32.32.0", "sags_l1", C, (5, 0)),
    Row("1-0:52.32.0", "sags_l2", C, (5, 0)),
    Row("1-0:72.32.0", "sags_l3", C, (5, 0)),
    Row("1-0:32.36.0", "swells_l1", C, (5, 0)),
    Row("1-0:52.36.0", "swells_l2", C, (5, 0)),
    Row("1-0:72.36.0", "swells_l3", C, (5, 0)),
    # M-Bus devices, on channels in the order of their installation
    Row("0-n:24.1.0", "device_type", Form.CODE, (3, 0)),
    Row("0-n:96.1.0", "device_number", Form.TEXT),
    Row("0-n:24.2.1", "device_register", Form.TIMED_NUMBER, (5, 3), "m3"),
)

MBUS_CHANNELS = (1, 2, 3, 4)

# M-Bus device types (EN 13757-3) by what they measure, and the register's name and base unit.
MBUS_TYPES: dict[int, str] = {3: "gas", 4: "heat", 6: "water", 7: "water", 12: "heat"}
MBUS_REGISTERS: dict[str, str] = {"gas": "gas_litre", "water": "water_litre", "heat": "heat_kj"}
MBUS_UNITS: dict[str, str] = {"gas": "m3", "water": "m3", "heat": "GJ"}
"""The unit that is meant where a device's register is sent without one."""


def _by_code() -> dict[str, tuple[Row, int]]:
    found: dict[str, tuple[Row, int]] = {}
    for row in TABLE:
        if "-n:" in row.code:
            found |= {row.code.replace("n", str(n), 1): (row, n) for n in MBUS_CHANNELS}
        else:
            found[row.code] = (row, 0)
    return found


BY_CODE: dict[str, tuple[Row, int]] = _by_code()
"""From a code as sent to its row and its M-Bus channel (0: the electricity meter itself)."""


def find(code: str) -> tuple[Row | None, int]:
    """The row of a code that may carry its sixth part (".255", "*255"); None when unknown."""
    found = BY_CODE.get(code) or BY_CODE.get(code.removesuffix(".255").removesuffix("*255"))
    return found or (None, 0)


BY_QUANTITY: dict[str, Row] = {row.quantity: row for row in TABLE}

COUNTED_QUANTITIES: frozenset[str] = frozenset(
    row.quantity for row in TABLE if row.form in (N, C) or row.quantity == "tariff"
)
"""Every quantity of the electricity meter that is a whole number in a reading."""
