"""Meaning: from a telegram's lines to a reading.

A line that cannot be read is left out and named in `Reading.unreadable`: once the checksum holds,
one odd line never costs the rest, and an odd M-Bus device never costs the electricity.
Source: DSMR P1 5.0.2, section 6; the forms of other countries as in `obis`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from gateway.p1 import obis, telegram, values
from gateway.p1.country import country_of
from gateway.p1.framer import Frame
from gateway.p1.obis import Form, Row
from gateway.p1.reading import MBusReading, MonthDemand, MonthEnd, PowerFailure, Reading
from gateway.p1.telegram import Line, Telegram
from gateway.p1.times import MeterClock, clock_is_set, is_captured

_BRACKETS = re.compile(r"\(([^()]*)\)")
# A limiter's unit says what it limits.
_LIMITERS = {"kw": "limiter_w", "w": "limiter_w", "a": "limiter_ma", "kva": "limiter_va", "va": "limiter_va"}
HOME = MeterClock()


def decode(frame: Frame, received_at: datetime, clock: MeterClock = HOME) -> Reading:
    """Return what one telegram means.

    Energies are in Wh, powers in W, voltages in mV, currents in mA, volumes in litre, times in
    UTC. `received_at` (UTC) is taken where the meter sends no time or its clock was never set.
    Raises MalformedTelegram when no line can be read.
    """
    return interpret(telegram.parse(frame), received_at, clock)


def interpret(sent: Telegram, received_at: datetime, clock: MeterClock = HOME) -> Reading:
    """Return the reading of a parsed telegram; see `decode`."""
    found = _Found(clock)
    for code, written in sent.lines:
        row, channel = obis.find(code)
        if row is None:
            found.unknown.append((code, written))
        elif channel:
            found.devices.setdefault(channel, {}).setdefault(row.quantity, (row, _joined(written)))
        elif written != "()":
            try:
                _READERS[row.form](found, row, _joined(written)[1:-1])
            except ValueError:
                found.unreadable.append(code)
    found.unreadable += [telegram.code_in(line) or "a line without a code" for line in sent.broken]
    timed = found.at is not None and clock_is_set(found.at)
    at = found.at if timed and found.at else received_at
    mbus = _devices(found, at)
    texts = found.texts
    number = texts.pop("meter_number", "") or texts.get("meter_id") or texts.get("device_name")
    version = texts.pop("version", "") or texts.get("emucs_version")
    return Reading(
        at=at,
        model=sent.header,
        meter_number=number or None,
        version=version or None,
        quantities=MappingProxyType(found.quantities),
        mbus=mbus,
        unknown=tuple(found.unknown),
        unreadable=tuple(found.unreadable),
        texts=MappingProxyType(texts),
        timed=timed,
        country=country_of(sent.lines),
        demand_max_at=found.demand_max_at,
        demand_history=found.demand_history,
        failures=found.failures,
        month_end=found.month_end,
    )


@dataclass(slots=True)
class _Found:
    """What the lines have said so far. Of a code that is sent twice the first counts."""

    clock: MeterClock
    at: datetime | None = None
    quantities: dict[str, int] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    devices: dict[int, dict[str, tuple[Row, str]]] = field(default_factory=dict)
    unknown: list[Line] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    demand_max_at: datetime | None = None
    demand_history: tuple[MonthDemand, ...] = ()
    failures: tuple[PowerFailure, ...] = ()
    month_end: MonthEnd | None = None


def _joined(written: str) -> str:
    """The values of a line that was broken, in one."""
    return "".join(written.split("\r\n")) if "\n" in written else written


# --- one reader for each form: it takes what stands between the outermost brackets ----------
# ruff: noqa: ARG001 - all readers are called alike


def _number(found: _Found, row: Row, value: str) -> None:
    found.quantities.setdefault(row.quantity, values.number_of(value, row.unit, row.base))


def _signed_number(found: _Found, row: Row, value: str) -> None:
    found.quantities.setdefault(row.quantity, values.signed_number_of(value, row.unit, row.base))


def _threshold(found: _Found, row: Row, value: str) -> None:
    imported, _, exported = value.partition(")(")
    for name, one in ((row.quantity, imported), (row.quantity.replace("_ma", "_export_ma"), exported)):
        if not one or values.is_no_limit(one):
            continue
        unit = one.partition("*")[2].casefold()
        quantity = _LIMITERS.get(unit, name) if name == "limiter_w" else name
        base = quantity.rpartition("_")[2]
        found.quantities.setdefault(quantity, values.signed_number_of(one, row.unit, base))


def _count(found: _Found, row: Row, value: str) -> None:
    found.quantities.setdefault(row.quantity, values.digits_of(value))


def _code(found: _Found, row: Row, value: str) -> None:
    found.quantities.setdefault(row.quantity, values.code_of(value))


def _text(found: _Found, row: Row, value: str) -> None:
    is_number = row.quantity in ("meter_number", "meter_id")
    found.texts.setdefault(row.quantity, (values.number_text_of if is_number else values.text_of)(value))


def _plain(found: _Found, row: Row, value: str) -> None:
    found.texts.setdefault(row.quantity, value)


def _time(found: _Found, row: Row, value: str) -> None:
    if found.at is None:
        found.at = found.clock.utc(value)


def _timed_number(found: _Found, row: Row, value: str) -> None:
    told, _, number = value.partition(")(")
    if number and row.quantity not in found.quantities:
        found.quantities[row.quantity] = values.number_of(number, row.unit, row.base)
        found.demand_max_at = _set_time(found.clock, told)


def _demand_history(found: _Found, row: Row, value: str) -> None:
    first, *rest = _BRACKETS.findall(f"({value})")
    if len(first) == 13:
        found.month_end = found.month_end or _month_end(found.clock, first, rest)
        return
    values.digits_of(first or "0")
    months = []
    for ends, at, demand in zip(rest[2::3], rest[3::3], rest[4::3], strict=False):
        month_ends_at = _set_time(found.clock, ends)
        if month_ends_at is not None:
            watt = values.number_of(demand, row.unit, "w")
            months.append(MonthDemand(month_ends_at, _set_time(found.clock, at), watt))
    found.demand_history = found.demand_history or tuple(sorted(months, key=lambda m: m.month_ends_at))


def _month_end(clock: MeterClock, told: str, rest: list[str]) -> MonthEnd:
    registers = len(obis.MONTH_END_CODES)
    if len(rest) != registers + obis.MONTH_END_DEMANDS:
        raise ValueError(told)
    rows = [obis.BY_CODE[code][0] for code in obis.MONTH_END_CODES]
    written = zip(rows, rest, strict=False)
    return MonthEnd(
        at=clock.utc(told),
        quantities=MappingProxyType(
            {row.quantity: values.number_of(one, row.unit, row.base) for row, one in written}
        ),
        demands_w=tuple(values.number_of(one, "kW", "w") for one in rest[registers:]),
    )


def _failure_log(found: _Found, row: Row, value: str) -> None:
    count, *rest = _BRACKETS.findall(f"({value})")
    values.digits_of(count or "0")
    failures = []
    for told, length in zip(rest[1::2], rest[2::2], strict=False):
        ended_at = _set_time(found.clock, told)
        if ended_at is not None and length:
            failures.append(PowerFailure(ended_at, values.number_of(length, "s", "s")))
    found.failures = found.failures or tuple(sorted(failures, key=lambda failure: failure.ended_at))


def _never(found: _Found, row: Row, value: str) -> None:
    raise ValueError(value)


_READERS: dict[Form, Callable[[_Found, Row, str], None]] = {
    Form.NUMBER: _number,
    Form.SIGNED_NUMBER: _signed_number,
    Form.THRESHOLD: _threshold,
    Form.COUNT: _count,
    Form.CODE: _code,
    Form.TEXT: _text,
    Form.PLAIN: _plain,
    Form.TIME: _time,
    Form.TIMED_NUMBER: _timed_number,
    Form.DEMAND_HISTORY: _demand_history,
    Form.FAILURE_LOG: _failure_log,
    Form.HOURLY: _never,  # of M-Bus devices only
}


def _set_time(clock: MeterClock, told: str) -> datetime | None:
    """A time, or None where it is that of an unset clock or of bytes that were never written."""
    try:
        at = clock.utc(told)
    except ValueError:
        return None
    return at if clock_is_set(at) else None


# --- M-Bus devices --------------------------------------------------------------------------------


def _devices(found: _Found, now: datetime) -> tuple[MBusReading, ...]:
    devices = []
    for channel, lines in sorted(found.devices.items()):
        try:
            commodity = _commodity(lines)
            device = commodity and _device(found.clock, channel, commodity, lines, now)
        except ValueError:
            found.unreadable.append(_code_of(channel, lines))
            continue
        if commodity is None and "device_register" in lines:
            # Nobody knows what it measures: it is shown as it came.
            found.unknown.append((_code_of(channel, lines), lines["device_register"][1]))
        devices += [device] if device else []
    return tuple(devices)


def _code_of(channel: int, lines: dict[str, tuple[Row, str]]) -> str:
    row, _ = lines.get("device_register") or next(iter(lines.values()))
    return row.code.replace("n", str(channel), 1)


def _commodity(lines: dict[str, tuple[Row, str]]) -> str | None:
    _, written = lines.get("device_type", (None, "()"))
    return obis.MBUS_TYPES.get(values.code_of(written[1:-1] or "0"))


def _device(
    clock: MeterClock, channel: int, commodity: str, lines: dict[str, tuple[Row, str]], now: datetime
) -> MBusReading | None:
    """None when the device has no reading (absent, never read, or a date filled with rubbish)."""
    row, written = lines.get("device_register", (None, "()"))
    told, *rest = _BRACKETS.findall(written)
    captured_at = _set_time(clock, told)
    if row is None or captured_at is None or not is_captured(captured_at, now):
        return None
    base = obis.MBUS_REGISTERS[commodity].rpartition("_")[2]
    unit = obis.MBUS_UNITS[commodity]
    if row.form is Form.HOURLY:
        *_, sent_unit, number = ("", "", *rest)
        unit = sent_unit or unit
    else:
        number = "".join(rest)
    own = {name: value[1:-1] for name, (_, value) in lines.items()}
    valve = own.get("valve_state")
    return MBusReading(
        channel=channel,
        commodity=commodity,
        number=values.number_text_of(own.get("device_number", "")),
        captured_at=captured_at,
        register=values.number_of(number, unit, base),
        valve_state=values.code_of(valve) if valve else None,
        ean=values.text_of(own["device_ean"]) if own.get("device_ean") else None,
    )
