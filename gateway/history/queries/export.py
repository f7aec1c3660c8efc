"""Export: usage, curve and trace as CSV or JSON lines, for other programs (GDPR article 20).

Line by line, and a day's blocks or a month's rows at a time: however long the range, it takes no more memory.
Times are local with their offset. What is not known is an empty field, or null.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.history.queries.open_history import OpenHistory
from gateway.history.queries.usage import Usage
from gateway.history.records import periods
from gateway.history.records.periods import Period, Span
from gateway.history.records.trace import COLUMNS
from gateway.quantities import BY_NAME

Value = str | float | int | bool | None
Record = Sequence[Value]
_AT_ONCE = {Span.QUARTER: timedelta(days=7), Span.HOUR: timedelta(days=31)}
_LONG = timedelta(days=366)
_FIRST = ("import_kwh", "export_kwh")


@dataclass(frozen=True, slots=True)
class Export:
    """Columns, and the records to them; `at` tells of a record how far it has come, in Unix seconds."""

    columns: tuple[str, ...]
    records: Iterator[Record]
    at: Callable[[Record], float]

    def csv_lines(self) -> Iterator[str]:
        """A header, then a line for each record."""
        yield _csv_line(self.columns)
        for record in self.records:
            yield _csv_line("" if value is None else value for value in record)

    def json_lines(self) -> Iterator[str]:
        """An object for each record."""
        return (json.dumps(dict(zip(self.columns, record, strict=True))) for record in self.records)


def of_usage(history: OpenHistory, span: Span, first: datetime, last: datetime) -> Export:
    """The usage of each period: its totals, then each register that the home has in this range."""
    registers = [name for name in history.registers_used(first, last) if shown(name)[0] not in _FIRST]
    columns = (
        "starts_at",
        "ends_at",
        *_FIRST,
        *(shown(name)[0] for name in registers),
        "complete",
        "simulated",
    )
    usages = _stretches(history, span, first, last)
    return Export(columns, (_usage_record(usage, registers, history.zone) for usage in usages), _started)


def of_curve(history: OpenHistory, step_s: int, first: datetime, last: datetime) -> Export:
    """Net power at any resolution: its mean, lowest and highest in each step."""

    def records() -> Iterator[Record]:
        begin = first
        while begin < last:
            end = min(periods.next_start(begin, Period.DAY, history.zone), last)
            for point in history.points(begin, end, step_s):
                at = _local(datetime.fromtimestamp(point.starts_at, UTC), history.zone)
                yield at, point.mean_w, point.lowest_w, point.highest_w
            begin = end

    return Export(("starts_at", "net_power_w", "lowest_w", "highest_w"), records(), _started)


def of_trace(history: OpenHistory, first: datetime, last: datetime) -> Export:
    """Every reading that was kept."""
    names = [shown(name) for name in COLUMNS]

    def records() -> Iterator[Record]:
        for block in history.trace(periods.period_start(first, Period.QUARTER, history.zone), last):
            for sample in block.samples:
                at = datetime.fromtimestamp(sample.at, UTC)
                if first <= at < last:
                    values = zip(sample.values, names, strict=True)
                    yield _local(at, history.zone), *(_in_unit(value, of) for value, (_, of) in values)

    return Export(("at", *(name for name, _ in names)), records(), _started)


def shown(quantity: str) -> tuple[str, int]:
    """The name of a quantity with the unit that it is shown in, and how many of its base units make one."""
    row = BY_NAME[quantity]
    return row.export_name, row.unit.scale


def _stretches(history: OpenHistory, span: Span, first: datetime, last: datetime) -> Iterator[Usage]:
    """The usage of a long range, a stretch at a time."""
    begin = periods.period_start(first, span, history.zone)
    while begin < last:
        end = periods.period_start(begin + _AT_ONCE.get(span, _LONG), span, history.zone)
        end = end if begin < end < last else last
        yield from history.usage(span, begin, end)
        begin = end


def _usage_record(usage: Usage, registers: Sequence[str], zone: ZoneInfo) -> Record:
    times = (_local(at, zone) for at in (usage.starts_at, usage.ends_at))
    totals = (_in_unit(amount, 1000) for amount in (usage.import_wh, usage.export_wh))
    amounts = (_in_unit(usage.quantities.get(name), shown(name)[1]) for name in registers)
    return (*times, *totals, *amounts, usage.complete, usage.simulated)


def _in_unit(value: int | None, of: int) -> float | int | None:
    return value if value is None or of == 1 else value / of


def _local(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).isoformat()


def _started(record: Record) -> float:
    return datetime.fromisoformat(str(record[0])).timestamp()


def _csv_line(fields: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(list(fields))
    return line.getvalue()
