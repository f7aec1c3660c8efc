"""Demand: the mean power of quarter hours, and the highest of each month.

Quarter hours are the clock's. Each has one tariff, since tariffs change at full hours.
"""

from __future__ import annotations

from typing import NamedTuple

from gateway.simulator.household import Day

QUARTER = 900


class Peak(NamedTuple):
    """The highest quarter hour so far: its mean power, and when it ended (Unix time)."""

    watts: int
    ended_at: int


class Peaks(NamedTuple):
    """The highest quarter hours of a month: of all of it, within the tariff by day, and outside."""

    imported: tuple[Peak, Peak, Peak]
    exported: tuple[Peak, Peak, Peak]

    @classmethod
    def none(cls, since: int) -> Peaks:
        """Of a month that has only just begun."""
        nothing = (Peak(0, since),) * 3
        return cls(nothing, nothing)


def peaks_by_quarter(day: Day, by_day: tuple[int, int], before: Peaks) -> list[Peaks]:
    """The month's peaks as each quarter hour of a day begins, and as the day ends.

    `by_day`: the seconds between which the tariff by day holds; `before`: the peaks at midnight.
    """
    found = [before]
    imported, exported = before
    minutes = QUARTER // 60
    for second in range(0, day.seconds, QUARTER):
        minute = second // 60
        ended_at = day.begins + second + QUARTER
        inside = by_day[0] <= second < by_day[1]
        imported = _raised(imported, day.imported[minute + minutes] - day.imported[minute], inside, ended_at)
        exported = _raised(exported, day.exported[minute + minutes] - day.exported[minute], inside, ended_at)
        found.append(Peaks(imported, exported))
    return found


def _raised(
    peaks: tuple[Peak, Peak, Peak], energy: int, inside: bool, ended_at: int
) -> tuple[Peak, Peak, Peak]:
    watts = energy // QUARTER
    whole, by_day, otherwise = peaks
    if watts <= min(by_day.watts, otherwise.watts):
        return peaks
    new = Peak(watts, ended_at)
    return (
        new if watts > whole.watts else whole,
        new if inside and watts > by_day.watts else by_day,
        new if not inside and watts > otherwise.watts else otherwise,
    )
