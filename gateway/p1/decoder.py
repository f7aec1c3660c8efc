"""How a telegram becomes a reading: its shape is compiled to a plan, and every telegram is read by a plan.

From one second to the next, a meter changes some digits of its telegram. A Plan knows what each line means
and where these digits stand, its fields: numbers, the time, the registers of M-Bus devices. It compares all
other bytes, and reads the fields with the readers by which it was compiled. Where another byte differs, or
a field is no longer what it was (a number, a time that exists), the plan does not fit, and a new one is
compiled.

A line that cannot be read is left out and named in `Reading.unreadable`: once the checksum holds, one odd
line never costs the rest, and an odd M-Bus device never costs the electricity. Every other line whose
brackets hold something gives a value, or stands as it came in `Reading.unknown`: of an unknown code, a
further value of a code, one with more in it than could be taken, and those of a device without a reading.
Source: DSMR P1 5.0.2, section 6; the forms of other countries as in `obis`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeVar

from gateway.p1 import devices, forms, obis, telegram
from gateway.p1.country import country_of
from gateway.p1.devices import DeviceLine, Devices
from gateway.p1.forms import Said
from gateway.p1.framer import Frame
from gateway.p1.obis import Form, Row
from gateway.p1.reading import Reading
from gateway.p1.telegram import Line, Span, Telegram
from gateway.p1.times import HOME, MeterClock, clock_is_set

# Some meters alternate between shapes: three currents, each with a sign or without, are eight of them.
_PLANS = 8
_REMEMBERED = 256
_TIME = re.compile(rb"\(+([0-9 :-]+)([0-9]{2})([A-Za-z]?)\)+")
_SECONDS = {b"%02d" % second: timedelta(seconds=second) for second in range(60)}
_UNREAD = datetime.min.replace(tzinfo=UTC)
_IS_DIGIT = bytes(byte in b"0123456789" for byte in range(256))
# What says nothing: it leaves room for a further value.
_EMPTY: tuple[object, ...] = ("", ())

_T = TypeVar("_T")


def decode(frame: Frame, received_at: datetime, clock: MeterClock = HOME) -> Reading:
    """Return what one telegram means.

    Energies are in Wh, powers in W, voltages in mV, currents in mA, volumes in litre, times in
    UTC. `received_at` (UTC) is taken where the meter sends no time or its clock was never set.
    Raises MalformedTelegram when no line can be read.
    """
    return Decoder(clock).decode(frame, received_at)


class Decoder:
    """Decodes the frames of one meter; see `decode` for what comes out.

    `number` is taken where the meter does not send its own: those of Sweden, Finland and Austria.
    """

    def __init__(self, clock: MeterClock = HOME, number: str | None = None) -> None:
        self._clock = clock
        self._number = number
        self._plans: list[Plan] = []

    def decode(self, frame: Frame, received_at: datetime) -> Reading:
        for plan in self._plans:
            try:
                return plan.read(frame, received_at)
            except Misfit:
                continue
        plan = Plan(frame, self._clock, self._number)
        self._plans = [plan, *self._plans[: _PLANS - 1]]
        return plan.read(frame, received_at)


class Misfit(Exception):
    """A plan cannot read a telegram."""


class Plan:
    """What the lines of one telegram mean, and of all that differ from it in the digits of fields only."""

    def __init__(self, frame: Frame, clock: MeterClock = HOME, number: str | None = None) -> None:
        """Compile the plan of a frame. Raises MalformedTelegram when no line can be read."""
        sent = telegram.parse(frame)
        lines = _Lines(frame.body, clock)
        for place, (line, span) in enumerate(zip(sent.lines, sent.spans, strict=True)):
            lines.take(place, line, span)
        lines.unreadable += [telegram.code_in(part) or "a line without a code" for part in sent.broken]
        self._clock = clock
        self._lines = lines
        self._fits = _shape(frame.body, [*lines.numbers, *lines.times, *lines.seldom])
        self._reading = lines.reading(sent, number)
        self._quantities = dict(self._reading.quantities)
        self._numbers = [(name, read, index) for index, (name, read) in enumerate(lines.numbers.values())]
        self._cut_numbers = _cutter(lines.numbers)
        self._time = lines.time
        self._cut_seldom = _cutter(lines.seldom)
        self._seldom: tuple[bytes, ...] | None = None
        self._devices = Devices()

    def read(self, frame: Frame, received_at: datetime) -> Reading:
        """The reading of a telegram. Raises Misfit; never for the one that the plan was compiled from."""
        body = frame.body
        if not self._fits(body):
            raise Misfit
        digits, quantities = self._cut_numbers(body), self._quantities.copy()
        try:
            for name, numbers, index in self._numbers:
                quantities[name] = numbers[digits[index]]
            at = self._time(body)
        except (KeyError, ValueError) as error:
            raise Misfit from error
        timed = at is not None and clock_is_set(at)
        if at is None or not timed:
            at = received_at
        seldom, found = self._cut_seldom(body), self._devices
        if seldom != self._seldom or not found.since <= at < found.before:
            found = self._read_seldom(seldom, at)
        reading = self._reading.renewed(at, MappingProxyType(quantities), found.at(at))
        return reading if reading.timed == timed else replace(reading, timed=timed)

    def _read_seldom(self, seldom: tuple[bytes, ...], at: datetime) -> Devices:
        """Read what seldom changes: registers of M-Bus devices. Lines of unknown codes come along."""
        written = {
            place: telegram.values_in(span)
            for place, span in zip(self._lines.seldom.values(), seldom, strict=True)
        }
        lines = [line._replace(written=written.get(line.place, line.written)) for line in self._lines.devices]
        found = devices.read(lines, at, self._clock)
        unknown = {
            place: (code, written.get(place, values)) for place, (code, values) in self._lines.unknown.items()
        }
        self._reading = replace(
            self._reading,
            unknown=tuple(line for _, line in sorted((unknown | found.unknown).items())),
            unreadable=(*self._lines.unreadable, *found.unreadable),
        )
        self._seldom, self._devices = seldom, found
        return found


class _Lines:
    """What the lines of one telegram say, and where in them its fields stand: the digits that may change.

    Of a code that is sent twice the first counts.
    """

    def __init__(self, body: bytes, clock: MeterClock) -> None:
        self._body = body
        self._clock = clock
        self._said: dict[str, Any] = {}
        self.unknown: dict[int, Line] = {}  # by the line's place
        self.unreadable: list[str] = []
        self.devices: list[DeviceLine] = []
        # The fields: numbers, the time, and lines that seldom change, by their places.
        self.numbers: dict[Span, tuple[str, _Memo[int]]] = {}
        self.times: tuple[Span, ...] = ()
        self.time: Callable[[bytes], datetime | None] = lambda _: None
        self.seldom: dict[Span, int] = {}

    def take(self, place: int, line: Line, span: Span) -> None:
        """Take in a line, whose values have that span in the telegram."""
        code, written = line
        row, channel = obis.find(code)
        if row is None:
            self.unknown[place] = line
            self.seldom[span] = place
        elif not written.strip("()"):
            pass  # it says that there is nothing to say
        elif channel:
            self.devices.append(DeviceLine(place, channel, row, code, written))
            if row.quantity == "device_register":
                self.seldom[span] = place
        else:
            self._take_own(row, place, line, span)

    def _take_own(self, row: Row, place: int, line: Line, span: Span) -> None:
        """The same of a line of the electricity meter itself."""
        code, written = line
        try:
            said = forms.read(row, telegram.joined(written)[1:-1], self._clock)
        except ValueError:
            self.unreadable.append(code)
            return
        if not self._add(said):
            self.unknown[place] = line
        elif row.form is Form.TIME:
            self._add_time(span)
        elif said.digits and "\n" not in written:
            start = self._body.index(said.digits, *span)
            self.numbers[start, start + len(said.digits)] = row.quantity, _Memo(said.read)

    def _add(self, said: Said) -> bool:
        """Add what a line says. False when that is not all that stands there, or is a further value."""
        complete = said.complete
        for name, what in said.values.items():
            if name in self._said:
                complete = False
            elif what not in _EMPTY:
                self._said[name] = what
        return complete

    def _add_time(self, span: Span) -> None:
        at, found = self._said["at"], _TIME.fullmatch(self._body, *span)
        self.time = lambda _: at
        if found:
            # A minute is read once, and its seconds are added.
            self.times = found.span(1), found.span(2)
            flag = found[3].decode()
            minute, second = (slice(*part) for part in self.times)
            minutes = _Memo(lambda printed: self._clock.utc(f"{printed.decode()}00{flag}"))
            self.time = lambda body: minutes[body[minute]] + _SECONDS[body[second]]

    def reading(self, sent: Telegram, number: str | None) -> Reading:
        """What the lines say, apart from the fields."""
        said = self._said.items()
        quantities = {name: what for name, what in said if isinstance(what, int)}
        texts: dict[str, str] = {name: what for name, what in said if isinstance(what, str)}
        own = {name: what for name, what in said if not isinstance(what, int | str)}
        meter_number = texts.pop("meter_number", "") or texts.get("meter_id") or texts.get("device_name")
        version = texts.pop("version", "") or texts.get("emucs_version")
        return Reading(
            model=sent.header,
            meter_number=meter_number or number,
            version=version or None,
            quantities=quantities,
            texts=MappingProxyType(texts),
            country=country_of(sent.header, sent.lines),
            **{"at": _UNREAD, "timed": "at" in own, **own},
        )


class _Memo(dict[bytes, _T]):
    """What was read of bytes as printed. From one second to the next, most stay what they were."""

    def __init__(self, read: Callable[[bytes], _T]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, printed: bytes) -> _T:
        if len(self) >= _REMEMBERED:
            self.clear()
        value = self[printed] = self._read(printed)
        return value


def _shape(body: bytes, fields: Iterable[Span]) -> Callable[[bytes], bool]:
    """Tells whether a telegram differs from this one in digits of the fields only, in one comparison of all.

    Of such a digit the upper half is compared: ":" to "?" have it too, and are found by whoever reads the
    field. So brackets and ends of lines stand where they stood, and the same lines are found.
    """
    digits = bytearray(len(body))
    for start, stop in fields:
        digits[start:stop] = body[start:stop].translate(_IS_DIGIT)
    length, compared = len(body), _bits(b"\xff" * len(body)) ^ _bits(digits) * 0x0F
    shared = _bits(body) & compared

    def fits(other: bytes) -> bool:
        return len(other) == length and int.from_bytes(other, "little") & compared == shared

    return fits


def _bits(of: bytes | bytearray) -> int:
    return int.from_bytes(of, "little")


def _cutter(spans: Iterable[Span]) -> Callable[[bytes], tuple[bytes, ...]]:
    """Cuts these out of a telegram."""
    parts, end = [], 0
    for start, stop in spans:
        parts.append(f"{start - end}x{stop - start}s")
        end = stop
    return struct.Struct("".join(parts)).unpack_from
