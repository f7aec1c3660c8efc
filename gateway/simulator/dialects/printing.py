"""A reading to the telegram that the meters of a dialect send for it.

`told` is what a reader finds in that telegram: what the dialect lacks is gone, and what it writes
in fewer digits is cut to them. So `decode(telegram(dialect, reading)) == told(dialect, reading)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from gateway.p1 import obis
from gateway.p1.obis import Form
from gateway.p1.reading import MBusReading, Reading
from gateway.p1.telegram import Telegram, serialize
from gateway.p1.times import MeterClock
from gateway.p1.values import text_hex, value_text
from gateway.simulator.dialects.dialect import EMPTY, Device, Dialect, Line, code_on

_DEMAND = "1-0:1.6.0"
_FAILURE = "0-0:96.7.19"
# What a clock shows that was never set, and dates whose bytes were never written.
_UNSET_TIME = "000101010000W"
_NO_DATE = "632525252525W"


def telegram(dialect: Dialect, reading: Reading) -> Telegram:
    """The telegram of a reading; the dialect decides on the header, the version and the order."""
    shown = told(dialect, reading)
    written = [(line.row.code, _written(dialect, line, shown)) for line in dialect.lines]
    for one in shown.mbus:
        device = _device(dialect, one)
        written += [
            (code_on(line.row.code, one.channel), _device_written(dialect.clock, device, line, one))
            for line in device.lines
        ]
    return Telegram(dialect.header, tuple((code, values) for code, values in written if values))


def telegram_bytes(dialect: Dialect, reading: Reading) -> bytes:
    """The telegram as it is sent; for meters that encrypt, what they encrypt."""
    body, _, checksum = serialize(telegram(dialect, reading)).rpartition(b"!")
    digits = format(int(checksum, 16), dialect.checksum) if dialect.checksum else ""
    return body + b"!" + digits.encode() + b"\r\n"


# --- what is told ---------------------------------------------------------------------------------


def told(dialect: Dialect, reading: Reading) -> Reading:
    """What a reader finds in the telegram of this reading. Telling it again changes nothing."""
    named = dialect.named
    texts = {name: text for name, text in reading.texts.items() if name in named}
    number = dialect.number_quantity
    if number not in (None, "meter_number") and reading.meter_number:
        texts.setdefault(number, reading.meter_number)
    if "emucs_version" in named and dialect.version:
        texts["emucs_version"] = dialect.version
    return replace(
        reading,
        model=dialect.header,
        meter_number=reading.meter_number if number == "meter_number" else texts.get(number or ""),
        version=dialect.version,
        country=dialect.country,
        timed=reading.timed and "time" in named,
        texts=MappingProxyType(texts),
        quantities=MappingProxyType(_told_quantities(named, reading)),
        mbus=tuple(_told_device(dialect, one) for one in reading.mbus if dialect.device(one.commodity)),
        demand_max_at=reading.demand_max_at if "demand_max_month_w" in named else None,
        demand_history=reading.demand_history if "demand_history" in named else (),
        failures=reading.failures if "failures" in named else (),
        month_end=reading.month_end if "month_end" in named else None,
        unknown=(),
        unreadable=(),
    )


def _told_quantities(named: dict[str, Line], reading: Reading) -> dict[str, int]:
    quantities = {}
    for name, value in reading.quantities.items():
        # Both thresholds of a fuse stand in one line.
        line = named.get(name.replace("_export_ma", "_ma") if name.startswith("fuse_") else name)
        if line is not None:
            quantities[name] = _cut(line, value)
    return quantities


def _told_device(dialect: Dialect, sent: MBusReading) -> MBusReading:
    named = {line.quantity: line for line in _device(dialect, sent).lines}
    return replace(
        sent,
        number=sent.number if "device_number" in named else "",
        register=_cut(named["device_register"], sent.register),
        valve_state=sent.valve_state if "valve_state" in named else None,
        ean=sent.ean if "device_ean" in named else None,
    )


def _cut(line: Line, value: int) -> int:
    """A value to the last digit that the meter writes of it."""
    step = line.step
    if step == 1:
        return value
    return value // step * step if value >= 0 else -(-value // step * step)


# --- how it is written ----------------------------------------------------------------------------


def _written(dialect: Dialect, line: Line, shown: Reading) -> str:
    """A line's brackets; empty where the line is left out."""
    if line.row.form is Form.PLAIN:
        return f"({dialect.version})"
    if line.row.form is Form.TIME:
        return f"({_time(dialect.clock, shown.at) if shown.timed else _UNSET_TIME})"
    if line.row.form is Form.TEXT:
        text = shown.meter_number if line.quantity == "meter_number" else shown.texts.get(line.quantity)
        return _text(line, text) if text else line.absent
    listed = _LISTS.get(line.quantity)
    if listed is not None:
        return listed(dialect.clock, line, shown) or line.absent
    value = shown.quantities.get(line.quantity)
    return line.absent if value is None else _number(dialect.clock, line, value, shown)


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


def _device(dialect: Dialect, sent: MBusReading) -> Device:
    device = dialect.device(sent.commodity)
    if device is None:
        raise ValueError(f"{dialect.name} reads no {sent.commodity} meter")
    return device


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
