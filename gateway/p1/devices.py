"""M-Bus devices: from the lines of one channel to what its devices say.

A register is told by the device's type and its own unit. A channel may have several registers: each that
measures something else is a reading.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from gateway.p1 import obis, units, values
from gateway.p1.obis import Form, Row
from gateway.p1.reading import MBusReading
from gateway.p1.times import MeterClock, is_captured, set_time


class DeviceLine(NamedTuple):
    """A line of a channel, and its place in the telegram."""

    place: int
    code: str
    row: Row
    written: str


@dataclass(slots=True)
class ChannelRead:
    """What a channel's lines gave: readings, codes of unreadable lines, and lines left as they came."""

    readings: list[MBusReading] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    unknown: list[DeviceLine] = field(default_factory=list)


class _Register(NamedTuple):
    line: DeviceLine
    commodity: str
    captured_at: datetime | None
    number: int


def read(channel: int, lines: list[DeviceLine], now: datetime, clock: MeterClock) -> ChannelRead:
    """What is on a channel. `now`: the telegram's time."""
    found = ChannelRead()
    own: dict[str, str] = {}
    of_own: list[DeviceLine] = []
    codes: dict[str, int] = {}
    for line in (line for line in lines if line.row.quantity != "device_register"):
        name = line.row.quantity
        try:
            if name in own:
                found.unknown.append(line)
                continue
            if line.row.form is Form.CODE:
                codes[name] = values.code_of(line.written[1:-1])
            own[name] = line.written[1:-1]
            of_own.append(line)
        except ValueError:
            found.unreadable.append(line.code)
    kind = obis.MEDIUM_TYPES.get(channel) or codes.get("device_type", 0)
    registers = list(_registers(kind, lines, now, clock, found))
    if not registers:
        # Absent, never read, or of a kind that nobody knows: what it says is left as it came.
        found.unknown += of_own
        return found
    for commodity in dict.fromkeys(register.commodity for register in registers):
        same = [register for register in registers if register.commodity == commodity]
        first, history, further = _in_time(same)
        found.unknown += [register.line for register in further]
        found.readings.append(
            MBusReading(
                channel=channel,
                commodity=commodity,
                number=values.number_text_of(own.get("device_number", "")),
                captured_at=first.captured_at or now,
                register=first.number,
                valve_state=codes.get("valve_state"),
                ean=values.text_of(own.get("device_ean", "")) or None,
                timed=first.captured_at is not None,
                history=history,
            )
        )
    return found


def _registers(
    kind: int, lines: list[DeviceLine], now: datetime, clock: MeterClock, found: ChannelRead
) -> Iterable[_Register]:
    """The registers that have a value; the other lines go where they belong."""
    for line in lines:
        if line.row.quantity != "device_register":
            continue
        written, unit = _written(line)
        told = set_time(clock, written.times[-1]) if written.times else None
        if not written.numbers or (written.times and (told is None or not is_captured(told, now))):
            found.unknown.append(line)
            continue
        number = written.numbers[0] + (
            f"*{unit}" if unit and values.unit_of(written.numbers[0]) is None else ""
        )
        commodity = _commodity(kind, number)
        if commodity is None:
            found.unknown.append(line)
            continue
        try:
            register = values.number_of(number, obis.MBUS_ROWS[commodity])
        except ValueError:
            found.unreadable.append(line.code)
            continue
        if len(written.numbers) > 1 or len(written.times) > 1:
            found.unknown.append(line)
        yield _Register(line, commodity, told, register)


def _written(line: DeviceLine) -> tuple[values.Written, str]:
    """A register's times and numbers, and its unit where that has brackets of its own."""
    said = values.brackets(line.written)
    if line.row.form is Form.HOURLY and len(said) > 2:
        *head, unit, number = said
        return values.sorted_out([*head[:1], number]), unit
    return values.sorted_out(said), ""


def _commodity(kind: int, number: str) -> str | None:
    """What a device measures, by its type and its register's unit. None when nobody knows its type."""
    measures = obis.MBUS_TYPES.get(kind, ())
    unit = values.unit_of(number)
    measured = units.bases(unit) if unit else {}
    fitting = (one for one in measures if obis.MBUS_ROWS[one].base in measured)
    return next(fitting, measures[0] if measures else None)


def _in_time(
    same: list[_Register],
) -> tuple[_Register, tuple[tuple[datetime, int], ...], list[_Register]]:
    """The register that counts, those before it in time, and the further ones.

    The first counts; of a load profile, the newest.
    """
    first, *rest = same
    if first.line.row.form is not Form.LOAD_PROFILE:
        return first, (), rest
    hours: dict[datetime, _Register] = {}
    further = []
    for register in same:
        if register.captured_at is None or register.captured_at in hours:
            further.append(register)
        else:
            hours[register.captured_at] = register
    if not hours:
        return first, (), rest
    *earlier, newest = sorted(hours)
    return hours[newest], tuple((at, hours[at].number) for at in earlier), further
