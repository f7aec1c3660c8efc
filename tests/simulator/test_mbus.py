"""M-Bus devices: which there are, how often they are read, and that they tell what was counted."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.p1 import MBusReading
from gateway.simulator import Household, SimulatedMeter
from gateway.simulator.dialects import DIALECTS
from gateway.simulator.homes import HOMES
from gateway.simulator.household import LOCAL

ORIGIN = datetime(2026, 1, 20, 12, tzinfo=UTC)
FIRST = datetime(2026, 1, 19, 23, tzinfo=UTC)  # midnight at home
SECONDS = st.integers(0, 5 * 86_400)
GAS_HOME, HEAT_HOME, SUBMETER_HOME = "solar", "apartment", "electric-car"
FIVE_MINUTES, HOUR = timedelta(minutes=5), timedelta(hours=1)


def meter_of(dialect: str, home: str = GAS_HOME, seed: int = 7) -> SimulatedMeter:
    return SimulatedMeter(Household(seed, HOMES[home]), ORIGIN, DIALECTS[dialect])


def told(meter: SimulatedMeter, at: datetime) -> dict[str, MBusReading]:
    return {device.commodity: device for device in meter.reading_at(at).mbus}


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("dialect", ["nl-dsmr5", "be-fluvius", "lu-smarty", "se-h1", "nl-dsmr3"])
def test_a_meter_reads_the_devices_of_its_home_that_it_knows(dialect: str, home: str) -> None:
    known = [name for name in HOMES[home].devices if DIALECTS[dialect].device(name)]
    devices = meter_of(dialect, home).reading_at(ORIGIN).mbus
    assert [(device.channel, device.commodity) for device in devices] == list(enumerate(known, 1))


def test_every_kind_of_device_is_in_some_home() -> None:
    assert {name for home in HOMES.values() for name in home.devices} == {
        "gas", "water", "heat", "submeter",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("dialect", "home", "commodity", "cadence"),
    [
        ("nl-dsmr5", GAS_HOME, "gas", FIVE_MINUTES),
        ("nl-dsmr4", GAS_HOME, "gas", HOUR),
        ("nl-dsmr3", GAS_HOME, "gas", HOUR),
        ("nl-dsmr22", GAS_HOME, "gas", HOUR),
        ("lu-smarty", GAS_HOME, "gas", HOUR),
        ("be-fluvius", GAS_HOME, "gas", FIVE_MINUTES),
        ("nl-dsmr5", HEAT_HOME, "heat", HOUR),
        ("nl-dsmr5", HEAT_HOME, "water", HOUR),
        ("nl-dsmr5", SUBMETER_HOME, "submeter", FIVE_MINUTES),
    ],
)
def test_a_device_is_read_at_its_cadence(dialect: str, home: str, commodity: str, cadence: timedelta) -> None:
    meter = meter_of(dialect, home)
    seen: dict[datetime, MBusReading] = {}
    for n in range(600):
        at = ORIGIN + timedelta(seconds=97 * n)
        device = told(meter, at)[commodity]
        assert timedelta(0) <= at - device.captured_at < cadence + timedelta(minutes=1)
        assert seen.setdefault(device.captured_at, device) == device
    times = sorted(seen)
    assert abs((times[-1] - times[0]) / (len(times) - 1) - cadence) < timedelta(seconds=60)


def test_a_belgian_meter_tells_the_true_second_of_a_reading_and_a_dutch_one_the_slot() -> None:
    for dialect, exact in (("be-fluvius", True), ("be-fluvius-21", True), ("nl-dsmr5", False)):
        meter = meter_of(dialect)
        seconds = {
            told(meter, ORIGIN + n * FIVE_MINUTES)["gas"].captured_at.timestamp() % 300 for n in range(50)
        }
        assert (len(seconds) > 10) is exact
        assert exact or seconds == {0}


@pytest.mark.parametrize(
    ("home", "commodity", "unit"),
    [(GAS_HOME, "gas", 1000), (HEAT_HOME, "heat", 1000), (HEAT_HOME, "water", 1000),
     (SUBMETER_HOME, "submeter", 3600)],
)  # fmt: skip
@settings(max_examples=15, deadline=None)
@given(seconds=SECONDS)
def test_a_register_rises_by_what_the_household_counted(
    home: str, commodity: str, unit: int, seconds: int
) -> None:
    """Water and gas in litres, heat in kJ, electricity in Wh, each cut to a whole one."""
    meter, household = meter_of("nl-dsmr5", home), Household(7, HOMES[home])
    before, after = (
        next(d for d in known.mbus if d.commodity == commodity)
        for at in (FIRST, FIRST + timedelta(seconds=seconds))
        if (known := meter.known_at(at)) is not None
    )
    flowed = sum(
        household.day(on).counted(commodity, second) for on, second in since_midnight(after.captured_at)
    )
    assert abs(after.register - before.register - flowed / unit) < 1


def since_midnight(at: datetime) -> list[tuple[date, int]]:
    """The whole days since FIRST, each with its seconds, and the last one up to `at`."""
    days = (at.astimezone(LOCAL).date() - FIRST.astimezone(LOCAL).date()).days
    begun = FIRST + timedelta(days=days)
    whole = [((FIRST + timedelta(days=n)).astimezone(LOCAL).date(), 86_400) for n in range(days)]
    return [*whole, (begun.astimezone(LOCAL).date(), int((at - begun).total_seconds()))]


@pytest.mark.parametrize("home", HOMES)
def test_registers_never_fall_and_times_never_go_back(home: str) -> None:
    for dialect in ("nl-dsmr5", "be-fluvius-21"):
        meter = meter_of(dialect, home)
        last: dict[str, MBusReading] = {}
        for n in range(0, 4 * 86_400, 1471):
            for commodity, device in told(meter, FIRST + timedelta(seconds=n)).items():
                before = last.setdefault(commodity, device)
                assert (before.captured_at, before.register) <= (device.captured_at, device.register)
                last[commodity] = device


def test_each_device_of_each_seed_has_a_number_of_its_own() -> None:
    meters = [meter_of("nl-dsmr5", HEAT_HOME, seed) for seed in range(20)]
    numbers = [device.number for meter in meters for device in meter.reading_at(ORIGIN).mbus]
    assert len(set(numbers)) == len(numbers) == 20 * len(meters[0].devices)
    assert {len(number) for number in numbers} == {17}


@pytest.mark.parametrize("at", [datetime(2026, 10, 24, 23, 40, tzinfo=UTC) + n * HOUR / 4 for n in range(14)])
@pytest.mark.parametrize("dialect", ["nl-dsmr22", "nl-dsmr4", "nl-dsmr5", "be-fluvius"])
def test_readings_stay_in_order_in_the_hour_that_comes_twice(dialect: str, at: datetime) -> None:
    meter = SimulatedMeter(Household(7), at - timedelta(days=1), DIALECTS[dialect])
    known = meter.known_at(at)
    assert known is not None
    captured_at = known.mbus[0].captured_at
    assert timedelta(0) <= at - captured_at < HOUR + timedelta(minutes=1)
    # Without a flag, meters before DSMR 4 can only tell the first of the two.
    second_time = datetime(2026, 10, 25, 1, tzinfo=UTC) <= captured_at < datetime(2026, 10, 25, 2, tzinfo=UTC)
    flagless = HOUR if dialect == "nl-dsmr22" and second_time else timedelta(0)
    assert meter.reading_at(at).mbus[0].captured_at == captured_at - flagless


def test_a_heat_meter_tells_the_heat_of_a_home_that_has_district_heat_or_burns_gas() -> None:
    for home in (HEAT_HOME, GAS_HOME):
        meter = meter_of("nl-warmtelink", home)
        readings = [meter.reading_at(FIRST + n * HOUR) for n in range(48)]
        assert {len(reading.mbus) for reading in readings} == {1}
        first, last = readings[0].mbus[0], readings[-1].mbus[0]
        assert (first.commodity, first.channel) == ("heat", 1)
        assert 20_000 < last.register - first.register < 2_000_000  # kJ, in two days of January
        assert not readings[0].quantities


def test_a_home_that_heats_by_electricity_has_no_heat_meter() -> None:
    with pytest.raises(ConfigError, match=r"^a heat meter has nothing to tell in the home heat-pump: choose"):
        meter_of("nl-warmtelink", "heat-pump")


def test_valves_and_connections_are_told_where_the_dialect_has_them() -> None:
    devices = {name: told(meter_of(name), ORIGIN)["gas"] for name in ("nl-dsmr5", "be-fluvius-21")}
    assert devices["nl-dsmr5"].valve_state == 1
    assert devices["nl-dsmr5"].ean is None
    ean = devices["be-fluvius-21"].ean
    assert ean is not None
    assert len(ean) == 18
