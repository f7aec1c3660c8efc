"""A reading to the telegram that the meters of a dialect send for it.

What stays the same from one telegram to the next is worked out once for readings of one shape: the
lines there are, with their codes, digits and units. See `telling` for what a reader finds in it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from gateway.p1 import (
    Frame,
    MBusReading,
    Reading,
    obis,
)
from gateway.p1.checksum import checksum
from gateway.p1.obis import Form
from gateway.p1.telegram import Telegram, parse
from gateway.p1.times import MeterClock
from gateway.p1.values import text_hex, value_text
from gateway.simulator.dialects.dialect import (
    EMPTY,
    Device,
    Dialect,
    Line,
    code_on,
)
from gateway.simulator.dialects.telling import text_of, told

_DEMAND = "1-0:1.6.0"
_FAILURE = "0-0:96.7.19"
# What a clock shows that was never set, and dates whose bytes were never written.
_UNSET_TIME = "000101010000W"
_NO_DATE = "632525252525W"

Write = Callable[[Reading], str]
"""The lines that stand in one place of the telegram; empty where they are left out."""

# One place of the form: a quantity's name, its step and how many steps one of its unit is; or Write.
_Number = tuple[str, int, int, None]
_Place = _Number | tuple[str, int, int, Write]


def telegram(dialect: Dialect, reading: Reading) -> Telegram:
    """The telegram of a reading; the dialect decides on the header, the version and the order."""
    return Printer(dialect).telegram(reading)


def telegram_bytes(dialect: Dialect, reading: Reading) -> bytes:
    """The telegram as it is sent; for meters that encrypt, what they encrypt."""
    return Printer(dialect).printed(reading)


class Printer:
    """Prints readings in one dialect; readings of the same shape quickly."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._shape: tuple[tuple[str, ...], tuple[tuple[int, str], ...]] | None = None
        self._form = ""
        self._places: list[_Place] = []
        self._devices: dict[int, tuple[MBusReading, str]] = {}

    def told(self, reading: Reading) -> Reading:
        """What a reader finds in the telegram of this reading."""
        return told(self.dialect, reading)

    def telegram(self, reading: Reading) -> Telegram:
        """The lines that are sent."""
        return parse(Frame(self._body(reading)))

    def printed(self, reading: Reading) -> bytes:
        """The bytes that are sent, the checksum included where the dialect has one."""
        body = self._body(reading)
        digits = format(checksum(body), self.dialect.checksum) if self.dialect.checksum else ""
        return body + f"{digits}\r\n".encode()

    def _body(self, reading: Reading) -> bytes:
        numbers = reading.quantities
        shape = tuple(numbers), tuple([(one.channel, one.commodity) for one in reading.mbus])
        if shape != self._shape:
            self._learn(reading)
            self._shape = shape
        # A quotient of whole numbers of fifteen digits is exact to its last decimal.
        values = [
            numbers[name] // step / steps if write is None else write(reading)
            for name, step, steps, write in self._places
        ]
        return (self._form % tuple(values)).encode("latin-1")

    # --- the form ---------------------------------------------------------------------------------

    def _learn(self, reading: Reading) -> None:
        """The form for readings with these quantities and devices."""
        self._places, self._devices = [], {}
        form = [f"/{self.dialect.header}\r\n\r\n".replace("%", "%%")]
        form += [self._placed(line, reading) for line in self.dialect.lines]
        for index, one in enumerate(reading.mbus):
            device = self.dialect.device(one.commodity)
            if device is not None:
                form.append(self._written_anew(self._device_writer(index, device)))
        self._form = "".join(form) + "!"

    def _placed(self, line: Line, reading: Reading) -> str:
        """A line's part of the form."""
        row, name = line.row, line.quantity
        if row.form is Form.PLAIN:
            return f"{row.code}({self.dialect.version})\r\n"
        if row.form is Form.TIME or row.form is Form.TEXT or name in _LISTS:
            return self._written_anew(self._writer(line))
        if name not in reading.quantities:
            return f"{row.code}{line.absent}\r\n" if line.absent else ""
        if row.form not in (Form.NUMBER, Form.COUNT, Form.CODE) or line.words:
            return self._written_anew(self._writer(line))
        whole, decimals = row.pattern
        self._places.append((name, line.step, 10**decimals, None))
        width = whole + decimals + (decimals > 0)
        unit = f"*{row.unit}" if row.unit else ""
        return f"{row.code}(%0{width}.{decimals}f{unit})\r\n"

    def _written_anew(self, write: Write) -> str:
        self._places.append(("", 1, 1, write))
        return "%s"

    def _writer(self, line: Line) -> Write:
        dialect, code = self.dialect, line.row.code

        def write(reading: Reading) -> str:
            written = _written(dialect, line, reading)
            return f"{code}{written}\r\n" if written else ""

        return write

    def _device_writer(self, index: int, device: Device) -> Write:
        def write(reading: Reading) -> str:
            one = reading.mbus[index]
            known = self._devices.get(index)
            if known is None or known[0] is not one:  # it is read far less often than it is told
                known = self._devices[index] = one, _device_lines(self.dialect.clock, device, one)
            return known[1]

        return write


# --- single lines ---------------------------------------------------------------------------------


def _written(dialect: Dialect, line: Line, shown: Reading) -> str:
    """A line's brackets; empty where the line is left out."""
    if line.row.form is Form.TIME:
        return f"({_time(dialect.clock, shown.at) if shown.timed else _UNSET_TIME})"
    if line.row.form is Form.TEXT:
        text = text_of(dialect, shown, line.quantity)
        return _text(line, text) if text else line.absent
    listed = _LISTS.get(line.quantity)
    if listed is not None:
        return listed(dialect.clock, line, shown) or line.absent
    return _number(dialect.clock, line, shown.quantities[line.quantity], shown)


def _text(line: Line, text: str) -> str:
    return f"({text if line.plain else text_hex(text)})"


def _number(clock: MeterClock, line: Line, value: int, shown: Reading) -> str:
    if line.words:
        return f"({line.words[value]})"
    written = value_text(line.row, value)
    if line.row.form is Form.TIMED_NUMBER:
        return _timed(clock, shown.demand_max_at) + written
    if line.quantity == "fuse_threshold_ma" and "fuse_threshold_export_ma" in shown.quantities:
        return written + value_text(line.row, shown.quantities["fuse_threshold_export_ma"])
    return written


def _demand_history(clock: MeterClock, line: Line, shown: Reading) -> str:
    """Oldest month first, as meters send it."""
    head = f"({len(shown.demand_history)})({_DEMAND})({_DEMAND})"
    if not shown.demand_history:
        return head + EMPTY
    return head + "".join(
        _timed(clock, month.month_ends_at) + _timed(clock, month.at) + value_text(line.row, month.demand_w)
        for month in shown.demand_history
    )


def _month_end(clock: MeterClock, line: Line, shown: Reading) -> str:
    ended = shown.month_end
    if ended is None:
        return ""
    rows = [obis.BY_CODE[code][0] for code in obis.MONTH_END_CODES]
    registers = "".join(value_text(row, ended.quantities[row.quantity]) for row in rows)
    return _timed(clock, ended.at) + registers + "".join(value_text(line.row, w) for w in ended.demands_w)


def _failures(clock: MeterClock, line: Line, shown: Reading) -> str:
    """Newest failure first, as the standard has it."""
    if not shown.failures:
        return ""
    return f"({len(shown.failures)})({_FAILURE})" + "".join(
        _timed(clock, failure.ended_at) + value_text(line.row, failure.duration_s)
        for failure in reversed(shown.failures)
    )


_LISTS: dict[str, Callable[[MeterClock, Line, Reading], str]] = {
    "demand_history": _demand_history,
    "month_end": _month_end,
    "failures": _failures,
}


def _device_lines(clock: MeterClock, device: Device, sent: MBusReading) -> str:
    written = (
        (code_on(line.row.code, sent.channel), _device_written(clock, device, line, sent))
        for line in device.lines
    )
    return "".join(f"{code}{values}\r\n" for code, values in written if values)


def _device_written(clock: MeterClock, device: Device, line: Line, sent: MBusReading) -> str:
    row = line.row
    if line.quantity == "device_type":
        return value_text(row, device.kind)
    if line.quantity == "device_number":
        return _text(line, sent.number) if sent.number else EMPTY
    if line.quantity == "device_ean":
        return _text(line, sent.ean) if sent.ean else EMPTY
    if line.quantity == "valve_state":
        return line.absent if sent.valve_state is None else value_text(row, sent.valve_state)
    captured_at = _time(clock, sent.captured_at)
    if row.form is not Form.HOURLY:
        return f"({captured_at}){value_text(row, sent.register)}"
    # Status, minutes between readings, how many there are, and of what; no flag for summer time.
    code = code_on("0-n:24.2.1", sent.channel)
    number = value_text(row, sent.register).partition("*")[0]
    return f"({captured_at[:12]})(00)(60)(1)({code})({row.unit})\r\n{number})"


def _timed(clock: MeterClock, at: datetime | None) -> str:
    return f"({_NO_DATE if at is None else _time(clock, at)})"


def _time(clock: MeterClock, at: datetime) -> str:
    return clock.text(at, clock.is_summer(at))
