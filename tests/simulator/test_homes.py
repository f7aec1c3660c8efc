"""The homes: each plausible in its own way, exact like the first, and the same whatever is asked first."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.simulator import Household, SimulatedMeter
from gateway.simulator.homes import HOMES, Home
from gateway.simulator.storage import battery_watts
from tests.simulator.yearly import largest_deviation_wh, year_of

HOME = st.sampled_from(list(HOMES.values()))
DAYS = st.dates(date(2024, 1, 2), date(2027, 12, 31))
EVERY_WEEKDAY = 13  # days apart: all weekdays and seasons have their share


@settings(max_examples=20, deadline=None)
@given(HOME, DAYS, st.integers(0, 22 * 3600), st.integers(1, 1800))
def test_energy_is_the_sum_of_the_power_of_every_second(
    home: Home, on: date, start: int, seconds: int
) -> None:
    day = Household(3, home).day(on)
    nets = [sum(day.power_at(second)) for second in range(start, start + seconds)]
    before, after = day.energy_at(start), day.energy_at(start + seconds)
    assert after[0] - before[0] == sum(net for net in nets if net > 0)
    assert after[1] - before[1] == -sum(net for net in nets if net < 0)


@settings(max_examples=20, deadline=None)
@given(HOME, DAYS, st.lists(st.integers(0, 23 * 3600), min_size=2, max_size=20))
def test_what_a_device_counts_never_falls(home: Home, on: date, seconds: list[int]) -> None:
    day = Household(3, home).day(on)
    for commodity in home.devices:
        counted = [day.counted(commodity, second) for second in sorted(seconds)]
        assert counted == sorted(counted)
        assert day.counted(commodity, 0) == 0


@settings(max_examples=15, deadline=None)
@given(HOME, DAYS)
def test_a_day_is_the_same_whatever_was_asked_before(home: Home, on: date) -> None:
    asked = Household(3, home)
    asked.day(on + timedelta(days=2))
    assert asked.day(on) == Household(3, home).day(on)


@pytest.mark.parametrize("home", HOMES.values(), ids=lambda home: home.name)
@pytest.mark.parametrize(("on", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_days_on_which_clocks_change_have_their_own_length(home: Home, on: date, hours: int) -> None:
    day = Household(3, home).day(on)
    assert day.seconds == hours * 3600
    assert len(day.net) == hours * 60
    for commodity in home.devices:
        assert day.counted(commodity, day.seconds) >= day.counted(commodity, day.seconds - 1)


def test_a_submeter_counts_the_car_and_the_heat_pump() -> None:
    car = Household(3, HOMES["electric-car"])
    without = Household(3, HOMES["solar"])
    for n in range(20):
        on = date(2026, 2, 1) + timedelta(days=n)
        charged = car.day(on).counted("submeter", 86_400)
        assert sum(car.day(on).net) - sum(without.day(on).net) == charged // 60


def test_a_single_phase_home_draws_all_on_one() -> None:
    day = Household(3, HOMES["apartment"]).day(date(2026, 2, 3))
    assert all(l2 == l3 == 0 for _, l2, l3 in day.powers)
    assert min(l1 for l1, _, _ in day.powers) > 0


def test_a_battery_gives_back_no_more_than_it_took_and_holds_no_more_than_it_can() -> None:
    day = Household(3, HOMES["solar"]).day(date(2026, 6, 10))
    drawn, stored = battery_watts(day.net, 10_000, 0.0, 0)
    taken, given_back = sum(w for w in drawn if w > 0), -sum(w for w in drawn if w < 0)
    assert given_back < taken * 0.95
    assert 0 <= stored <= 10_000 * 3600


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("apartment", {"kWh in": 1400, "GJ heat": 12, "m3 water": 40}, {"kWh in": 2300, "GJ heat": 30}),
        ("family", {"kWh in": 2200, "m3 gas": 900, "m3 water": 80}, {"kWh in": 3500, "m3 gas": 1500}),
        ("solar", {"kWh in": 1500, "kWh out": 2200}, {"kWh in": 2300, "kWh out": 3200}),
        ("heat-pump", {"kWh in": 3800, "kWh submeter": 2300}, {"kWh in": 6500, "kWh submeter": 4200}),
        ("electric-car", {"kWh submeter": 2000, "kWh in": 3800}, {"kWh submeter": 3800, "peak W": 20_000}),
        ("battery", {"kWh in": 250, "kWh out": 1500}, {"kWh in": 900, "kWh out": 3200}),
        ("holiday-home", {"kWh in": 300}, {"kWh in": 1300, "m3 water": 40}),
    ],
)
def test_a_year_is_plausible(name: str, least: dict[str, float], most: dict[str, float]) -> None:
    counted = year_of(HOMES[name], 2025, step=EVERY_WEEKDAY)
    for kind, amount in least.items():
        assert counted[kind] >= amount
    for kind, amount in most.items():
        assert counted[kind] <= amount


@pytest.mark.parametrize("name", ["apartment", "battery"])
def test_registers_stay_exact_through_weeks_of_quarter_hours(name: str) -> None:
    assert largest_deviation_wh(HOMES[name], date(2026, 3, 20), 14) < 2  # two registers in whole Wh


def test_a_home_heated_by_gas_or_district_heat_needs_more_in_winter() -> None:
    for name, commodity in (("family", "gas"), ("apartment", "heat")):
        meter = Household(3, HOMES[name])
        january, july = (
            sum(meter.day(date(2026, month, 1 + n)).counted(commodity, 86_400) for n in range(10))
            for month in (1, 7)
        )
        assert january > 3 * july


def test_each_home_s_meter_tells_its_devices() -> None:
    at = datetime(2026, 2, 3, 12, tzinfo=UTC)
    for home in HOMES.values():
        reading = SimulatedMeter(Household(3, home), at).reading_at(at)
        assert tuple(device.commodity for device in reading.mbus) == home.devices
        assert len(reading.phases) == home.phases
