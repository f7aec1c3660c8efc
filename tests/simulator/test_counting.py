"""Counting: what flowed is the sum of the power of every second, to the W·s and the var·s."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.simulator import Household
from gateway.simulator.counting import (
    CountedDay,
    Counting,
    Held,
    What,
)
from gateway.simulator.demand import Peak, Peaks, peaks_by_quarter
from gateway.simulator.dialects import DIALECTS
from gateway.simulator.electricity import quadrant, reactive_var
from gateway.simulator.tariffs import tariffs_of

HOME = Household(3)
FIRST = date(2026, 3, 25)
WHAT = What(tariffs_of(DIALECTS["nl-dsmr5"]), phases=3, reactive=True, demand=True, commodities=())
NOTHING = Held((0,) * 6, (0,) * 6, ())
DAYS = st.integers(0, 8).map(lambda days: FIRST + timedelta(days=days))


def counted(on: date) -> CountedDay:
    return CountedDay(HOME.day(on), WHAT, NOTHING, Peaks.none(0))


def flows(counted: CountedDay, second: int) -> tuple[int, ...]:
    """Import, export and the four quadrants of one second, by the signs of power and reactive power."""
    net = sum(counted.day.power_at(second))
    var = sum(reactive_var(watts) for watts in counted.day.powers[second // 60])
    feeds = counted.day.net[second // 60] < 0
    quadrants = [(False, True), (True, True), (True, False), (False, False)]
    return max(net, 0), max(-net, 0), *(abs(var) * (one == (feeds, var >= 0)) for one in quadrants)


@settings(max_examples=40, deadline=None)
@given(on=DAYS, start=st.integers(0, 22 * 3600), seconds=st.integers(1, 1800))
def test_what_flowed_is_the_sum_over_the_seconds(on: date, start: int, seconds: int) -> None:
    day = counted(on)
    expected = [sum(each) for each in zip(*(flows(day, start + n) for n in range(seconds)), strict=True)]
    risen = zip(day.flowed_at(start), day.flowed_at(start + seconds), strict=True)
    assert [after - before for before, after in risen] == expected


@pytest.mark.parametrize(
    ("watts", "var", "expected"),
    [(500, 20, 0), (0, 0, 0), (-500, 20, 1), (-500, -20, 2), (500, -20, 3), (0, -20, 3)],
)
def test_quadrants_are_those_of_the_standard(watts: int, var: int, expected: int) -> None:
    assert quadrant(watts, var) == expected


@settings(max_examples=40, deadline=None)
@given(on=DAYS, share=st.floats(0, 1))
def test_both_tariffs_together_hold_what_flowed(on: date, share: float) -> None:
    day = counted(on)
    second = int(share * day.day.seconds)
    flowed = day.flowed_at(second)
    by_day, otherwise = day.held_at(second, flowed)
    assert tuple(one + other for one, other in zip(by_day, otherwise, strict=True)) == flowed
    assert all(one >= 0 for one in (*by_day, *otherwise))


def test_registers_are_carried_over_midnight_without_a_loss() -> None:
    counting = Counting(HOME, FIRST, WHAT, NOTHING)
    days = [FIRST + timedelta(days=n) for n in range(10)]
    for before, after in pairwise(days):
        assert counting.day(before).at_end() == counting.day(after).held == counting.held_on(after)
    held = counting.held_on(days[-1])
    of_days = (day.flowed_at(day.day.seconds) for day in map(counted, days[:-1]))
    flowed = [sum(each) for each in zip(*of_days, strict=True)]
    assert [one + other for one, other in zip(held.by_day, held.otherwise, strict=True)] == flowed


def test_days_are_the_same_in_any_order() -> None:
    forward, backward = (Counting(HOME, FIRST, WHAT, NOTHING) for _ in range(2))
    days = [FIRST + timedelta(days=n) for n in range(9)]
    held = {on: forward.day(on).at_end() for on in days}
    assert {on: backward.day(on).at_end() for on in reversed(days)} == held


def test_before_the_installation_nothing_is_counted() -> None:
    with pytest.raises(ValueError, match="installed on 2026-03-25"):
        Counting(HOME, FIRST, WHAT, NOTHING).day(FIRST - timedelta(days=1))


def test_of_equal_quarter_hours_the_first_is_the_peak() -> None:
    minutes = 1440
    steady = replace(
        HOME.day(FIRST), imported=[60_000 * n for n in range(minutes + 1)], exported=[0] * (minutes + 1)
    )
    begins = steady.begins
    peaks = peaks_by_quarter(steady, (7 * 3600, 23 * 3600), Peaks.none(begins))
    assert peaks[0].imported[0] == Peak(0, begins)
    assert {found.imported[0] for found in peaks[1:]} == {Peak(1000, begins + 900)}
    assert peaks[-1].imported[1] == Peak(1000, begins + 7 * 3600 + 900)
    assert peaks[-1].exported[0] == Peak(0, begins)
