"""Forms: what one line of the electricity meter says, by the form that its row in `obis` has.

Each reader takes what stands between the outermost brackets, and raises ValueError where it cannot be read.
"""

# ruff: noqa: ARG001 - all readers are called alike

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from gateway.p1 import obis, units, values
from gateway.p1.obis import Form, Row
from gateway.p1.reading import MonthDemand, MonthEnd, PowerFailure
from gateway.p1.times import MeterClock, set_time


class Said(NamedTuple):
    """What a line says: whole numbers by names of quantities, texts by names of texts, all else by those of a
    Reading. `complete`: that is all that stands there.

    Of a number that changes from one telegram to the next: its `digits` as printed, and how to `read` others.
    """

    values: Mapping[str, Any]
    complete: bool = True
    digits: bytes = b""
    read: Callable[[bytes], int] = int


# A limiter's unit says what it limits.
_LIMITERS = {"w": ("limiter_w", "kW"), "ma": ("limiter_ma", "A"), "va": ("limiter_va", "kVA")}
_FAILURE = Row("1-0:99.97.0", "failure_s", Form.NUMBER, (10, 0), "s")
_CODE = re.compile(r"[0-9]+-[0-9]+:[0-9.]+")


def read(row: Row, value: str, clock: MeterClock) -> Said:
    """What a line of that row says. Raises ValueError."""
    return _READERS[row.form](row, value, clock)


def _number(row: Row, value: str, clock: MeterClock) -> Said:
    digits, form = values.number_format(value, row)
    return Said({row.quantity: form.read(digits)}, digits=digits, read=form.read)


def _threshold(row: Row, value: str, clock: MeterClock) -> Said:
    written = values.split(value)
    names = (row.quantity, row.quantity.replace("_ma", "_export_ma"))
    said: dict[str, Any] = {}
    for name, one in zip(names, written.numbers, strict=False):
        if not values.is_no_limit(one):
            due = _limiter(one, row) if name == "limiter_w" else replace(row, quantity=name)
            said.setdefault(due.quantity, values.number_of(one, due))
    return Said(said, not written.times and len(written.numbers) <= len(set(names)))


def _limiter(number: str, row: Row) -> Row:
    measured = units.bases(values.unit_of(number) or row.unit)
    quantity, unit = next((_LIMITERS[base] for base in measured if base in _LIMITERS), _LIMITERS["w"])
    return replace(row, quantity=quantity, unit=unit)


def _count(row: Row, value: str, clock: MeterClock) -> Said:
    return Said({row.quantity: values.count_of(value, row.pattern[0])})


def _code(row: Row, value: str, clock: MeterClock) -> Said:
    return Said({row.quantity: values.code_of(value)})


def _text(row: Row, value: str, clock: MeterClock) -> Said:
    is_number = row.quantity in ("meter_number", "meter_id")
    return Said({row.quantity: (values.number_text_of if is_number else values.text_of)(value)})


def _plain(row: Row, value: str, clock: MeterClock) -> Said:
    return Said({row.quantity: values.version_of(value)})


def _time(row: Row, value: str, clock: MeterClock) -> Said:
    return Said({"at": clock.utc(value)})


def _timed_number(row: Row, value: str, clock: MeterClock) -> Said:
    written = values.split(value)
    if not written.numbers:
        return Said({}, complete=False)
    said = {
        row.quantity: values.number_of(written.numbers[0], row),
        # Where there are two, the first is the end of the period, as in the demand history.
        "demand_max_at": set_time(clock, written.times[-1]) if written.times else None,
    }
    return Said(said, len(written.numbers) == 1 and len(written.times) < 2)


def _demand_history(row: Row, value: str, clock: MeterClock) -> Said:
    first, *rest = values.brackets(f"({value})")
    if values.is_time(first):
        return Said({"month_end": _month_end(clock, first, rest)})
    months = []
    for written in _entries(first, rest, 3):
        ends, at = (set_time(clock, time) for time in written.times)
        if ends is not None:
            months.append(MonthDemand(ends, at, values.number_of(written.numbers[0], row)))
    said = {row.quantity: tuple(sorted(months, key=lambda month: month.month_ends_at))}
    return Said(said, len(months) == _stated(first))


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


def _failure_log(row: Row, value: str, clock: MeterClock) -> Said:
    first, *rest = values.brackets(f"({value})")
    failures = []
    for written in _entries(first, rest, 2):
        ended_at = set_time(clock, written.times[0])
        if ended_at is not None:
            failures.append(PowerFailure(ended_at, values.number_of(written.numbers[0], _FAILURE)))
    said = {row.quantity: tuple(sorted(failures, key=lambda failure: failure.ended_at))}
    return Said(said, len(failures) == _stated(first))


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


# The other forms are those of M-Bus devices: see `devices`.
_READERS: dict[Form, Callable[[Row, str, MeterClock], Said]] = {
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
}
