"""Meaning: from a telegram's lines to a reading.

A line that cannot be read is left out and named in `Reading.unreadable`: once the checksum holds,
one odd line never costs the rest, and an odd M-Bus device never costs the electricity. Every other line
whose brackets hold something gives a value, or stands as it came in `Reading.unknown`: of an unknown code,
a further value of a code, one with more in it than could be taken, and those of a device without a reading.
Source: DSMR P1 5.0.2, section 6; the forms of other countries as in `obis`.
"""

# ruff: noqa: ARG001 - all readers are called alike

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from gateway.p1 import (
    devices,
    obis,
    telegram,
    units,
    values,
)
from gateway.p1.country import country_of
from gateway.p1.devices import DeviceLine
from gateway.p1.framer import Frame
from gateway.p1.obis import Form, Row
from gateway.p1.reading import (
    MBusReading,
    MonthDemand,
    MonthEnd,
    PowerFailure,
    Reading,
)
from gateway.p1.telegram import Line, Telegram, joined
from gateway.p1.times import MeterClock, clock_is_set, set_time

# A limiter's unit says what it limits.
_LIMITERS = {"w": "limiter_w", "ma": "limiter_ma", "va": "limiter_va"}
_FAILURE = Row("1-0:99.97.0", "failure_s", Form.NUMBER, (10, 0), "s")
_CODE = re.compile(r"[0-9]+-[0-9]+:[0-9.]+")
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
    channels: dict[int, list[DeviceLine]] = {}
    for place, (code, written) in enumerate(sent.lines):
        row, channel = obis.find(code)
        if row is None:
            found.unknown[place] = code, written
        elif not written.strip("()"):
            continue  # it says that there is nothing to say
        elif channel:
            channels.setdefault(channel, []).append(DeviceLine(place, code, row, joined(written)))
        else:
            try:
                complete = _READERS[row.form](found, row, joined(written)[1:-1])
            except ValueError:
                found.unreadable.append(code)
            else:
                if not complete:
                    found.unknown[place] = code, written
    found.unreadable += [telegram.code_in(line) or "a line without a code" for line in sent.broken]
    timed = found.at is not None and clock_is_set(found.at)
    at = found.at if timed and found.at else received_at
    mbus: list[MBusReading] = []
    for channel, lines in sorted(channels.items()):
        read = devices.read(channel, lines, at, clock)
        mbus += read.readings
        found.unreadable += read.unreadable
        found.unknown |= {line.place: sent.lines[line.place] for line in read.unknown}
    texts = found.texts
    number = texts.pop("meter_number", "") or texts.get("meter_id") or texts.get("device_name")
    version = texts.pop("version", "") or texts.get("emucs_version")
    return Reading(
        at=at,
        model=sent.header,
        meter_number=number or None,
        version=version or None,
        quantities=MappingProxyType(found.quantities),
        mbus=tuple(mbus),
        unknown=tuple(line for _, line in sorted(found.unknown.items())),
        unreadable=tuple(found.unreadable),
        texts=MappingProxyType(texts),
        timed=timed,
        country=country_of(sent.header, sent.lines),
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
    unknown: dict[int, Line] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    demand_max_at: datetime | None = None
    demand_history: tuple[MonthDemand, ...] = ()
    failures: tuple[PowerFailure, ...] = ()
    month_end: MonthEnd | None = None

    def take(self, quantity: str, number: int) -> bool:
        """False when there is a value already: the first counts."""
        if quantity in self.quantities:
            return False
        self.quantities[quantity] = number
        return True


# --- one reader for each form: it takes what stands between the outermost brackets, and returns whether all
# of it was taken


def _number(found: _Found, row: Row, value: str) -> bool:
    return found.take(row.quantity, values.number_of(value, row))


def _threshold(found: _Found, row: Row, value: str) -> bool:
    written = values.split(value)
    names = (row.quantity, row.quantity.replace("_ma", "_export_ma"))
    complete = not written.times and len(written.numbers) <= len(set(names))
    for name, one in zip(names, written.numbers, strict=False):
        if values.is_no_limit(one):
            continue
        due = row
        if name == "limiter_w":
            measured = units.bases(values.unit_of(one) or row.unit)
            name = next((_LIMITERS[base] for base in measured if base in _LIMITERS), name)  # noqa: PLW2901
            due = replace(row, quantity=name, unit=_LIMITER_UNITS[name])
        complete = found.take(name, values.number_of(one, due)) and complete
    return complete


_LIMITER_UNITS = {"limiter_w": "kW", "limiter_ma": "A", "limiter_va": "kVA"}


def _count(found: _Found, row: Row, value: str) -> bool:
    return found.take(row.quantity, values.count_of(value, row.pattern[0]))


def _code(found: _Found, row: Row, value: str) -> bool:
    return found.take(row.quantity, values.code_of(value))


def _text(found: _Found, row: Row, value: str) -> bool:
    is_number = row.quantity in ("meter_number", "meter_id")
    return _take_text(found, row, (values.number_text_of if is_number else values.text_of)(value))


def _plain(found: _Found, row: Row, value: str) -> bool:
    return _take_text(found, row, values.version_of(value))


def _take_text(found: _Found, row: Row, text: str) -> bool:
    if row.quantity in found.texts:
        return False
    if text:  # an octet string of blanks or zeros is as good as empty
        found.texts[row.quantity] = text
    return True


def _time(found: _Found, row: Row, value: str) -> bool:
    if found.at is not None:
        return False
    found.at = found.clock.utc(value)
    return True


def _timed_number(found: _Found, row: Row, value: str) -> bool:
    written = values.split(value)
    if row.quantity in found.quantities or not written.numbers:
        return False
    found.quantities[row.quantity] = values.number_of(written.numbers[0], row)
    # Where there are two, the first is the end of the period, as in the demand history.
    found.demand_max_at = set_time(found.clock, written.times[-1]) if written.times else None
    return len(written.numbers) == 1 and len(written.times) < 2


def _demand_history(found: _Found, row: Row, value: str) -> bool:
    first, *rest = values.brackets(f"({value})")
    if values.is_time(first):
        again = found.month_end is not None
        found.month_end = found.month_end or _month_end(found.clock, first, rest)
        return not again
    entries = _entries(first, rest, 3)
    months = []
    for written in entries:
        ends, at = (set_time(found.clock, time) for time in written.times)
        if ends is not None:
            months.append(MonthDemand(ends, at, values.number_of(written.numbers[0], row)))
    if found.demand_history:
        return False
    found.demand_history = tuple(sorted(months, key=lambda month: month.month_ends_at))
    return len(months) == _stated(first)


def _month_end(clock: MeterClock, told: str, rest: list[str]) -> MonthEnd:
    registers = len(obis.MONTH_END_CODES)
    if len(rest) != registers + obis.MONTH_END_DEMANDS:
        raise ValueError(told)
    rows = [obis.BY_CODE[code][0] for code in obis.MONTH_END_CODES]
    demand, _ = obis.BY_CODE["1-0:1.6.0"]
    return MonthEnd(
        at=clock.utc(told),
        quantities=MappingProxyType(
            {row.quantity: values.number_of(one, row) for row, one in zip(rows, rest, strict=False)}
        ),
        demands_w=tuple(values.number_of(one, demand) for one in rest[registers:]),
    )


def _failure_log(found: _Found, row: Row, value: str) -> bool:
    first, *rest = values.brackets(f"({value})")
    failures = []
    for written in _entries(first, rest, 2):
        ended_at = set_time(found.clock, written.times[0])
        if ended_at is not None:
            failures.append(PowerFailure(ended_at, values.number_of(written.numbers[0], _FAILURE)))
    if found.failures:
        return False
    found.failures = tuple(sorted(failures, key=lambda failure: failure.ended_at))
    return len(failures) == _stated(first)


def _stated(count: str) -> int:
    return values.count_of(count or "0", width=2)


def _entries(count: str, rest: list[str], size: int) -> list[values.Written]:
    """The entries of a list: its count and the codes of what it holds come first. Each has one number.

    An entry that is empty, or not written like the others, is left out.
    """
    _stated(count)
    begins = next((i for i, one in enumerate(rest) if one and not _CODE.fullmatch(one)), len(rest))
    entries = [values.sorted_out(rest[i : i + size]) for i in range(begins, len(rest), size)]
    return [one for one in entries if (len(one.times), len(one.numbers)) == (size - 1, 1)]


def _never(found: _Found, row: Row, value: str) -> bool:
    raise ValueError(value)


_READERS: dict[Form, Callable[[_Found, Row, str], bool]] = {
    Form.NUMBER: _number,
    Form.SIGNED_NUMBER: _number,
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
    Form.LOAD_PROFILE: _never,
}
