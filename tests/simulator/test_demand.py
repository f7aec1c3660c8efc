"""Demand: the running quarter hour, the month's peak and the months before, against the power itself."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.p1 import Reading
from gateway.simulator import Household, SimulatedMeter
from gateway.simulator.dialects import DIALECTS
from gateway.simulator.household import LOCAL

# The meter is installed some days before a month ends, and some months pass.
INSTALLED = datetime(2026, 1, 27, 12, tzinfo=UTC)
FIRST = datetime(2026, 1, 26, 23, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
HOME = Household(7)


def meter_of(name: str) -> SimulatedMeter:
    return SimulatedMeter(HOME, INSTALLED, DIALECTS[name])


@pytest.fixture(scope="module")
def belgian() -> SimulatedMeter:
    return meter_of("be-fluvius")


@pytest.fixture(scope="module")
def lithuanian() -> SimulatedMeter:
    return meter_of("lt-eso")


@pytest.fixture(scope="module")
def hungarian() -> SimulatedMeter:
    return meter_of("hu-eon")


def means_of(on: date) -> list[tuple[int, datetime]]:
    """The mean import of each quarter hour of a day, in W, from the power of every second."""
    day = HOME.day(on)
    begins = datetime.fromtimestamp(day.begins, UTC)
    return [
        (
            sum(max(sum(day.power_at(second)), 0) for second in range(start, start + 900)) // 900,
            begins + timedelta(seconds=start + 900),
        )
        for start in range(0, day.seconds, 900)
    ]


@settings(max_examples=30, deadline=None)
@given(seconds=st.integers(0, 86_400 * 3))
def test_the_demand_of_the_running_quarter_hour_begins_at_nothing_and_climbs(
    belgian: SimulatedMeter, seconds: int
) -> None:
    at = FIRST + timedelta(seconds=seconds)
    begins = at - timedelta(seconds=seconds % 900)
    told = [
        belgian.reading_at(begins + timedelta(seconds=n)).quantities["demand_current_quarter_w"]
        for n in range(0, 900, 10)
    ]
    assert told[0] == 0
    assert told == sorted(told)
    day = HOME.day(at.astimezone(LOCAL).date())
    start = int(begins.timestamp()) - day.begins
    flowed = sum(max(sum(day.power_at(second)), 0) for second in range(start, start + seconds % 900))
    assert belgian.reading_at(at).quantities["demand_current_quarter_w"] == flowed // 900


def test_the_peak_of_the_month_is_that_of_the_quarter_hours_that_have_ended(belgian: SimulatedMeter) -> None:
    """From the first day on: in January's last days, and anew in February."""
    means: list[tuple[int, datetime]] = []
    for on in (date(2026, 1, n) for n in range(27, 32)):
        means += means_of(on)
    for n, at in enumerate(FIRST + QUARTER * n for n in range(1, len(means))):
        best = max(mean for mean, _ in means[: n + 1])
        first = next(ended for mean, ended in means if mean == best)
        reading = belgian.reading_at(at)
        assert reading.quantities["demand_max_month_w"] == best
        if best:
            assert reading.demand_max_at == first


def test_a_new_month_begins_without_a_peak(belgian: SimulatedMeter) -> None:
    february = datetime(2026, 1, 31, 23, tzinfo=UTC)
    last, first, later = (
        belgian.reading_at(february + timedelta(seconds=n)).quantities["demand_max_month_w"]
        for n in (-1, 0, 86_400)
    )
    assert (last > 0, first, later > 0) == (True, 0, True)
    assert belgian.reading_at(february).demand_max_at == february


def test_each_month_since_the_installation_is_in_the_history(belgian: SimulatedMeter) -> None:
    assert belgian.reading_at(FIRST + timedelta(days=2)).demand_history == ()
    reading = belgian.reading_at(datetime(2026, 4, 10, tzinfo=UTC))
    assert [month.month_ends_at for month in reading.demand_history] == [
        datetime(2026, 1, 31, 23, tzinfo=UTC),
        datetime(2026, 2, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 31, 22, tzinfo=UTC),  # in summer time
    ]
    for month in reading.demand_history:
        assert month.at is not None
        assert month.at <= month.month_ends_at
        means = {ended: mean for mean, ended in means_of((month.at - QUARTER).astimezone(LOCAL).date())}
        assert month.demand_w == means[month.at]
    # The last second of a month tells the same as the history does from the next one on.
    last = belgian.reading_at(reading.demand_history[1].month_ends_at - timedelta(seconds=1))
    assert last.quantities["demand_max_month_w"] <= reading.demand_history[1].demand_w


def test_the_history_has_thirteen_months_at_most() -> None:
    belgian = meter_of("be-fluvius")
    told = belgian.reading_at(datetime(2027, 5, 3, tzinfo=UTC)).demand_history
    assert len(told) == 13
    assert [month.month_ends_at for month in told] == sorted(month.month_ends_at for month in told)
    assert told[-1].month_ends_at == datetime(2027, 4, 30, 22, tzinfo=UTC)


def test_what_is_told_does_not_depend_on_what_was_asked_before(belgian: SimulatedMeter) -> None:
    at = datetime(2026, 2, 14, 17, 3, 11, tzinfo=UTC)
    belgian.reading_at(datetime(2026, 4, 20, tzinfo=UTC))
    assert belgian.reading_at(at) == meter_of("be-fluvius").reading_at(at)


@settings(max_examples=30, deadline=None)
@given(seconds=st.integers(0, 86_400 * 3))
def test_lithuanian_demand_agrees_with_registers_and_averages(
    lithuanian: SimulatedMeter, seconds: int
) -> None:
    at = FIRST + timedelta(seconds=seconds)
    now, then = (
        lithuanian.reading_at(moment).quantities for moment in (at, at - timedelta(seconds=seconds % 900))
    )
    for demand, register in (
        ("demand_current_quarter_w", "energy_import_wh"),
        ("demand_export_current_quarter_w", "energy_export_wh"),
        ("demand_reactive_import_current_quarter_var", "reactive_energy_import_varh"),
        ("demand_reactive_export_current_quarter_var", "reactive_energy_export_varh"),
    ):
        assert abs(now[demand] - 4 * (now[register] - then[register])) <= 10  # registers are in whole Wh
    assert now["power_combined_average_w"] >= now["power_import_average_w"] >= 0
    assert abs(now["power_net_average_w"]) <= now["power_combined_average_w"]
    if seconds % 900:
        mean = now["demand_current_quarter_w"] * 900 / (seconds % 900)
        assert abs(now["power_import_average_w"] - mean) <= 900 / (seconds % 900) + 1
    for active, apparent in (
        ("demand_current_quarter_w", "demand_apparent_import_current_quarter_va"),
        ("demand_export_current_quarter_w", "demand_apparent_export_current_quarter_va"),
    ):
        assert now[apparent] >= now[active]


def month_end_quantities(reading: Reading) -> dict[str, int]:
    assert reading.month_end is not None
    return {name: reading.quantities[name] for name in reading.month_end.quantities}


def test_a_hungarian_meter_repeats_the_registers_of_the_last_month_s_end(hungarian: SimulatedMeter) -> None:
    assert hungarian.reading_at(FIRST + timedelta(days=3)).month_end is None
    february = datetime(2026, 1, 31, 23, tzinfo=UTC)
    at_midnight = hungarian.reading_at(february)
    for days in (0, 9, 27):
        ended = hungarian.reading_at(february + timedelta(days=days, hours=5)).month_end
        assert ended is not None
        assert ended.at == february
        assert dict(ended.quantities) == month_end_quantities(at_midnight)
    later = hungarian.reading_at(datetime(2026, 3, 2, tzinfo=UTC)).month_end
    assert later is not None
    assert later.quantities["energy_import_wh"] > at_midnight.quantities["energy_import_wh"]
    # Import and export: of all, and by tariff, of which one made the highest.
    for whole, *by_tariff in (later.demands_w[:3], later.demands_w[3:]):
        assert whole == max(by_tariff)
    assert later.demands_w[0] > 1000
