"""Readings: what one telegram means. Whole numbers in base units, times in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from gateway.p1 import obis

SIMULATOR_MODEL = "P1-SIMULATOR"


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase; None where the meter does not say."""

    power_import_w: int | None
    power_export_w: int | None
    voltage_mv: int | None
    current_ma: int | None


@dataclass(frozen=True, slots=True)
class MBusReading:
    """The last register of an M-Bus device, with the time that device read it.

    `commodity` is one of obis.MBUS_REGISTERS; `register` is in the unit of that name: litre, kJ, or
    Wh for an electricity submeter. `valve_state` is 1 where the valve or switch is open. Without `timed`,
    the device did not say when: `captured_at` is the telegram's time. `history`: earlier registers with
    their times, oldest first, where the meter repeats them. A device with two registers is two readings.
    """

    channel: int
    commodity: str
    number: str
    captured_at: datetime
    register: int
    valve_state: int | None = None
    ean: str | None = None
    timed: bool = True
    history: tuple[tuple[datetime, int], ...] = ()


@dataclass(frozen=True, slots=True)
class PowerFailure:
    """A long power failure, by its end."""

    ended_at: datetime
    duration_s: int


@dataclass(frozen=True, slots=True)
class MonthDemand:
    """The highest quarter hour of a month. `at` is None for a month without a peak."""

    month_ends_at: datetime
    at: datetime | None
    demand_w: int


@dataclass(frozen=True, slots=True)
class MonthEnd:
    """The registers at the end of the last month, as Hungarian meters repeat them.

    `demands_w`: six highest demands of the month; which is which is not established.
    """

    at: datetime
    quantities: Mapping[str, int]
    demands_w: tuple[int, ...]


@dataclass(frozen=True)
class Reading:
    """`quantities` maps names of the OBIS table to whole numbers in the unit of the name.

    `texts` maps names of that table to texts. `timed` is False where the meter has no clock or an
    unset one: then `at` is the time of receipt. `country` is that of the meter, where it shows.
    `unknown` holds lines as they came, in their order: of unknown codes, each further one of a known
    code, one with more in it than could be taken, and those of a device without a reading.
    """

    at: datetime
    model: str
    meter_number: str | None
    version: str | None
    quantities: Mapping[str, int]
    mbus: tuple[MBusReading, ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()
    unreadable: tuple[str, ...] = ()
    texts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    timed: bool = True
    country: str | None = None
    demand_max_at: datetime | None = None
    demand_history: tuple[MonthDemand, ...] = ()
    failures: tuple[PowerFailure, ...] = ()
    month_end: MonthEnd | None = None

    def renewed(self, at: datetime, quantities: Mapping[str, int], mbus: tuple[MBusReading, ...]) -> Reading:
        """What the same meter says at another moment, all else unchanged."""
        # dataclasses.replace would take as long as all the rest of decoding a telegram.
        fields = self.__dict__.copy()
        fields["at"], fields["quantities"], fields["mbus"] = at, quantities, mbus
        renewed = object.__new__(Reading)
        object.__setattr__(renewed, "__dict__", fields)
        return renewed

    @property
    def simulated(self) -> bool:
        """True when the bundled simulator made this telegram: its model says so."""
        return SIMULATOR_MODEL in self.model

    @property
    def net_power_w(self) -> int | None:
        """Import less export: positive when the home takes from the grid."""
        imported = self.quantities.get("power_import_w")
        exported = self.quantities.get("power_export_w")
        return None if imported is None and exported is None else (imported or 0) - (exported or 0)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases that the meter speaks of, L1 first."""
        q = self.quantities.get
        phases = (
            Phase(
                q(f"power_import_{p}_w"), q(f"power_export_{p}_w"), q(f"voltage_{p}_mv"), q(f"current_{p}_ma")
            )
            for p in ("l1", "l2", "l3")
        )
        return tuple(phase for phase in phases if phase != Phase(None, None, None, None))


def as_json(reading: Reading) -> dict[str, Any]:
    """The reading as JSON values, in the units of the names."""
    optional: dict[str, Any] = {
        "demand_max_at": _time(reading.demand_max_at),
        "demand_history": [
            {"month_ends_at": _time(month.month_ends_at), "at": _time(month.at), "demand_w": month.demand_w}
            for month in reading.demand_history
        ],
        "failures": [
            {"ended_at": _time(failure.ended_at), "duration_s": failure.duration_s}
            for failure in reading.failures
        ],
        "month_end": reading.month_end
        and {
            "at": _time(reading.month_end.at),
            **reading.month_end.quantities,
            "demands_w": list(reading.month_end.demands_w),
        },
    }
    return {
        "at": _time(reading.at),
        "timed": reading.timed,
        "simulated": reading.simulated,
        "model": reading.model,
        "version": reading.version,
        "country": reading.country,
        "meter_number": reading.meter_number,
        **reading.texts,
        **reading.quantities,
        **{name: value for name, value in optional.items() if value},
        "mbus": [_device_as_json(device) for device in reading.mbus],
        "unknown": [list(line) for line in reading.unknown],
        "unreadable": list(reading.unreadable),
    }


def _device_as_json(device: MBusReading) -> dict[str, Any]:
    optional: dict[str, Any] = {
        "valve_state": device.valve_state,
        "ean": device.ean,
        "timed": None if device.timed else False,
        "history": [[_time(at), register] for at, register in device.history] or None,
    }
    return {
        "channel": device.channel,
        "commodity": device.commodity,
        "number": device.number,
        "captured_at": _time(device.captured_at),
        obis.MBUS_REGISTERS[device.commodity]: device.register,
        **{name: value for name, value in optional.items() if value is not None},
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
