"""The short way from a frame to its reading, for a meter whose telegrams keep their shape.

Of two successive telegrams only some digits differ. A Template, learnt from one telegram, knows
where they stand: it cuts them out of the next one and leaves the lines alone. It gives the very
reading that `meaning.decode` gives, or none, and then `meaning.decode` is asked. Two things make
sure of that: whatever stands between the changing numbers is compared, byte by byte; and a number
is one only if it has its digits and its point where it had them.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Self

from gateway.p1 import obis, telegram, values
from gateway.p1.framer import Frame
from gateway.p1.meaning import HOME, decode
from gateway.p1.obis import Form, Row
from gateway.p1.reading import MBusReading, Reading
from gateway.p1.times import (
    LATEST_LEAD,
    MeterClock,
    clock_is_set,
    is_captured,
    set_time,
)

_NUMBER = re.compile(
    r"\((?P<sign>-?)(?P<digits>\d+(?:\.(?P<decimals>\d+))?)(?:\*(?P<unit>[^()*]+))?\)", re.ASCII
)
_TIME = re.compile(r"\((?P<time>\d{12})(?P<flag>[SW])\)", re.ASCII)
_ANY_TIME = re.compile(rf"\(({values.TIME.pattern})\)")
_TIMED_NUMBER = re.compile(_TIME.pattern + _NUMBER.pattern, re.ASCII)
_REMEMBERED = 1024
_SECONDS = {b"%02d" % second: timedelta(seconds=second) for second in range(60)}
# Counts and codes change a few times a day: then the plain way is asked once.
_CHANGING = (Form.NUMBER, Form.SIGNED_NUMBER)


class Decoder:
    """Decodes the frames of one meter; see `meaning.decode` for what comes out.

    `number` is taken where the meter does not send its own: those of Sweden, Finland and Austria.
    """

    def __init__(self, clock: MeterClock = HOME, number: str | None = None) -> None:
        self._clock = clock
        self._number = number
        self._template: Template | None = None

    def decode(self, frame: Frame, received_at: datetime) -> Reading:
        known = self._template and self._template.read(frame, received_at)
        if known:
            return known
        plain = decode(frame, received_at, self._clock)
        if plain.meter_number is None and self._number:
            plain = replace(plain, meter_number=self._number)
        self._template = Template.learn(frame, plain, self._clock)
        return plain


class _Numbers(dict[bytes, int]):
    """From a number as printed to base units. From one second to the next, most stay what they were."""

    def __init__(self, whole: int, decimals: int, factor: int) -> None:
        super().__init__()
        self._whole, self._decimals, self._factor = whole, decimals, factor

    def __missing__(self, printed: bytes) -> int:
        digits = printed
        if self._decimals:
            if printed[self._whole : self._whole + 1] != b".":
                raise ValueError(printed)
            digits = printed[: self._whole] + printed[self._whole + 1 :]
        if not digits.isdigit():  # int() alone would take spaces and signs
            raise ValueError(printed)
        if len(self) >= _REMEMBERED:
            self.clear()
        number = self[printed] = int(digits) * self._factor
        return number


class _Minutes(dict[bytes, datetime]):
    """From a time without its seconds to that minute."""

    def __init__(self, clock: MeterClock, flag: str) -> None:
        super().__init__()
        self._clock, self._flag = clock, flag

    def __missing__(self, printed: bytes) -> datetime:
        if len(self) >= _REMEMBERED:
            self.clear()
        minute = self[printed] = self._clock.utc(f"{printed.decode('latin-1')}00{self._flag}")
        return minute


class _Captures(dict[tuple[bytes, ...], MBusReading]):
    """From an M-Bus device's time and register as printed to what they mean: both change seldom."""

    def __init__(self, device: MBusReading, clock: MeterClock, flag: str, numbers: _Numbers) -> None:
        super().__init__()
        self._device, self._clock, self._flag, self._numbers = device, clock, flag, numbers

    def __missing__(self, printed: tuple[bytes, ...]) -> MBusReading:
        time, register = printed
        captured_at = self._clock.utc(time.decode("latin-1") + self._flag)
        if not clock_is_set(captured_at):
            raise ValueError(time)
        if len(self) >= _REMEMBERED:
            self.clear()
        device = self[printed] = replace(
            self._device, captured_at=captured_at, register=self._numbers[register]
        )
        return device


@dataclass(frozen=True, slots=True)
class _Field:
    """Bytes that may change: where they stand, of what, and how they are to be read."""

    span: tuple[int, int]
    of: str | MBusReading
    numbers: _Numbers | None = None
    flag: str = ""


class Template:
    """Where in a meter's telegrams the digits stand that may change."""

    def __init__(self, frame: Frame, plain: Reading, clock: MeterClock, fields: list[_Field]) -> None:
        self._plain = plain
        self._quantities = dict(plain.quantities)
        self._own = [
            (field.of, field.numbers, i)
            for i, field in enumerate(fields)
            if isinstance(field.of, str) and field.numbers is not None
        ]
        spans = [field.span for field in fields]
        self._cutter = _cutter(len(frame.body), spans)
        self._mask = _mask(len(frame.body), spans)
        self._fixed = _number_of(frame.body) & self._mask
        self._time = next(
            ((i, _Minutes(clock, field.flag)) for i, field in enumerate(fields) if field.of == "time"), None
        )
        # Of a device stand two fields behind each other: the time, then the register.
        self._devices = [
            (plain.mbus.index(field.of), slice(i, i + 2), _Captures(field.of, clock, field.flag, numbers))
            for i, field in enumerate(fields)
            if isinstance(field.of, MBusReading) and field.flag
            if (numbers := fields[i + 1].numbers) is not None
        ]

    @classmethod
    def learn(cls, frame: Frame, plain: Reading, clock: MeterClock = HOME) -> Self | None:
        """A template for telegrams like this one; None when something in it is out of the ordinary."""
        text = frame.body.decode("latin-1")
        if any(not device.timed for device in plain.mbus):
            return None  # its time is the telegram's
        fields: list[_Field] = []
        seen: set[tuple[str, int]] = set()
        for line in telegram.LINE.finditer(text):
            row, channel = obis.find(line[1])
            if row is None or not line[2].strip("()"):
                continue
            if (row.quantity, channel) in seen:
                return None
            seen.add((row.quantity, channel))
            found = _fields(row, channel, text, line.start(2), plain)
            if not found and (row.form is Form.TIME and plain.timed):
                return None  # a time without its flag
            if not found and channel and _may_change(line[1], row, line[2], plain, clock):
                return None
            fields += found
        return cls(frame, plain, clock, fields)

    def read(self, frame: Frame, received_at: datetime) -> Reading | None:
        """The reading of a telegram of this shape; None for any other."""
        body = frame.body
        if len(body) != self._cutter.size or _number_of(body) & self._mask != self._fixed:
            return None
        printed = self._cutter.unpack(body)
        plain = self._plain
        quantities = self._quantities.copy()
        try:
            for name, numbers, index in self._own:
                quantities[name] = numbers[printed[index]]
            at = received_at
            if self._time is not None:
                index, minutes = self._time
                time = printed[index]
                at = minutes[time[:10]] + _SECONDS[time[10:]]
            mbus = plain.mbus
            if self._devices:
                devices = list(mbus)
                for place, both, captures in self._devices:
                    devices[place] = captures[printed[both]]
                mbus = tuple(devices)
        except (KeyError, ValueError):
            return None
        if not clock_is_set(at):
            return None
        latest = at + LATEST_LEAD
        for device in mbus:
            if device.captured_at > latest:
                return None
        return plain.renewed(at, MappingProxyType(quantities), mbus)


def _fields(row: Row, channel: int, text: str, start: int, plain: Reading) -> list[_Field]:
    """The digits of one line that may change; none when the line must stay as it is."""
    if channel:
        device = next((d for d in plain.mbus if d.channel == channel), None)
        return _fields_of(device, text, start) if device and row.form is Form.TIMED_NUMBER else []
    if row.form is Form.TIME:
        time = _TIME.match(text, start)
        # A clock that was never set or shows no time at all is left to the plain way.
        return [_Field(time.span("time"), row.quantity, flag=time["flag"])] if time and plain.timed else []
    found = _NUMBER.match(text, start)
    if found is None or row.form not in _CHANGING or row.quantity not in plain.quantities:
        return []
    factor = _factor(found, row)
    numbers = _numbers(found, -factor if found["sign"] else factor)
    return [_Field(found.span("digits"), row.quantity, numbers)] if numbers is not None else []


def _fields_of(device: MBusReading, text: str, start: int) -> list[_Field]:
    """The time and the register of an M-Bus device."""
    found = _TIMED_NUMBER.match(text, start)
    if found is None or found["sign"]:
        return []
    numbers = _numbers(found, _factor(found, obis.MBUS_ROWS[device.commodity]))
    if numbers is None:
        return []
    time = _Field(found.span("time"), device, flag=found["flag"])
    return [time, _Field(found.span("digits"), device, numbers)]


def _numbers(number: re.Match[str], factor: int) -> _Numbers | None:
    """How numbers printed like this one are read; None when the plain way must do it."""
    decimals = len(number["decimals"] or "")
    whole = len(number["digits"]) - decimals - (1 if decimals else 0)
    return _Numbers(whole, decimals, factor) if factor else None


def _factor(number: re.Match[str], due: Row) -> int:
    """Base units in one of the number's last digit; 0 when that is not a whole number."""
    decimals = len(number["decimals"] or "")
    whole = len(number["digits"]) - decimals - (1 if decimals else 0)
    scale = values.scale_of(whole, decimals or None, number["unit"], due)
    if scale is None:
        return 0
    factor, rest = divmod(scale.numerator, scale.denominator * 10**decimals)
    return 0 if rest else factor


def _may_change(code: str, row: Row, written: str, plain: Reading, clock: MeterClock) -> bool:
    """Whether the same line of an M-Bus device may mean something else at another time.

    One whose time lies in the future has no reading yet. One that cannot be read has none either, and is
    no longer named, once the meter's clock was set back to before its time.
    """
    if row.quantity != "device_register":
        return False
    for told in _ANY_TIME.findall(written):
        captured_at = set_time(clock, told)
        if captured_at and (code in plain.unreadable or not is_captured(captured_at, plain.at)):
            return True
    return False


def _cutter(length: int, spans: list[tuple[int, int]]) -> struct.Struct:
    """Cuts what may change out of a telegram."""
    parts, end = [], 0
    for start, stop in spans:
        parts.append(f"{start - end}x{stop - start}s")
        end = stop
    return struct.Struct("".join(parts) + f"{length - end}x")


def _mask(length: int, spans: list[tuple[int, int]]) -> int:
    """All bits of the bytes that may not change: one operation then compares them all."""
    mask = bytearray(b"\xff" * length)
    for start, stop in spans:
        mask[start:stop] = bytes(stop - start)
    return _number_of(mask)


def _number_of(body: bytes | bytearray) -> int:
    return int.from_bytes(body, "little")
