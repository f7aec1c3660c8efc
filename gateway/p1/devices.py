"""M-Bus devices: from the lines of their channels to what they say.

A register is told by the device's type and its own unit. A channel may have several registers: each that
measures something else is a reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from gateway.p1 import obis, units, values
from gateway.p1.obis import Form, Row
from gateway.p1.reading import MBusReading
from gateway.p1.telegram import Line, joined
from gateway.p1.times import MeterClock, set_time

# How far ahead of the electricity meter's clock an M-Bus device's may be.
_LATEST_LEAD = timedelta(hours=24)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class DeviceLine(NamedTuple):
    """A line of a channel, and its place in the telegram."""

    place: int
    channel: int
    row: Row
    code: str
    written: str

    @property
    def is_register(self) -> bool:
        """Whether it holds a register: the other lines of a device seldom change."""
        return self.row.quantity == "device_register"

    @property
    def value(self) -> str:
        """What stands between its outermost brackets."""
        return joined(self.written)[1:-1]


@dataclass(slots=True)
class Devices:
    """What the lines of devices give: readings, codes of unreadable lines, and by their places lines left as
    they came. At every time of the telegram from `since` to `before`, the same.
    """

    readings: tuple[MBusReading, ...] = ()
    untimed: bool = False
    unreadable: list[str] = field(default_factory=list)
    unknown: dict[int, Line] = field(default_factory=dict)
    since: datetime = _FIRST
    before: datetime = _LAST

    def at(self, now: datetime) -> tuple[MBusReading, ...]:
        """The readings, at another of these times: it is that of registers which state none."""
        if not self.untimed:
            return self.readings
        return tuple(one if one.timed else replace(one, captured_at=now) for one in self.readings)

    def leave(self, line: DeviceLine) -> None:
        """Leave a line as it came."""
        self.unknown[line.place] = line.code, line.written

    def is_captured(self, at: datetime, now: datetime) -> bool:
        """False for a time that a device without a reading states. It will be true later."""
        begins = at - _LATEST_LEAD
        if begins <= now:
            self.since = max(self.since, begins)
        else:
            self.before = min(self.before, begins)
        return begins <= now


class _Register(NamedTuple):
    line: DeviceLine
    commodity: str
    captured_at: datetime | None
    number: int


def read(lines: Sequence[DeviceLine], now: datetime, clock: MeterClock) -> Devices:
    """What is on all channels. `now`: the telegram's time."""
    found = Devices()
    for channel in sorted({line.channel for line in lines}):
        _read_channel([line for line in lines if line.channel == channel], now, clock, found)
    return found


def _read_channel(lines: list[DeviceLine], now: datetime, clock: MeterClock, found: Devices) -> None:
    own: dict[str, DeviceLine] = {}
    codes: dict[str, int] = {}
    for line in (line for line in lines if not line.is_register):
        name = line.row.quantity
        if name in own:
            found.leave(line)
            continue
        try:
            if line.row.form is Form.CODE:
                codes[name] = values.code_of(line.value)
            own[name] = line
        except ValueError:
            found.unreadable.append(line.code)
    channel = lines[0].channel
    kind = obis.MEDIUM_TYPES.get(channel) or codes.get("device_type", 0)
    registers = list(_registers(kind, [line for line in lines if line.is_register], now, clock, found))
    if not registers:
        # Absent, never read, or of a kind that nobody knows: what it says is left as it came.
        for line in own.values():
            found.leave(line)
    number, ean = (own[name].value if name in own else "" for name in ("device_number", "device_ean"))
    for commodity in dict.fromkeys(register.commodity for register in registers):
        first, history, further = _in_time([one for one in registers if one.commodity == commodity])
        for register in further:
            found.leave(register.line)
        reading = MBusReading(
            channel=channel,
            commodity=commodity,
            number=values.number_text_of(number),
            captured_at=first.captured_at or now,
            register=first.number,
            valve_state=codes.get("valve_state"),
            ean=values.text_of(ean) or None,
            timed=first.captured_at is not None,
            history=history,
        )
        found.readings += (reading,)
        found.untimed |= not reading.timed


def _registers(
    kind: int, lines: list[DeviceLine], now: datetime, clock: MeterClock, found: Devices
) -> Iterable[_Register]:
    """The registers that have a value; the other lines go where they belong."""
    for line in lines:
        written, unit = _written(line)
        told = set_time(clock, written.times[-1]) if written.times else None
        if not written.numbers or (written.times and (told is None or not found.is_captured(told, now))):
            found.leave(line)
            continue
        number = written.numbers[0] + (
            f"*{unit}" if unit and values.unit_of(written.numbers[0]) is None else ""
        )
        commodity = _commodity(kind, number)
        if commodity is None:
            found.leave(line)
            continue
        try:
            register = values.number_of(number, obis.MBUS_ROWS[commodity])
        except ValueError:
            found.unreadable.append(line.code)
            continue
        if len(written.numbers) > 1 or len(written.times) > 1:
            found.leave(line)
        yield _Register(line, commodity, told, register)


def _written(line: DeviceLine) -> tuple[values.Written, str]:
    """A register's times and numbers, and its unit where that has brackets of its own."""
    said = values.brackets(f"({line.value})")
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
