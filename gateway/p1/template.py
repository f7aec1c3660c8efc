"""The short way from a frame to its reading, for a meter whose telegrams keep their shape.

Of two successive telegrams only some digits differ. A Template, learnt from one telegram, knows
where they stand: it cuts them out of the next one and leaves the lines alone. It gives the very
reading that `reading.decode` gives, or none, and then `reading.decode` is asked. Two comparisons
make sure of that: of the shape (every character that is not a digit), and of all other digits.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Self

from gateway.p1 import obis, reading, telegram
from gateway.p1.framer import Frame
from gateway.p1.obis import Form, Row
from gateway.p1.reading import MBusReading, Reading

_DIGITS_AS_ZERO = bytes.maketrans(b"123456789", b"000000000")
_NUMBER = re.compile(r"\((?P<digits>\d+(?:\.(?P<decimals>\d+))?)(?:\*(?P<unit>\w+))?\)")
_TIME = re.compile(r"\((?P<time>\d{12})(?P<flag>[SW])\)")
_TIMED_NUMBER = re.compile(_TIME.pattern + _NUMBER.pattern)


class Decoder:
    """Decodes the frames of one meter; see `reading.decode` for what comes out."""

    def __init__(self) -> None:
        self._template: Template | None = None

    def decode(self, frame: Frame, received_at: datetime) -> Reading:
        known = self._template and self._template.read(frame, received_at)
        if known:
            return known
        plain = reading.decode(frame, received_at)
        self._template = Template.learn(frame, plain)
        return plain


@dataclass(frozen=True, slots=True)
class _Field:
    """Digits that may change: where they stand, of what, and base units in one of their last digit."""

    span: tuple[int, int]
    of: str | MBusReading
    factor: int = 1
    flag: str = ""


class Template:
    """Where in a meter's telegrams the digits stand that may change."""

    def __init__(self, frame: Frame, plain: Reading, fields: list[_Field]) -> None:
        self._plain = plain
        self._shape = frame.body.translate(_DIGITS_AS_ZERO)
        self._cutter = _cutter(frame.body, [field.span for field in fields])
        self._fixed = self._cutter.unpack(frame.body.translate(None, b"."))[::2]
        self._own = [
            (field.of, i, field.factor)
            for i, field in enumerate(fields)
            if isinstance(field.of, str) and field.of in plain.quantities
        ]
        self._time = next(((i, field.flag) for i, field in enumerate(fields) if field.of == "time"), None)
        # Of a device stand two fields behind each other: the time, then the register.
        self._devices = [
            (field.of, i, field.flag, fields[i + 1].factor)
            for i, field in enumerate(fields)
            if isinstance(field.of, MBusReading) and field.flag
        ]

    @classmethod
    def learn(cls, frame: Frame, plain: Reading) -> Self | None:
        """A template for telegrams like this one; None when something in it is out of the ordinary."""
        text = frame.body.decode("latin-1")
        fields: list[_Field] = []
        seen: set[tuple[str, int]] = set()
        for line in telegram.LINE.finditer(text):
            row, channel = obis.find(line[1])
            if row is None or line[2] == "()":
                continue
            if (row.quantity, channel) in seen:
                return None
            seen.add((row.quantity, channel))
            found = _fields(row, channel, text, line.start(2), plain)
            if not found and row.form is Form.TIMED_NUMBER:
                return None  # a device without a reading now may have one in the next telegram
            fields += found
        return cls(frame, plain, fields)

    def read(self, frame: Frame, received_at: datetime) -> Reading | None:
        """The reading of a telegram of this shape; None for any other."""
        if frame.body.translate(_DIGITS_AS_ZERO) != self._shape:
            return None
        cut = self._cutter.unpack(frame.body.translate(None, b"."))
        if cut[::2] != self._fixed:
            return None
        digits = cut[1::2]
        plain = self._plain
        quantities = dict(plain.quantities)
        for name, index, factor in self._own:
            quantities[name] = int(digits[index]) * factor
        try:
            at = received_at
            if self._time is not None:
                index, flag = self._time
                at = reading.time_of(digits[index].decode() + flag)
            mbus = tuple(
                MBusReading(
                    device.channel,
                    device.commodity,
                    device.number,
                    reading.time_of(digits[index].decode() + flag),
                    int(digits[index + 1]) * factor,
                )
                for device, index, flag, factor in self._devices
            )
        except ValueError:
            return None
        if not reading.clock_is_set(at) or not all(reading.is_captured(d.captured_at, at) for d in mbus):
            return None
        return Reading(
            at=at,
            model=plain.model,
            meter_number=plain.meter_number,
            version=plain.version,
            quantities=MappingProxyType(quantities),
            mbus=mbus,
            unknown=plain.unknown,
            unreadable=plain.unreadable,
        )


def _fields(row: Row, channel: int, text: str, start: int, plain: Reading) -> list[_Field]:
    """The digits of one line that may change; none when the line must stay as it is."""
    if row.form is Form.TIMED_NUMBER:
        device = next((d for d in plain.mbus if d.channel == channel), None)
        found = _TIMED_NUMBER.match(text, start)
        factor = found and device and _factor(found, row.form, obis.MBUS_UNITS[device.commodity])
        if device is None or found is None or not factor:
            return []
        time = _Field(found.span("time"), device, flag=found["flag"])
        return [time, _Field(found.span("digits"), device, factor)]
    if row.form is Form.TIME:
        found = _TIME.match(text, start)
        # A clock that was never set or shows no time at all is left to the plain way.
        if found is None or f"({reading.time_text(plain.at, found['flag'] == 'S')})" != found[0]:
            return []
        return [_Field(found.span("time"), row.quantity, flag=found["flag"])]
    found = _NUMBER.match(text, start)
    factor = found and _factor(found, row.form, row.unit)
    if found is None or not factor or row.quantity not in plain.quantities:
        return []
    return [_Field(found.span("digits"), row.quantity, factor)]


def _factor(number: re.Match[str], form: Form, usual_unit: str) -> int | None:
    """Base units in one of the number's last digit; None when that is not a whole number."""
    if form in (Form.COUNT, Form.CODE):
        return 1
    scale = obis.BASE_UNITS.get(number["unit"] or usual_unit, 0)
    factor, rest = divmod(scale, 10 ** len(number["decimals"] or ""))
    return None if rest else factor


def _cutter(body: bytes, spans: list[tuple[int, int]]) -> struct.Struct:
    """Cuts a telegram, its points taken out, into fixed and changing parts in turn."""
    parts, end = [], 0
    for start, stop in spans:
        parts += [body[end:start], body[start:stop]]
        end = stop
    parts.append(body[end:])
    return struct.Struct("".join(f"{len(part.replace(b'.', b''))}s" for part in parts))
