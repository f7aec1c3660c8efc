"""The OBIS table: which code means which quantity, in which form it is sent.

One table drives reading and serializing, for the meters of every country. A meter of another
country is more rows here, not a branch elsewhere. Codes that are not in the table are kept as they
came (`Reading.unknown`).

Sources: DSMR P1 2.2, 3.0, 4.2.2 and 5.0.2 (NL), eMUCS-P1 2.1.1 (BE), Smarty 1.1.3 (LU), H1 2.0
(SE, FI), E.ON (HU), ESO (LT), Sagemcom T210-D-r (AT), IEC 62056-6-1. Import and export are seen
from the home. Tariff 1 and 2 are the meter's own numbers: `country` says what they are called.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache


class Form(Enum):
    """How the value in the brackets is written. Meters also print times and numbers the other way round."""

    NUMBER = "digits with an optional decimal point and unit, as 000123.456*kWh"
    SIGNED_NUMBER = "a NUMBER that may be negative, as -00.123*kW"
    THRESHOLD = "a NUMBER, or one for import and a negative one for export; all nines are no limit"
    COUNT = "digits without a unit, as 00013"
    CODE = "what names a choice, as 0002, or in words TARIFF 2, ON, OFF"
    TEXT = "an octet string, as pairs of hexadecimal digits"
    PLAIN = "characters as they are, as 50"
    TIME = "YYMMDDhhmmssX: local time, X = S in summer time, W in winter time"
    TIMED_NUMBER = "a TIME and a NUMBER, as (261123191000W)(01234.567*m3)"
    LOAD_PROFILE = "a TIMED_NUMBER in many lines, one for each hour"
    HOURLY = "(YYMMDDhhmmss)(status)(minutes)(count)(code)(unit), and (value) in a line of its own"
    DEMAND_HISTORY = "(count)(code)(code), then for each month its end, the peak's time and the peak"
    FAILURE_LOG = "(count)(code), then for each failure its end and its length, as (0000000240*s)"


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

N, C, S, LIMIT = Form.NUMBER, Form.COUNT, Form.SIGNED_NUMBER, Form.THRESHOLD
_PHASES = (("l1", 20), ("l2", 40), ("l3", 60))


def _energy(medium: str) -> Iterator[Row]:
    """Registers: total and by tariff. `medium` is 1-0 everywhere but in Switzerland."""
    for way, name, base, unit in (
        (1, "energy_import", "wh", "kWh"),
        (2, "energy_export", "wh", "kWh"),
        (3, "reactive_energy_import", "varh", "kvarh"),
        (4, "reactive_energy_export", "varh", "kvarh"),
    ):
        yield Row(f"{medium}:{way}.8.0", f"{name}_{base}", N, (6, 3), unit)
        for tariff in (1, 2, 3, 4):
            yield Row(f"{medium}:{way}.8.{tariff}", f"{name}_t{tariff}_{base}", N, (6, 3), unit)


def _phase(phase: str, group: int) -> Iterator[Row]:
    """What is measured and counted for one phase: its codes lie 20 apart from the next one's."""
    yield Row(f"1-0:{group + 1}.7.0", f"power_import_{phase}_w", N, (2, 3), "kW")
    yield Row(f"1-0:{group + 2}.7.0", f"power_export_{phase}_w", N, (2, 3), "kW")
    yield Row(f"1-0:{group + 3}.7.0", f"reactive_power_import_{phase}_var", N, (2, 3), "kvar")
    yield Row(f"1-0:{group + 4}.7.0", f"reactive_power_export_{phase}_var", N, (2, 3), "kvar")
    # Sweden's is signed: its currents are typed so
    yield Row(f"1-0:{group + 11}.7.0", f"current_{phase}_ma", S, (3, 0), "A")
    yield Row(f"1-0:{group + 12}.7.0", f"voltage_{phase}_mv", N, (3, 1), "V")
    yield Row(f"1-0:{group + 13}.7.0", f"power_factor_{phase}_permille", S, (1, 3))
    yield Row(f"1-0:{group + 11}.4.0", f"fuse_threshold_{phase}_ma", LIMIT, (3, 0), "A")
    for medium in ("1-0", "0-0"):  # Luxembourg's table prints 0-0, its sample 1-0
        yield Row(f"{medium}:{group + 12}.32.0", f"sags_{phase}", C, (5, 0))
        yield Row(f"{medium}:{group + 12}.36.0", f"swells_{phase}", C, (5, 0))


TABLE: tuple[Row, ...] = (
    # the telegram and the meter
    Row("1-3:0.2.8", "version", Form.PLAIN),
    Row("0-0:96.1.4", "emucs_version", Form.PLAIN),
    Row("0-0:1.0.0", "time", Form.TIME),
    Row("0-0:96.1.1", "meter_number", Form.TEXT),
    Row("0-0:96.1.0", "meter_id", Form.TEXT),
    Row("0-0:42.0.0", "device_name", Form.TEXT),
    Row("0-0:96.1.2", "connection_ean", Form.TEXT),
    Row("1-0:94.32.1", "grid_type", C, (3, 0)),
    Row("1-0:0.4.2", "current_transformer_ratio", C, (5, 0)),
    Row("1-0:0.4.3", "voltage_transformer_ratio", C, (5, 0)),
    Row("0-0:96.14.0", "tariff", Form.CODE, (4, 0)),
    Row("0-0:96.14.1", "tariff", Form.CODE, (4, 0)),
    # messages of the grid operator
    Row("0-0:96.13.1", "message_code", Form.TEXT),
    Row("0-0:96.13.0", "message", Form.TEXT),
    *(Row(f"0-0:96.13.{n + 1}", f"message_channel_{n}", Form.TEXT) for n in (1, 2, 3, 4)),
    # registers
    *_energy("1-0"),
    *_energy("1-1"),
    *(Row(f"1-0:1.8.1{n}", f"energy_import_t{n}_wh", N, (6, 3), "kWh") for n in (1, 2, 3)),
    *(Row(f"1-0:2.8.1{n}", f"energy_export_t{n}_wh", N, (6, 3), "kWh") for n in (1, 2, 3)),
    *(Row(f"1-0:{q + 4}.8.0", f"reactive_energy_q{q}_varh", N, (6, 3), "kvarh") for q in (1, 2, 3, 4)),
    Row("1-0:15.8.0", "energy_combined_wh", N, (6, 3), "kWh"),
    # power
    Row("1-0:1.7.0", "power_import_w", N, (2, 3), "kW"),
    Row("1-0:2.7.0", "power_export_w", N, (2, 3), "kW"),
    Row("1-0:3.7.0", "reactive_power_import_var", N, (2, 3), "kvar"),
    Row("1-0:4.7.0", "reactive_power_export_var", N, (2, 3), "kvar"),
    *(Row(f"1-0:{q + 4}.7.0", f"reactive_power_q{q}_var", N, (2, 3), "kvar") for q in (1, 2, 3, 4)),
    Row("1-0:9.7.0", "apparent_power_import_va", N, (2, 3), "kVA"),
    Row("1-0:10.7.0", "apparent_power_export_va", N, (2, 3), "kVA"),
    Row("1-0:14.7.0", "frequency_mhz", N, (2, 2), "Hz"),
    Row("1-0:13.7.0", "power_factor_permille", S, (1, 3)),
    *(row for phase, group in _PHASES for row in _phase(phase, group)),
    # averages: of the running quarter hour, and of the demand period
    Row("1-0:1.4.0", "demand_current_quarter_w", N, (2, 3), "kW"),
    Row("1-0:2.4.0", "demand_export_current_quarter_w", N, (2, 3), "kW"),
    Row("1-0:3.4.0", "demand_reactive_import_current_quarter_var", N, (2, 3), "kvar"),
    Row("1-0:4.4.0", "demand_reactive_export_current_quarter_var", N, (2, 3), "kvar"),
    Row("1-0:9.4.0", "demand_apparent_import_current_quarter_va", N, (2, 3), "kVA"),
    Row("1-0:10.4.0", "demand_apparent_export_current_quarter_va", N, (2, 3), "kVA"),
    Row("1-0:1.24.0", "power_import_average_w", N, (2, 3), "kW"),
    Row("1-0:15.24.0", "power_combined_average_w", N, (2, 3), "kW"),
    Row("1-0:16.24.0", "power_net_average_w", S, (2, 3), "kW"),
    # demand for the capacity tariff
    Row("1-0:1.6.0", "demand_max_month_w", Form.TIMED_NUMBER, (2, 3), "kW"),
    Row("0-0:98.1.0", "demand_history", Form.DEMAND_HISTORY, (2, 3), "kW"),
    # quality
    Row("0-0:96.7.21", "failures_any", C, (5, 0)),
    Row("0-0:96.7.9", "failures_long", C, (5, 0)),
    Row("1-0:99.97.0", "failures", Form.FAILURE_LOG),
    # switching and limits; what the limiter limits, its unit says
    Row("0-0:96.3.10", "breaker_state", Form.CODE, (1, 0)),
    *(Row(f"0-{n}:96.3.10", f"relay_{n}_state", Form.CODE, (1, 0)) for n in (1, 2, 3, 4)),
    Row("0-0:17.0.0", "limiter_w", LIMIT, (3, 1), "kW"),
    Row("1-1:31.4.0", "fuse_threshold_ma", LIMIT, (3, 0), "A"),
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

MBUS_REGISTERS: dict[str, str] = {
    "gas": "gas_litre",
    "water": "water_litre",
    "warm_water": "warm_water_litre",
    "heat": "heat_kj",
    "inlet_heat": "inlet_heat_kj",
    "heat_volume": "heat_volume_litre",
    "cooling": "cooling_kj",
    "cooling_volume": "cooling_volume_litre",
    "submeter": "submeter_wh",
}
"""From what an M-Bus device measures to its register's name and base unit."""

_MBUS_UNITS = {"litre": "m3", "kj": "GJ", "wh": "kWh"}
MBUS_ROWS: dict[str, Row] = {
    commodity: Row("0-n:24.2.1", quantity, N, (5, 3), _MBUS_UNITS[quantity.rpartition("_")[2]])
    for commodity, quantity in MBUS_REGISTERS.items()
}
"""How the register of a commodity is written; its unit is meant where none is sent."""

# M-Bus device types (EN 13757-3): what they measure. Where it may be more than one thing, the register's
# unit decides; the first is meant where none is sent. A heat meter's volume is that of its hot water.
MBUS_TYPES: dict[int, tuple[str, ...]] = {
    2: ("submeter",), 3: ("gas",), 4: ("heat", "heat_volume"), 6: ("warm_water",), 7: ("water",),
    10: ("cooling", "cooling_volume"), 11: ("cooling", "cooling_volume"), 12: ("inlet_heat", "heat_volume"),
    13: ("heat", "heat_volume"), 21: ("warm_water",), 22: ("water",),
}  # fmt: skip
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
    row.quantity
    for row in TABLE
    if "-n:" not in row.code and row.form in (N, C, S, LIMIT, Form.CODE, Form.TIMED_NUMBER)
) | {
    "limiter_ma", "limiter_va", "fuse_threshold_export_ma",
    *(f"fuse_threshold_{phase}_export_ma" for phase, _ in _PHASES),
}  # fmt: skip
"""Every quantity of the electricity meter that is a whole number in a reading."""
