"""The OBIS table: which code means which quantity, in which form it is sent.

One table drives reading and serializing, for the meters of every country: the numbers are the rows of
`gateway.quantities`, what else a meter says stands here. A meter of another country is more rows, not a
branch elsewhere. Codes that are in neither are kept as they came (`Reading.unknown`).

Sources: DSMR P1 2.2, 3.0, 4.2.2 and 5.0.2 (NL), eMUCS-P1 2.1.1 (BE), Smarty 1.1.3 (LU), H1 2.0
(SE, FI), E.ON (HU), ESO (LT), Sagemcom T210-D-r (AT), IEC 62056-6-1. Import and export are seen
from the home. Tariff 1 and 2 are the meter's own numbers: `country` says what they are called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from gateway.quantities import BY_NAME, COMMODITIES, DEVICE_REGISTERS, QUANTITIES, Form, Span

__all__ = ["Form", "Row"]


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

    @property
    def base(self) -> str:
        """The base unit that the quantity's name ends with, or else that of its unit."""
        named = self.quantity.rpartition("_")[2]
        return named if named in _OWN_BASE.values() else _OWN_BASE.get(self.unit, "")


# The units of the table: the base unit inside, and how many of it one of them is. What else a meter
# may print is in `units`.
_UNITS: tuple[tuple[str, str, int], ...] = (
    ("kWh", "wh", 1000), ("Wh", "wh", 1), ("kvarh", "varh", 1000), ("varh", "varh", 1),
    ("kW", "w", 1000), ("W", "w", 1), ("kvar", "var", 1000), ("var", "var", 1),
    ("kVA", "va", 1000), ("VA", "va", 1),
    ("V", "mv", 1000), ("A", "ma", 1000), ("Hz", "mhz", 1000), ("", "permille", 1000), ("s", "s", 1),
    ("m3", "litre", 1000), ("GJ", "kj", 1_000_000), ("MJ", "kj", 1000), ("kWh", "kj", 3600),
)  # fmt: skip

_OWN_BASE = {unit: base for unit, base, _ in reversed(_UNITS)}

SCALES: dict[tuple[str, str], int] = {(unit.casefold(), base): scale for unit, base, scale in _UNITS}
"""From a unit of the table in small letters and a base unit to how many of that one of the unit is."""

TABLE: tuple[Row, ...] = (
    # the telegram and the meter
    Row("1-3:0.2.8", "version", Form.PLAIN),
    Row("0-0:96.1.4", "emucs_version", Form.PLAIN),
    Row("0-0:1.0.0", "time", Form.TIME),
    Row("0-0:96.1.1", "meter_number", Form.TEXT),
    Row("0-0:96.1.0", "meter_id", Form.TEXT),
    Row("0-0:42.0.0", "device_name", Form.TEXT),
    Row("0-0:96.1.2", "connection_ean", Form.TEXT),
    # messages of the grid operator
    Row("0-0:96.13.1", "message_code", Form.TEXT),
    Row("0-0:96.13.0", "message", Form.TEXT),
    *(Row(f"0-0:96.13.{n + 1}", f"message_channel_{n}", Form.TEXT) for n in (1, 2, 3, 4)),
    # what is measured, counted and stated in numbers
    *(
        Row(code.code, quantity.name, code.form, code.pattern, code.unit)
        for quantity in QUANTITIES
        for code in quantity.codes
    ),
    # lists
    Row("0-0:98.1.0", "demand_history", Form.DEMAND_HISTORY, (2, 3), "kW"),
    Row("1-0:99.97.0", "failures", Form.FAILURE_LOG),
    # M-Bus devices, on channels in the order of their installation
    Row("0-n:24.1.0", "device_type", Form.CODE, (3, 0)),
    Row("0-n:96.1.0", "device_number", Form.TEXT),
    Row("0-n:96.1.1", "device_number", Form.TEXT),
    Row("0-n:96.1.2", "device_ean", Form.TEXT),
    Row("0-n:24.4.0", "valve_state", Form.CODE, (1, 0)),
    Row("0-n:24.2.1", "device_register", Form.TIMED_NUMBER, (5, 3), "m3"),
    Row("0-n:24.2.2", "device_register", Form.TIMED_NUMBER, (5, 3), "m3"),
    Row("0-n:24.2.3", "device_register", Form.TIMED_NUMBER, (5, 3), "m3"),
    Row("0-n:24.3.0", "device_register", Form.HOURLY, (5, 3), "m3"),
    # devices of DSMR 2.2 as first published: the medium stands in the place of a channel
    *(Row(f"{medium}-0:0.0.0", "device_number", Form.TEXT) for medium in (5, 6, 7, 8)),
    *(Row(f"{medium}-0:1.0.0", "device_register", Form.LOAD_PROFILE, (5, 3)) for medium in (5, 6, 8)),
    Row("7-0:23.1.0", "device_register", Form.LOAD_PROFILE, (5, 3)),
)

MBUS_CHANNELS = (1, 2, 3, 4)

MBUS_REGISTERS: Mapping[str, str] = DEVICE_REGISTERS
"""From what an M-Bus device measures to its register's name and base unit."""

MBUS_ROWS: dict[str, Row] = {
    one.name: Row("0-n:24.2.1", one.register, Form.NUMBER, (5, 3), one.printed) for one in COMMODITIES
}
"""How the register of a commodity is written; its unit is meant where none is sent."""

MBUS_TYPES: dict[int, tuple[str, ...]] = {
    device_type: tuple(
        one.name for one in sorted(COMMODITIES, key=lambda one: one.rank) if device_type in one.mbus_types
    )
    for device_type in sorted({device_type for one in COMMODITIES for device_type in one.mbus_types})
}
"""What the devices of an M-Bus type (EN 13757-3) measure; the first is meant where no unit is sent."""
MEDIUM_TYPES: dict[int, int] = {5: 4, 6: 10, 7: 3, 8: 7}
"""The device type that a medium in the place of a channel stands for."""

# Hungary sends 98.1.0 as the registers at the month's end: a time, then these.
MONTH_END_CODES: tuple[str, ...] = (
    *(f"1-0:{way}.8.{tariff}" for way in (1, 2) for tariff in (0, 1, 2)),
    *(f"1-0:{way}.8.0" for way in (3, 4, 5, 6, 7, 8, 15)),
)
MONTH_END_DEMANDS = 6


def _by_code() -> dict[str, tuple[Row, int]]:
    found: dict[str, tuple[Row, int]] = {}
    for row in TABLE:
        medium, _, rest = row.code.partition(":")
        if medium == "0-n":
            found |= {row.code.replace("n", str(n), 1): (row, n) for n in MBUS_CHANNELS}
        elif row.quantity in ("device_number", "device_register"):
            found[row.code] = (row, int(medium[0]))
        else:
            found[row.code] = (row, 0)
    # Switzerland's meters send 1-1 for 1-0. Where the table has both, they differ.
    for row in TABLE:
        medium, _, rest = row.code.partition(":")
        if medium == "1-0":
            found.setdefault(f"1-1:{rest}", (row, 0))
    return found


BY_CODE: dict[str, tuple[Row, int]] = _by_code()
"""From a code to its row and its M-Bus channel (0: the electricity meter itself; 5 to 8: a medium)."""


@lru_cache(maxsize=512)
def four_parts(code: str) -> str:
    """A code without its sixth part (".255", "*255") and with a point in the place of a second colon."""
    medium, _, rest = code.partition(":")
    return f"{medium}:{rest.replace(':', '.').removesuffix('.255').removesuffix('*255')}"


def find(code: str) -> tuple[Row | None, int]:
    """The row of a code and its M-Bus channel; None when unknown. It may have six parts."""
    return BY_CODE.get(code) or BY_CODE.get(four_parts(code)) or (None, 0)


BY_QUANTITY: dict[str, Row] = {row.quantity: row for row in reversed(TABLE)}
"""The row by which a quantity is written: the first, where several codes mean the same."""

COUNTED_QUANTITIES: frozenset[str] = frozenset(
    name
    for name, row in BY_NAME.items()
    if name not in DEVICE_REGISTERS.values() and row.span is not Span.PERIOD
)
"""Every quantity of the electricity meter that is a whole number in a reading."""
