"""Figures and times as the owner reads them: in the language's own signs and the home's time.

What is not known is a dash, never a zero.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from flask import Flask
from flask_babel import format_date, format_datetime, format_decimal

from gateway.quantities import Commodity
from gateway.web.services import here

UNKNOWN = "—"


def install(app: Flask) -> None:
    for figure in (kwh, amount, moment, last_day, capitalized):
        app.jinja_env.filters[figure.__name__] = figure


def kwh(wh: int | None) -> str:
    """Without the unit: it stands in the table's head."""
    return _scaled(wh, "#,##0.000")


def amount(base_units: int | None, commodity: Commodity) -> str:
    """What was used of a commodity, without the unit."""
    return UNKNOWN if base_units is None else _figure(base_units, commodity.scale, "#,##0.000")


def power(w: int | None) -> str:
    """Watts, from a kilowatt on in kilowatts."""
    if w is None:
        return UNKNOWN
    return f"{w} W" if abs(w) < 1000 else f"{_scaled(w, '#,##0.00')} kW"


def volt(mv: int | None) -> str:
    return UNKNOWN if mv is None else f"{_scaled(mv, '0.0')} V"


def ampere(ma: int | None) -> str:
    return UNKNOWN if ma is None else f"{_scaled(ma, '0.#')} A"


def moment(at: datetime) -> str:
    return str(format_datetime(at, "d MMM yyyy, HH:mm"))


def second(at: datetime) -> str:
    return str(format_datetime(at, "HH:mm:ss"))


def last_day(until: datetime) -> str:
    """The last day before this moment: what ends at midnight lasts through the day before."""
    last = (until - timedelta(seconds=1)).astimezone(here().zone).date()
    return str(format_date(last, "d MMMM yyyy"))


def capitalized(words: str) -> str:
    """With a capital at the start; the rest stays as it is."""
    return words[:1].upper() + words[1:]


def _scaled(thousandths: int | None, pattern: str) -> str:
    return UNKNOWN if thousandths is None else _figure(thousandths, 1000, pattern)


def _figure(base_units: int, scale: int, pattern: str) -> str:
    return str(format_decimal(Decimal(base_units) / scale, pattern))
