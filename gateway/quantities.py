"""Quantities: one row for each thing that a meter measures, counts or states as a whole number.

A row says all that the rest of the gateway must know of it: by which code a meter sends it, in which unit
it is held, what no home can have, where it stands in the history, under which category of a consent it may
leave, and what it is called outside. Decoder, history, disclosure, formats, costs, export and page read this
table and have none of their own: another quantity or commodity is another row here.

The base unit stands at the end of the name: energy_import_t1_wh. Import and export are seen from the home.
Sources of the codes: see `gateway.p1.obis`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


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


class Span(Enum):
    """The time that a value is of. It bounds what a consent lets out: nothing from before it began."""

    MOMENT = "the moment of the reading"
    PERIOD = "the whole period of a profile row"
    RUNNING_QUARTER = "the quarter hour so far"
    MONTH = "the month so far"


@dataclass(frozen=True, slots=True)
class Unit:
    """A base unit: what a value in it is shown in, how many make one of that, and what no home can have.

    `ending` is how a name ends where the value is shown. `floor` and `ceiling` are in base units.
    """

    ending: str
    scale: int
    floor: int
    ceiling: int


_MEGAWATT = 1_000_000
UNITS: Mapping[str, Unit] = {
    "w": Unit("w", 1, -_MEGAWATT, _MEGAWATT),
    "va": Unit("va", 1, -_MEGAWATT, _MEGAWATT),
    "var": Unit("var", 1, -_MEGAWATT, _MEGAWATT),
    # Registers: the most that any meter can print, Sweden's 8.3 digits.
    "wh": Unit("kwh", 1000, 0, 10**11),
    "varh": Unit("kvarh", 1000, 0, 10**11),
    "litre": Unit("m3", 1000, 0, 10**10),
    "kj": Unit("gj", 1_000_000, 0, 10**12),
    "mv": Unit("v", 1000, 0, 1_000_000),
    "ma": Unit("a", 1000, -2_000_000, 2_000_000),
    "mhz": Unit("hz", 1000, 40_000, 70_000),
    "permille": Unit("permille", 1, -1000, 1000),
}
# Counters have five digits (DSMR P1 5.0.2, F5(0,0)); a choice has two.
_COUNT = Unit("", 1, 0, 99_999)
_CHOICE = Unit("", 1, 0, 99)


@dataclass(frozen=True, slots=True)
class Code:
    """How a meter sends a quantity: its code, its form, the digits before and after the point, the unit."""

    code: str
    form: Form = Form.NUMBER
    pattern: tuple[int, int] = (6, 3)
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A row of the table.

    `codes`: by which a meter sends it; none where it is derived, or that of an M-Bus device. `category`: of a
    consent; without one it is never disclosed. `commodity`: what is measured. `place`: its bit in a profile
    row, and so part of the format on disk: never used twice. `column`: its place in the trace.
    `called`: its name outside, where that does not follow from `name`. `price`: its name in a contract.
    """

    name: str
    codes: tuple[Code, ...] = ()
    category: str | None = None
    commodity: str = "electricity"
    span: Span = Span.MOMENT
    is_register: bool = False
    is_choice: bool = False
    place: int | None = None
    column: int | None = None
    called: str | None = None
    price: str | None = None

    @property
    def unit(self) -> Unit:
        """What it is held in, and shown in."""
        own = UNITS.get(self.name.rpartition("_")[2])
        return own or (_CHOICE if self.is_choice else _COUNT)

    @property
    def shown_name(self) -> str:
        """Its name with the unit that it is shown in."""
        if self.called is not None:
            return self.called
        stem, _, base = self.name.rpartition("_")
        return f"{stem}_{UNITS[base].ending}" if base in UNITS else self.name

    @property
    def export_name(self) -> str:
        """Its name in an export: as shown, without saying that it is energy."""
        stem, _, base = self.name.rpartition("_")
        named = f"{stem}_{UNITS[base].ending}" if base in UNITS else self.name
        return named.removeprefix("energy_")


@dataclass(frozen=True, slots=True)
class Commodity:
    """What an M-Bus device measures.

    `mbus_types` are the device types of EN 13757-3; where one measures several things, the register's unit
    decides, and the lower `rank` is meant where none is sent. `printed` is the unit that meters print. A
    household uses at most `usual_per_hour` base units, anybody at most `most_per_hour`; the last digit of
    a register is at most `whole`. `called` and `called_unit` are for recipients, `title` for the owner.
    """

    name: str
    register: str
    title: str
    mbus_types: tuple[int, ...]
    printed: str
    usual_per_hour: int
    most_per_hour: int
    whole: int
    called: str
    called_unit: str
    rank: int = 0

    @property
    def shown_unit(self) -> str:
        """The unit as the owner reads it."""
        return self.printed.replace("m3", "m³")

    @property
    def scale(self) -> int:
        """How many base units of its register make one that is shown."""
        return BY_NAME[self.register].unit.scale


def N_(words: str) -> str:  # noqa: N802 - the name that extraction tools look for
    """Marks words to be translated."""
    return words


_N, _C, _S, _LIMIT = Form.NUMBER, Form.COUNT, Form.SIGNED_NUMBER, Form.THRESHOLD
_PHASES = (("l1", 20), ("l2", 40), ("l3", 60))
_TARIFFS = ("", "_t1", "_t2", "_t3", "_t4")


def _energy() -> Iterator[Quantity]:
    """Registers: total and by tariff. The medium is 1-0 everywhere but in Switzerland."""
    for way, name, base, unit, category, first in (
        (1, "energy_import", "wh", "kWh", "electricity", 0),
        (2, "energy_export", "wh", "kWh", "electricity", 5),
        (3, "reactive_energy_import", "varh", "kvarh", None, 23),
        (4, "reactive_energy_export", "varh", "kvarh", None, 28),
    ):
        for tariff, suffix in enumerate(_TARIFFS):
            codes = [Code(f"{medium}:{way}.8.{tariff}", unit=unit) for medium in ("1-0", "1-1")]
            if base == "wh" and tariff in (1, 2, 3):  # Lithuania's
                codes.append(Code(f"1-0:{way}.8.1{tariff}", unit=unit))
            priced = base == "wh" and tariff < 3
            yield Quantity(
                f"{name}{suffix}_{base}",
                tuple(codes),
                category,
                is_register=True,
                place=first + tariff,
                price=f"electricity.{name.removeprefix('energy_')}{suffix}" if priced else None,
            )
    for quadrant in (1, 2, 3, 4):
        yield Quantity(
            f"reactive_energy_q{quadrant}_varh",
            (Code(f"1-0:{quadrant + 4}.8.0", unit="kvarh"),),
            is_register=True,
            place=32 + quadrant,
        )
    yield Quantity("energy_combined_wh", (Code("1-0:15.8.0", unit="kWh"),), is_register=True, place=10)


def _power() -> Iterator[Quantity]:
    """What is taken and given at this moment, in total."""
    for way, name, column in ((1, "import", 0), (2, "export", 1)):
        code = Code(f"1-0:{way}.7.0", _N, (2, 3), "kW")
        yield Quantity(f"power_{name}_w", (code,), "power", column=column)
    for way, name in ((3, "import"), (4, "export")):
        yield Quantity(f"reactive_power_{name}_var", (Code(f"1-0:{way}.7.0", _N, (2, 3), "kvar"),))
    for quadrant in (1, 2, 3, 4):
        code = Code(f"1-0:{quadrant + 4}.7.0", _N, (2, 3), "kvar")
        yield Quantity(f"reactive_power_q{quadrant}_var", (code,))
    for way, name in ((9, "import"), (10, "export")):
        yield Quantity(f"apparent_power_{name}_va", (Code(f"1-0:{way}.7.0", _N, (2, 3), "kVA"),))
    yield Quantity("frequency_mhz", (Code("1-0:14.7.0", _N, (2, 2), "Hz"),), "quality")
    yield Quantity("power_factor_permille", (Code("1-0:13.7.0", _S, (1, 3)),))
    for place, (name, end) in enumerate(
        ((name, end) for name in ("import", "export") for end in ("max", "min")), start=16
    ):
        yield Quantity(f"power_{name}_{end}_w", (), "power", span=Span.PERIOD, place=place)


def _phase(number: int, phase: str, group: int) -> Iterator[Quantity]:
    """What is measured and counted for one phase: its codes lie 20 apart from the next one's."""
    first = 2 + 4 * number  # of its columns in the trace

    def code(way: int, form: Form, pattern: tuple[int, int], unit: str) -> tuple[Code, ...]:
        return (Code(f"1-0:{group + way}.7.0", form, pattern, unit),)

    yield Quantity(f"power_import_{phase}_w", code(1, _N, (2, 3), "kW"), "phases", column=first)
    yield Quantity(f"power_export_{phase}_w", code(2, _N, (2, 3), "kW"), "phases", column=first + 1)
    yield Quantity(f"reactive_power_import_{phase}_var", code(3, _N, (2, 3), "kvar"))
    yield Quantity(f"reactive_power_export_{phase}_var", code(4, _N, (2, 3), "kvar"))
    # Sweden's is signed: its currents are typed so
    yield Quantity(f"current_{phase}_ma", code(11, _S, (3, 0), "A"), "phases", column=first + 3)
    yield Quantity(f"voltage_{phase}_mv", code(12, _N, (3, 1), "V"), "phases", column=first + 2)
    yield Quantity(f"power_factor_{phase}_permille", code(13, _S, (1, 3), ""))
    yield Quantity(f"fuse_threshold_{phase}_ma", (Code(f"1-0:{group + 11}.4.0", _LIMIT, (3, 0), "A"),))
    yield Quantity(f"fuse_threshold_{phase}_export_ma")
    for place, what, last in ((39, "sag", 32), (42, "swell", 36)):
        # Luxembourg's table prints 0-0, its sample 1-0.
        codes = tuple(Code(f"{medium}:{group + 12}.{last}.0", _C, (5, 0)) for medium in ("1-0", "0-0"))
        yield Quantity(
            f"{what}s_{phase}", codes, "quality", place=place + number, called=f"voltage_{what}_{phase}_count"
        )


def _demand() -> Iterator[Quantity]:
    """Averages: of a row's period, of the running quarter hour, of the meter's own demand period."""
    yield Quantity("demand_w", (), "demand", span=Span.PERIOD, place=20, called="average_power_w")
    for way, name, base, unit in (
        (1, "", "w", "kW"), (2, "export_", "w", "kW"),
        (3, "reactive_import_", "var", "kvar"), (4, "reactive_export_", "var", "kvar"),
        (9, "apparent_import_", "va", "kVA"), (10, "apparent_export_", "va", "kVA"),
    ):  # fmt: skip
        yield Quantity(
            f"demand_{name}current_quarter_{base}",
            (Code(f"1-0:{way}.4.0", _N, (2, 3), unit),),
            "demand" if way == 1 else None,
            span=Span.RUNNING_QUARTER,
            called="average_power_15m_w" if way == 1 else None,
        )
    for way, name, form in ((1, "import", _N), (15, "combined", _N), (16, "net", _S)):
        yield Quantity(f"power_{name}_average_w", (Code(f"1-0:{way}.24.0", form, (2, 3), "kW"),))
    yield Quantity(
        "demand_max_month_w",
        (Code("1-0:1.6.0", Form.TIMED_NUMBER, (2, 3), "kW"),),
        "demand",
        span=Span.MONTH,
        place=21,
        called="monthly_power_peak_w",
    )


def _states() -> Iterator[Quantity]:
    """What the meter counts, limits and switches."""
    tariff = tuple(Code(f"0-0:96.14.{n}", Form.CODE, (4, 0)) for n in (0, 1))
    yield Quantity("tariff", tariff, "electricity", is_choice=True, place=22)
    for place, name, code in ((37, "any", "0-0:96.7.21"), (38, "long", "0-0:96.7.9")):
        yield Quantity(
            f"failures_{name}",
            (Code(code, _C, (5, 0)),),
            "quality",
            place=place,
            called=f"{name}_power_fail_count",
        )
    yield Quantity("grid_type", (Code("1-0:94.32.1", _C, (3, 0)),))
    yield Quantity("current_transformer_ratio", (Code("1-0:0.4.2", _C, (5, 0)),))
    yield Quantity("voltage_transformer_ratio", (Code("1-0:0.4.3", _C, (5, 0)),))
    yield Quantity("breaker_state", (Code("0-0:96.3.10", Form.CODE, (1, 0)),), is_choice=True)
    for n in (1, 2, 3, 4):
        yield Quantity(f"relay_{n}_state", (Code(f"0-{n}:96.3.10", Form.CODE, (1, 0)),), is_choice=True)
    # What the limiter limits, its unit says.
    yield Quantity("limiter_w", (Code("0-0:17.0.0", _LIMIT, (3, 1), "kW"),))
    yield Quantity("limiter_ma")
    yield Quantity("limiter_va")
    yield Quantity("fuse_threshold_ma", (Code("1-1:31.4.0", _LIMIT, (3, 0), "A"),))
    yield Quantity("fuse_threshold_export_ma")


def _of_devices() -> Iterator[Quantity]:
    """The registers of M-Bus devices; their codes are those of a channel, whatever is on it."""
    for commodity, register, category, place, price in (
        ("gas", "gas_litre", "gas", 11, "gas.m3"),
        ("water", "water_litre", "water", 12, "water.m3"),
        ("heat", "heat_kj", "heat", 13, "heat.gj"),
        ("cooling", "cooling_kj", None, 14, "cooling.gj"),
        ("submeter", "submeter_wh", None, 15, None),
        ("warm_water", "warm_water_litre", "water", 45, "warm_water.m3"),
        ("inlet_heat", "inlet_heat_kj", "heat", 46, "inlet_heat.gj"),
        ("heat_volume", "heat_volume_litre", "heat", 47, None),
        ("cooling_volume", "cooling_volume_litre", None, 48, None),
    ):
        yield Quantity(register, (), category, commodity, is_register=True, place=place, price=price)


QUANTITIES: tuple[Quantity, ...] = (
    *_energy(),
    *_power(),
    *(row for number, (phase, group) in enumerate(_PHASES) for row in _phase(number, phase, group)),
    *_demand(),
    *_states(),
    *_of_devices(),
)

# Gas: a house burns up to 6 m³/h (meter G4), a large one 25 (G16), a block of flats 100 (G65).
# Water: 5 m³/h is the most through a house's meter (Q3 4, EN 14154), 30 through a block's (DN 50).
# Heat and cooling: 100 kW for a house, 1 MW for a block; a kilowatt is 3,600 kJ/h. A submeter: as a home.
COMMODITIES: tuple[Commodity, ...] = (
    Commodity(
        "gas", "gas_litre", N_("Gas"), (3,), "m3", 25_000, 100_000, 1000, "gas_meter", "m3"
    ),
    Commodity(
        "water", "water_litre", N_("Water"), (7, 22), "m3", 5_000, 30_000, 1000, "water_meter", "m3"
    ),
    Commodity(
        "warm_water", "warm_water_litre", N_("Warm water"), (6, 21), "m3", 5_000, 30_000, 1000,
        "warm_water_meter", "m3",
    ),
    Commodity(
        "heat", "heat_kj", N_("Heat"), (4, 13), "GJ", 360_000, 3_600_000, 1_000_000, "heat_meter", "GJ"
    ),
    Commodity(
        "inlet_heat", "inlet_heat_kj", N_("Heat at the inlet"), (12,), "GJ", 360_000, 3_600_000, 1_000_000,
        "inlet_heat_meter", "GJ",
    ),
    # The volume of a heat meter is that of its hot water; for recipients its unit tells it from the energy.
    Commodity(
        "heat_volume", "heat_volume_litre", N_("Hot water for heat"), (4, 12, 13), "m3", 5_000, 30_000, 1000,
        "heat_meter", "m3", rank=1,
    ),
    Commodity(
        "cooling", "cooling_kj", N_("Cooling"), (10, 11), "GJ", 360_000, 3_600_000, 1_000_000,
        "cooling_meter", "GJ",
    ),
    Commodity(
        "cooling_volume", "cooling_volume_litre", N_("Water for cooling"), (10, 11), "m3", 5_000, 30_000,
        1000, "cooling_meter", "m3", rank=1,
    ),
    Commodity(
        "submeter", "submeter_wh", N_("Electricity submeter"), (2,), "kWh", 100_000, 200_000, 1000,
        "electricity_meter", "kWh",
    ),
)  # fmt: skip

BY_NAME: Mapping[str, Quantity] = MappingProxyType({row.name: row for row in QUANTITIES})
BY_COMMODITY: Mapping[str, Commodity] = MappingProxyType({row.name: row for row in COMMODITIES})


def names(rows: Iterable[Quantity]) -> tuple[str, ...]:
    return tuple(row.name for row in rows)


IMPORT_REGISTERS = tuple(f"energy_import{suffix}_wh" for suffix in _TARIFFS)
EXPORT_REGISTERS = tuple(f"energy_export{suffix}_wh" for suffix in _TARIFFS)
"""A direction's total, and its four tariffs."""
REGISTERS: frozenset[str] = frozenset(row.name for row in QUANTITIES if row.is_register)
DEVICE_REGISTERS: Mapping[str, str] = MappingProxyType({row.name: row.register for row in COMMODITIES})
"""From what an M-Bus device measures to its register's name."""
COMMODITY_OF: Mapping[str, str] = MappingProxyType({row.register: row.name for row in COMMODITIES})


def category_of(commodity: str) -> str | None:
    """The category of a consent under which a commodity may be disclosed; None: under none."""
    row = BY_COMMODITY.get(commodity)
    return None if row is None else BY_NAME[row.register].category
