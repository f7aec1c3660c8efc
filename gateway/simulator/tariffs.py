"""Tariffs: which register counts at which hour, by the rules of each country.

Hours are those of the meter's clock; a tariff changes at full hours only. They are the usual ones:
in every country some networks have others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from gateway.simulator.dialects import Dialect
from gateway.simulator.holidays import public_holidays
from gateway.simulator.household import LOCAL, Day

_MIDWINTER = datetime(2026, 1, 1)  # noqa: DTZ001 - asked of a zone, which wants it without
_ALL_WEEK, _WORKING_DAYS = range(7), range(5)


@dataclass(frozen=True, slots=True)
class Tariffs:
    """One tariff holds between two hours of certain days, the other one at all other times.

    `hours_ahead`: by how much the meter's clock is ahead of the household's.
    """

    by_day: int = 2
    first_hour: int = 0
    last_hour: int = 0
    weekdays: range = _WORKING_DAYS
    on_holidays: bool = True
    hours_ahead: int = 0

    @property
    def switch(self) -> bool:
        """False where everything is counted at the tariff of all other hours."""
        return self.first_hour != self.last_hour

    def hours(self, day: Day) -> tuple[int, int]:
        """The seconds of a day between which its tariff holds; equal ones where it never does."""
        if not self.switch or not self._holds_on(day.on):
            return 0, 0
        return (
            day.second_of(self.first_hour - self.hours_ahead),
            day.second_of(self.last_hour - self.hours_ahead),
        )

    def _holds_on(self, on: date) -> bool:
        return on.weekday() in self.weekdays and (self.on_holidays or on not in public_holidays(on.year))


# Elsewhere everything is counted at tariff 1.
_BY_COUNTRY: dict[str, tuple[int, int, int, range, bool]] = {
    "NL": (2, 7, 23, _WORKING_DAYS, False),  # tariff 1 is the low one
    "BE": (1, 7, 22, _WORKING_DAYS, True),
    "HU": (1, 6, 22, _ALL_WEEK, True),
    "LT": (1, 7, 23, _WORKING_DAYS, True),
    "CH": (1, 7, 20, _WORKING_DAYS, True),
}


def tariffs_of(dialect: Dialect) -> Tariffs:
    """How the meters of a dialect switch tariffs."""
    hours = _BY_COUNTRY.get(dialect.country or "")
    if hours is None:
        return Tariffs()
    offset = dialect.clock.zone.utcoffset(_MIDWINTER), LOCAL.utcoffset(_MIDWINTER)
    ahead = (offset[0] or timedelta(0)) - (offset[1] or timedelta(0))
    return Tariffs(*hours, hours_ahead=ahead // timedelta(hours=1))
