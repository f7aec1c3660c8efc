"""The made-up home: plausible, repeatable, and exact to the watt-second."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.simulator import Household

HOME = Household(1)
DAYS = st.dates(date(2024, 1, 1), date(2027, 12, 31))
SPRING_FORWARD, FALL_BACK = date(2026, 3, 29), date(2026, 10, 25)


@settings(max_examples=15, deadline=None)
@given(DAYS)
def test_a_day_depends_on_seed_and_date_alone(on: date) -> None:
    asked_later = Household(1)
    asked_later.day(on + timedelta(days=3))
    assert asked_later.day(on) == HOME.day(on)
    assert Household(2).day(on) != HOME.day(on)


@settings(max_examples=25, deadline=None)
@given(DAYS, st.integers(0, 22 * 3600), st.integers(1, 3600))
def test_energy_is_the_sum_of_the_power_of_every_second(on: date, start: int, seconds: int) -> None:
    day = HOME.day(on)
    nets = [sum(day.power_at(second)) for second in range(start, start + seconds)]
    imported, exported = (
        after - before
        for before, after in zip(day.energy_at(start), day.energy_at(start + seconds), strict=True)
    )
    assert imported == sum(net for net in nets if net > 0)
    assert exported == -sum(net for net in nets if net < 0)


def test_power_moves_within_a_minute() -> None:
    day = HOME.day(date(2026, 1, 14))
    noon = 12 * 3600
    assert len({day.power_at(second) for second in range(noon, noon + 60)}) > 5


def test_the_ripple_never_turns_import_into_export() -> None:
    for n in range(40):
        day = HOME.day(date(2026, 4, 1) + timedelta(days=n))
        balanced = [minute for minute, net in enumerate(day.net) if 0 < abs(net) < 60]
        for second in (second for minute in balanced for second in range(minute * 60, minute * 60 + 60)):
            assert sum(day.power_at(second)) * day.net[second // 60] >= 0


@pytest.mark.parametrize(("on", "hours"), [(SPRING_FORWARD, 23), (FALL_BACK, 25), (date(2026, 6, 1), 24)])
def test_a_day_has_its_own_length(on: date, hours: int) -> None:
    day = HOME.day(on)
    assert day.seconds == hours * 3600
    assert len(day.net) == hours * 60
    assert day.counted("gas", day.seconds) == day.counts["gas"][1][-1]
    assert day.second_of(7) == (hours - 24 + 7) * 3600


def test_a_year_looks_like_a_dutch_home() -> None:
    """Every fifth day of a year, so that the weekdays and the seasons all have their share."""
    days = [HOME.day(date(2025, 1, 1) + timedelta(days=n)) for n in range(0, 365, 5)]
    year = 365 / len(days)
    imported = sum(day.imported[-1] for day in days) * year / 3_600_000
    exported = sum(day.exported[-1] for day in days) * year / 3_600_000
    gas = sum(day.counts["gas"][1][-1] for day in days) * year / 1_000_000
    assert 1500 < imported < 2300
    assert 2200 < exported < 3200
    assert 900 < gas < 1500
    assert 3000 < max(max(day.net) for day in days) < 11_000


def test_evenings_use_most_and_summer_noons_feed_back() -> None:
    winter = [HOME.day(date(2026, 1, 5) + timedelta(days=n)) for n in range(5)]
    night, evening = (
        sum(sum(day.net[hour * 60 : (hour + 1) * 60]) / 60 for day in winter) / 5 for hour in (3, 18)
    )
    assert 80 < night < 300
    assert evening > 3 * night
    june = [HOME.day(date(2026, 6, 1) + timedelta(days=n)) for n in range(10)]
    assert sum(sum(day.net[13 * 60 : 14 * 60]) for day in june) < 0


def test_gas_is_burnt_in_winter() -> None:
    january, july = (
        sum(HOME.day(date(2026, month, 1) + timedelta(days=n)).counts["gas"][1][-1] for n in range(14))
        for month in (1, 7)
    )
    assert january > 4 * july


def test_nobody_cooks_in_the_holiday() -> None:
    away = next(
        on for on in (date(2026, 7, 1) + timedelta(days=n) for n in range(80)) if HOME.is_away(on)
    )  # fmt: skip
    assert max(HOME.day(away).net) < 500
    assert not HOME.day(away).counts["gas"][1][-1] > 2_000_000


@pytest.mark.parametrize(("on", "hour_late"), [(SPRING_FORWARD, False), (FALL_BACK, True)])
def test_people_rise_by_the_clock_when_it_changes(on: date, hour_late: bool) -> None:
    day = HOME.day(on)
    assert not HOME.is_away(on)
    kettle = next(minute for minute, phases in enumerate(day.powers) if phases[1] > 1200)
    # On a Sunday they wake between 7:50 and 9:20.
    assert (kettle > 530) is hour_late
    assert day.net[-1] > 80
