"""Readings: what one telegram means. Whole numbers in base units, times in UTC.

A line that cannot be read is left out and named in `Reading.unreadable`: once the checksum holds,
one odd line never costs the rest. Source: DSMR P1 5.0.2, section 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from gateway.p1 import obis, telegram
from gateway.p1.framer import Frame
from gateway.p1.obis import Form, Row
from gateway.p1.telegram import Telegram

# Summer and winter time as fixed offsets: the flag tells the repeated autumn hour apart,
# and a meter that keeps winter time all year stays right.
_OFFSETS = {"S": timezone(timedelta(hours=2)), "W": timezone(timedelta(hours=1))}
# A clock before this year was never set (meters start at 1970 or 2000).
_FIRST_YEAR = 2010
_LATEST_LEAD = timedelta(hours=24)
_MOST_DIGITS = 15
_POWERS_OF_TEN: tuple[int, ...] = tuple(10**n for n in range(_MOST_DIGITS + 1))
_NUMBER = Form.NUMBER
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
    """The last register of a gas, water or heat meter, with the time that meter read it.

    `commodity` is "gas", "water" or "heat"; `register` is in litre, for heat in kJ.
    """

    channel: int
    commodity: str
    number: str
    captured_at: datetime
    register: int


@dataclass(frozen=True, slots=True)
class Reading:
    """`quantities` maps names of the OBIS table to whole numbers in the unit of the name."""

    at: datetime
    model: str
    meter_number: str | None
    version: str | None
    quantities: Mapping[str, int]
    mbus: tuple[MBusReading, ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()
    unreadable: tuple[str, ...] = ()

    granularity = "live"  # a reading is as fine as it gets; rows say quarter, hour, day or month

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


def decode(frame: Frame, received_at: datetime) -> Reading:
    """Return what one telegram means.

    Energies are in Wh, powers in W, voltages in mV, currents in mA, volumes in litre, times in
    UTC. `received_at` (UTC) is taken where the meter sends no time or its clock was never set.
    Raises MalformedTelegram when no line can be read.
    """
    return interpret(telegram.parse(frame), received_at)


def interpret(sent: Telegram, received_at: datetime) -> Reading:
    """Return the reading of a parsed telegram; see `decode`."""
    quantities: dict[str, int] = {}
    own: dict[str, str | datetime] = {}
    devices: dict[int, dict[str, str]] = {}
    unknown: list[tuple[str, str]] = []
    unreadable: list[str] = []
    for code, values in sent.lines:
        row, channel = obis.find(code)
        if row is None:
            unknown.append((code, values))
        elif channel:
            devices.setdefault(channel, {}).setdefault(row.quantity, values)
        elif values != "()":
            try:
                if row.form is _NUMBER:
                    quantities.setdefault(row.quantity, _number(values[1:-1], row.unit))
                else:
                    _keep(row, values[1:-1], quantities, own)
            except ValueError:
                unreadable.append(code)
    at = own.get("time")
    if not isinstance(at, datetime) or not clock_is_set(at):
        at = received_at
    mbus = []
    for channel in sorted(devices):
        try:
            found = _mbus(channel, devices[channel], at)
        except ValueError:
            unreadable.append(f"0-{channel}:24.2.1")
        else:
            if found is not None:
                mbus.append(found)
    number, version = own.get("meter_number"), own.get("version")
    return Reading(
        at=at,
        model=sent.header,
        meter_number=str(number) if number else None,
        version=str(version) if version else None,
        quantities=MappingProxyType(quantities),
        mbus=tuple(mbus),
        unknown=tuple(unknown),
        unreadable=tuple(unreadable),
    )


def _keep(row: Row, value: str, quantities: dict[str, int], own: dict[str, str | datetime]) -> None:
    """Put one value where it belongs; of a code that is sent twice the first counts."""
    form, name = row.form, row.quantity
    if form is Form.COUNT or form is Form.CODE:
        quantities.setdefault(name, _digits(value))
    elif form is Form.TIME:
        own.setdefault(name, time_of(value))
    else:
        own.setdefault(name, text_of(value) if form is Form.TEXT else value)


def as_json(reading: Reading) -> dict[str, Any]:
    """The reading as JSON values, in the units of the names."""
    return {
        "at": reading.at.isoformat().replace("+00:00", "Z"),
        "simulated": reading.simulated,
        "model": reading.model,
        "version": reading.version,
        "meter_number": reading.meter_number,
        **reading.quantities,
        "mbus": [
            {
                "channel": device.channel,
                "commodity": device.commodity,
                "number": device.number,
                "captured_at": device.captured_at.isoformat().replace("+00:00", "Z"),
                obis.MBUS_REGISTERS[device.commodity]: device.register,
            }
            for device in reading.mbus
        ],
        "unknown": dict(reading.unknown),
        "unreadable": list(reading.unreadable),
    }


def _mbus(channel: int, lines: Mapping[str, str], now: datetime) -> MBusReading | None:
    """None when the device has no reading (absent, never read, or a date filled with rubbish)."""
    commodity = obis.MBUS_TYPES.get(_digits(lines.get("device_type", "()")[1:-1] or "0"))
    register = lines.get("device_register", "")
    if commodity is None or register in ("", "()"):
        return None
    time, _, rest = register[1:-1].partition(")(")
    try:
        captured_at = time_of(time)
    except ValueError:  # dates of 0xFF bytes print as 632525...: there is no reading
        return None
    if not is_captured(captured_at, now):
        return None
    return MBusReading(
        channel=channel,
        commodity=commodity,
        number=text_of(lines.get("device_number", "()")[1:-1]),
        captured_at=captured_at,
        register=_number(rest, obis.MBUS_UNITS[commodity]),
    )


def clock_is_set(at: datetime) -> bool:
    """False for the dates at which an unset clock starts."""
    return at.year >= _FIRST_YEAR


def is_captured(captured_at: datetime, now: datetime) -> bool:
    """False for the times that a device without a reading states."""
    return clock_is_set(captured_at) and captured_at <= now + _LATEST_LEAD


def _number(value: str, usual_unit: str) -> int:
    """Digits with a unit to whole base units. Raises ValueError."""
    number, _, unit = value.partition("*")
    scale = obis.BASE_UNITS.get(unit or usual_unit)
    if scale is None:
        raise ValueError(unit)
    whole, _, decimals = number.partition(".")
    return _digits(whole + decimals) * scale // _POWERS_OF_TEN[len(decimals)]


def _digits(value: str) -> int:
    # int() alone would take "-1", "1_000" and " 7"; a longer one would not fit the history.
    if value.isdecimal() and len(value) <= _MOST_DIGITS:
        return int(value)
    raise ValueError(value)


@lru_cache(maxsize=64)
def time_of(value: str) -> datetime:
    """A TST (YYMMDDhhmmssX) in UTC. Raises ValueError."""
    if len(value) != 13 or value[12] not in _OFFSETS or not value[:12].isdigit():
        raise ValueError(value)
    year, month, day, hour, minute, second = (int(value[i : i + 2]) for i in range(0, 12, 2))
    local = datetime(2000 + year, month, day, hour, minute, second, tzinfo=_OFFSETS[value[12]])
    return local.astimezone(UTC)


def time_text(at: datetime, summer: bool) -> str:
    """The TST of a time: the inverse of `time_of`."""
    flag = "S" if summer else "W"
    return at.astimezone(_OFFSETS[flag]).strftime("%y%m%d%H%M%S") + flag


@lru_cache(maxsize=64)
def text_of(value: str) -> str:
    """An octet string's text; as sent when it is not hexadecimal digits of printable ASCII."""
    try:
        decoded = bytes.fromhex(value).decode("ascii")
    except ValueError:
        return value
    return decoded.strip() if decoded.isprintable() and " " not in value else value


def text_hex(text: str) -> str:
    """The octet string of a text: the inverse of `text_of`."""
    return text.encode("ascii").hex().upper()


def value_text(row: Row, value: int) -> str:
    """A number's brackets as a meter prints them: the inverse of reading a NUMBER, COUNT or CODE."""
    whole, decimals = row.pattern
    if not decimals and not row.unit:
        return f"({value:0{whole}d})"
    digits = f"{value * _POWERS_OF_TEN[decimals] // obis.BASE_UNITS[row.unit]:0{whole + decimals}d}"
    point = f".{digits[-decimals:]}" if decimals else ""
    return f"({digits[: len(digits) - decimals]}{point}*{row.unit})"
