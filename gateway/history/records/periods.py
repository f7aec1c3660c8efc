"""Periods: the quarters, hours, days, weeks, months and years of the home's own time. Pure.

Days, weeks (from Monday, ISO 8601), months and years begin at local midnight: a day has 23, 24 or 25
hours. All moments are in UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from enum import StrEnum
from zoneinfo import ZoneInfo


class Period(StrEnum):
    """What the profile has a row for."""

    QUARTER = "quarter"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class Span(StrEnum):
    """What usage is shown by."""

    QUARTER = "quarter"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"

    @property
    def part(self) -> Period:
        """The rows that it is made of: its own, or those of its days or months."""
        return _PARTS.get(self) or Period(self.value)


_PARTS = {Span.WEEK: Period.DAY, Span.YEAR: Period.MONTH}


def period_start(at: datetime, period: Period | Span, zone: ZoneInfo) -> datetime:
    """The latest boundary of a period at or before `at`."""
    if period in ("quarter", "hour"):
        # Every European zone is whole quarters away from UTC, so their boundaries are UTC's.
        seconds = 900 if period == "quarter" else 3600
        stamp = int(at.timestamp())
        return datetime.fromtimestamp(stamp - stamp % seconds, UTC)
    return midnight(first_day(at.astimezone(zone).date(), period), zone)


def first_day(day: date, period: Period | Span) -> date:
    """The first day of the week, month or year that this day lies in."""
    if period == "week":
        return day - timedelta(days=day.weekday())
    if period == "month":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if period == "year" else day


def next_start(boundary: datetime, period: Period | Span, zone: ZoneInfo) -> datetime:
    """The boundary that follows this one."""
    if period in ("quarter", "hour"):
        return boundary + timedelta(minutes=15 if period == "quarter" else 60)
    # So many days later it is certainly the next one, and not yet the one after.
    days = {"day": 1, "week": 7, "month": 32, "year": 367}[period.value]
    day = boundary.astimezone(zone).date() + timedelta(days=days)
    return midnight(first_day(day, period), zone)


def boundaries(first: datetime, last: datetime, period: Period | Span, zone: ZoneInfo) -> Iterator[datetime]:
    """The start of the period that holds `first`, and every later one until `last` is reached."""
    boundary = period_start(first, period, zone)
    yield boundary
    while boundary < last:
        boundary = next_start(boundary, period, zone)
        yield boundary


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The moment a local day begins."""
    return datetime.combine(day, clock_time(), zone).astimezone(UTC)
