"""The public holidays of the Netherlands: people stay at home, and the low tariff holds all day."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

_SUNDAY = 6


@lru_cache(maxsize=8)
def public_holidays(year: int) -> frozenset[date]:
    """The public holidays of a year."""
    easter = _easter(year)
    kings_day = date(year, 4, 27)
    if kings_day.weekday() == _SUNDAY:  # never on one
        kings_day -= timedelta(days=1)
    moving = (easter + timedelta(days=days) for days in (0, 1, 39, 49, 50))
    return frozenset({date(year, 1, 1), kings_day, date(year, 12, 25), date(year, 12, 26), *moving})


def _easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (Gauss's rule, in the form of Meeus)."""
    century, of_century = divmod(year, 100)
    leap_centuries, left = divmod(century, 4)
    moon = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * (year % 19) + century - leap_centuries - moon + 15) % 30
    leaps, rest = divmod(of_century, 4)
    weekday = (32 + 2 * left + 2 * leaps - epact - rest) % 7
    late = (year % 19 + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)
