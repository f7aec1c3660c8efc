"""History: a day in quarter hours, a month in days; as a chart and as the same numbers in a table.

Days are the home's: 23, 24 or 25 hours. What was not measured is shown as missing, never as zero.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import format_date
from markupsafe import Markup
from werkzeug.wrappers import Response

from gateway.operations import OpenHistory, Period, Usage, midnight
from gateway.quantities import COMMODITIES, Commodity
from gateway.web.charts import chart
from gateway.web.charts.overview import ELECTRICITY, Line, Overview, clock_labels
from gateway.web.server.sessions import opened
from gateway.web.services import here

pages = Blueprint("history", __name__, url_prefix="/history")

_FIRST_DAY = date(2010, 1, 1)
# A row arrives with the first reading after its period; an M-Bus device may report an hour late.
_SETTLING = {Period.QUARTER: timedelta(minutes=1), Period.HOUR: timedelta(hours=1), Period.DAY: timedelta(0)}


@pages.get("/")
def first() -> Response:
    return redirect(url_for("history.day"), 303)


@pages.get("/day")
def day() -> str:
    today = here().today()
    on = _within(_parsed(request.args.get("on", ""), "%Y-%m-%d"), today)
    history, zone = opened(), here().zone
    begin, end = midnight(on, zone), midnight(on + timedelta(days=1), zone)
    electricity = _overview(history, Period.QUARTER, begin, end, ELECTRICITY)
    devices = [
        (commodity, _overview(history, Period.HOUR, begin, end, commodity.name))
        for commodity in _commodities(history)
    ]
    return render_template(
        "history_day.html",
        on=on,
        title=format_date(on, "EEEE d MMMM yyyy"),
        previous=on - timedelta(days=1) if on > _FIRST_DAY else None,
        next=on + timedelta(days=1) if on < today else None,
        today=today,
        electricity=electricity,
        electricity_chart=_chart(electricity, ELECTRICITY),
        devices=[(one, overview, _chart(overview, one.name)) for one, overview in devices],
        damaged=len(history.damaged),
    )


@pages.get("/month")
def month() -> str:
    today = here().today()
    on = _within(_parsed(request.args.get("on", ""), "%Y-%m"), today).replace(day=1)
    history, zone = opened(), here().zone
    following = (on + timedelta(days=31)).replace(day=1)
    days = _overview(history, Period.DAY, midnight(on, zone), midnight(following, zone), ELECTRICITY)
    devices = _commodities(history)
    return render_template(
        "history_month.html",
        on=on,
        title=format_date(on, "LLLL yyyy"),
        previous=on - timedelta(days=1) if on > _FIRST_DAY else None,
        next=following if following <= today else None,
        today=today,
        days=days,
        electricity_chart=_chart(days, ELECTRICITY),
        devices=[(one, _chart(days, one.name)) for one in devices],
        damaged=len(history.damaged),
    )


def _overview(history: OpenHistory, period: Period, begin: datetime, end: datetime, of: str) -> Overview:
    """The lines of this stretch so far. A month's last line is today, from the live readings."""
    now, zone = here().clock(), here().zone
    ended = now - _SETTLING[period]
    usages = history.usage(period, begin, end)
    if period is Period.DAY:
        labels = [format_date(usage.starts_at.astimezone(zone).date(), "EEE d") for usage in usages]
    else:
        labels = clock_labels(usages, zone)
    lines = []
    for label, usage in zip(labels, usages, strict=True):
        at = usage.starts_at.astimezone(zone)
        short = str(at.day) if period is Period.DAY else f"{at:%H:%M}"
        arrives = usage.ends_at > ended and not Line(label, short, usage).known(of)
        running = usage.ends_at > now or arrives
        if running and period is Period.DAY and usage.starts_at <= now:
            usage = _today_so_far(usage)  # noqa: PLW2901 - the same day, as far as it goes
        lines.append(Line(label, short, usage, running))
    return Overview(tuple(lines))


def _today_so_far(usage: Usage) -> Usage:
    snapshot = here().live.latest()
    if snapshot.reading is None or not usage.starts_at <= snapshot.reading.at < usage.ends_at:
        return usage
    used = dict(snapshot.usage_today or {})
    return replace(usage, quantities=used, simulated=snapshot.reading.simulated)


def _chart(overview: Overview, of: str) -> Markup | None:
    return chart.draw(overview, of) if overview.is_known(of) else None


def _commodities(history: OpenHistory) -> list[Commodity]:
    """What the home has a device for, in the order of the table."""
    known = {meter.commodity for meter in history.meters}
    return [commodity for commodity in COMMODITIES if commodity.name in known]


def _parsed(text: str, form: str) -> date | None:
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC).date()
    except ValueError:
        return None


def _within(on: date | None, today: date) -> date:
    """The day that was asked for, if there can be readings of it; else today."""
    return today if on is None or not _FIRST_DAY <= on <= today else on
