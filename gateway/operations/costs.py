"""What periods cost: usage of the opened history, priced by the owner's contracts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from gateway.costs import Contract, Cost, cost, joined
from gateway.history import OpenHistory, Period, Span, Usage, boundaries, next_start, period_start


def costs_of(
    opened: OpenHistory, span: Span, first: datetime, last: datetime, contracts: Sequence[Contract]
) -> list[Cost]:
    """What each period from `first` to `last` cost: priced by the day, or by what is shorter.

    Raises HistoryClosed.
    """
    within_day = span in (Span.QUARTER, Span.HOUR)
    has, zone = opened.registers_used(first, last), opened.zone
    parts = [
        cost(part, contracts, zone, has, _share_of_day(part, opened) if within_day else None)
        for part in opened.usage(span if within_day else Span.DAY, first, last)
    ]
    if within_day or span is Span.DAY:
        return parts
    ends = list(boundaries(first, last, span, zone))
    of_span: dict[datetime, list[Cost]] = {start: [] for start in ends[:-1]}
    for part in parts:
        of_span[period_start(part.starts_at, span, zone)].append(part)
    return [joined(start, end, of_span[start]) for start, end in pairwise(ends)]


def _share_of_day(part: Usage, opened: OpenHistory) -> Decimal:
    day = period_start(part.starts_at, Period.DAY, opened.zone)
    whole = next_start(day, Period.DAY, opened.zone) - day
    return Decimal((part.ends_at - part.starts_at).total_seconds()) / Decimal(whole.total_seconds())
