"""A smart meter at a made-up household: three phases, a gas meter on M-Bus channel 1.

The registers at an instant depend on the seed, the day the meter was installed and that instant,
never on what was asked before. Import and export follow the sum over the phases; tariff 1 is the
low one: at night and in the weekend. Source: DSMR P1 5.0.2.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from types import MappingProxyType

from gateway.p1 import MBusReading, Reading
from gateway.p1.telegram import Telegram
from gateway.simulator import gas
from gateway.simulator.dialects import DSMR_5, Dialect, telegram, telegram_bytes, told
from gateway.simulator.household import LOCAL, Day, Household, Phases

_LOW, _NORMAL = 1, 2
_NORMAL_FROM, _NORMAL_UNTIL = 7, 23  # hours of a working day
_SATURDAY = 5
_GAS_CHANNEL = 1
_WS_PER_WH = 3600
_FREQUENCY_MHZ = 50_000

_COUNTERS = (
    "failures_any", "failures_long", "sags_l1", "sags_l2", "sags_l3", "swells_l1", "swells_l2", "swells_l3",
)  # fmt: skip


class SimulatedMeter:
    """The meter of a household, installed at the beginning of the local day of `origin`.

    Times are taken to the whole second. Raises ValueError for a time before that day.
    """

    def __init__(self, household: Household, origin: datetime, dialect: Dialect = DSMR_5) -> None:
        self.dialect = dialect
        chance = Random(f"{household.seed}/meter")
        self.number = f"E0000{chance.randrange(10**12):012d}"
        self.gas_number = f"G0000{chance.randrange(10**12):012d}"
        self._household = household
        self._installed = origin.astimezone(LOCAL).date()
        self._today = household.day(self._installed)
        # What the registers held at the beginning of each day: import t1, t2, export t1, t2
        # in W·s, then gas in ml.
        self._registers = [tuple(chance.randrange(10**10, 3 * 10**10) for _ in range(5))]
        self._quality = {name: chance.randint(0, 9) for name in _COUNTERS}
        self._quality["failures_long"] = self._quality["failures_any"] // 2

    def reading_at(self, at: datetime) -> Reading:
        """What decoding the telegram of this instant gives."""
        return told(self.dialect, self._known_at(at))

    def telegram_at(self, at: datetime) -> Telegram:
        """The telegram of this instant."""
        return telegram(self.dialect, self._known_at(at))

    def bytes_at(self, at: datetime) -> bytes:
        """The bytes that the meter sends at this instant; for one that encrypts, what it encrypts."""
        return telegram_bytes(self.dialect, self._known_at(at))

    def _known_at(self, at: datetime) -> Reading:
        """All that the meter knows at this instant, whatever its dialect has words for."""
        at = at.astimezone(UTC).replace(microsecond=0)
        day = self._day_of(at)
        second = int(at.timestamp()) - day.begins
        powers = day.power_at(second)
        *energies, gas_ml = self._registers_at(day, second)
        t1_in, t2_in, t1_out, t2_out = (energy // _WS_PER_WH for energy in energies)
        net = sum(powers)
        quantities = {
            "energy_import_wh": t1_in + t2_in,
            "energy_export_wh": t1_out + t2_out,
            "energy_combined_wh": t1_in + t2_in + t1_out + t2_out,
            "energy_import_t1_wh": t1_in,
            "energy_import_t2_wh": t2_in,
            "energy_export_t1_wh": t1_out,
            "energy_export_t2_wh": t2_out,
            "tariff": _tariff(day, second),
            "power_import_w": max(net, 0),
            "power_export_w": max(-net, 0),
            "frequency_mhz": _FREQUENCY_MHZ,
            **self._quality,
            **_phases(powers, day, second),
        }
        captured_at = at - timedelta(seconds=second % gas.SLOT)
        gas_meter = MBusReading(_GAS_CHANNEL, "gas", self.gas_number, captured_at, gas_ml // 1000)
        return Reading(
            at=at,
            model=self.dialect.header,
            meter_number=self.number,
            version=self.dialect.version,
            quantities=MappingProxyType(quantities),
            mbus=(gas_meter,),
        )

    def _day_of(self, at: datetime) -> Day:
        if 0 <= at.timestamp() - self._today.begins < self._today.seconds:
            return self._today
        on = at.astimezone(LOCAL).date()
        if on < self._installed:
            raise ValueError(f"the meter was installed on {self._installed}")
        for number in range(len(self._registers) - 1, (on - self._installed).days):
            self._registers.append(self._at_end_of(self._installed + timedelta(days=number)))
        self._today = self._household.day(on)
        return self._today

    def _at_end_of(self, on: date) -> tuple[int, ...]:
        day = self._today if self._today.on == on else self._household.day(on)
        return self._registers_at(day, day.seconds)

    def _registers_at(self, day: Day, second: int) -> tuple[int, ...]:
        t1_in, t2_in, t1_out, t2_out, burnt = self._registers[(day.on - self._installed).days]
        imported, exported = day.energy_at(second)
        normal_in, normal_out = _at_normal_tariff(day, second)
        return (
            t1_in + imported - normal_in,
            t2_in + normal_in,
            t1_out + exported - normal_out,
            t2_out + normal_out,
            burnt + day.gas_at(second),
        )


def _normal_hours(day: Day) -> tuple[int, int] | None:
    """The seconds between which the normal tariff holds; None in the weekend."""
    if day.on.weekday() >= _SATURDAY:
        return None
    return day.second_of(_NORMAL_FROM), day.second_of(_NORMAL_UNTIL)


def _tariff(day: Day, second: int) -> int:
    hours = _normal_hours(day)
    return _NORMAL if hours and hours[0] <= second < hours[1] else _LOW


def _at_normal_tariff(day: Day, second: int) -> tuple[int, int]:
    """Of what was imported and exported since the day began, the part at the normal tariff."""
    hours = _normal_hours(day)
    if hours is None or second <= hours[0]:
        return 0, 0
    before_in, before_out = day.energy_at(hours[0])
    imported, exported = day.energy_at(min(second, hours[1]))
    return imported - before_in, exported - before_out


def _phases(powers: Phases, day: Day, second: int) -> dict[str, int]:
    quantities = {}
    for phase, watts in enumerate(powers):
        # The grid breathes by a volt and a half; a kilowatt drops another six tenths.
        breath = day.ripples[(day.begins + second) // 20 * 7 % len(day.ripples)] + (phase - 1) * 4
        decivolts = 2310 + 2 * breath - watts * 6 // 1000
        name = f"l{phase + 1}"
        quantities[f"voltage_{name}_mv"] = decivolts * 100
        quantities[f"current_{name}_ma"] = (abs(watts) * 10 + decivolts // 2) // decivolts * 1000
        quantities[f"power_import_{name}_w"] = max(watts, 0)
        quantities[f"power_export_{name}_w"] = max(-watts, 0)
    return quantities
