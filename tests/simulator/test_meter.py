"""The simulated meter: what it sends, and that its registers agree with its power."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from types import MappingProxyType

import pytest
from dsmr_parser import telegram_specifications
from dsmr_parser.parsers import TelegramParser
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.p1 import (
    Decoder,
    Decryptor,
    Frame,
    Framer,
    Reading,
    decode,
)
from gateway.p1.telegram import parse
from gateway.simulator import DEVELOPMENT_KEY, Household, SimulatedMeter
from gateway.simulator.dialects import DIALECTS, Dialect

ORIGIN = datetime(2026, 3, 20, 12, tzinfo=UTC)
FIRST = datetime(2026, 3, 20, tzinfo=UTC)
INSTANTS = st.integers(0, 20 * 86_400).map(lambda seconds: FIRST + timedelta(seconds=seconds))
METERS = [SimulatedMeter(Household(7), ORIGIN, dialect) for dialect in DIALECTS.values()]
WITH_PHASES = [meter for meter in METERS if "current_l1_ma" in meter.dialect.named]
REACTIVE = [meter for meter in METERS if "energy_import_wh" in meter.dialect.named]
REGISTERS = ("energy_import_t1_wh", "energy_import_t2_wh", "energy_export_t1_wh", "energy_export_t2_wh")


@pytest.fixture(scope="module")
def meter() -> SimulatedMeter:
    return SimulatedMeter(Household(7), ORIGIN)


def meter_of(name: str) -> SimulatedMeter:
    return next(meter for meter in METERS if meter.dialect.name == name)


def frame_of(sent: bytes) -> Frame:
    (frame,) = Framer(Decryptor(DEVELOPMENT_KEY)).feed(sent)
    assert isinstance(frame, Frame)
    return frame


@settings(max_examples=60, deadline=None)
@given(at=INSTANTS)
def test_decoding_a_telegram_gives_the_reading_of_that_instant(meter: SimulatedMeter, at: datetime) -> None:
    assert decode(frame_of(meter.bytes_at(at)), ORIGIN) == meter.reading_at(at)


@settings(max_examples=10, deadline=None)
@given(at=INSTANTS)
def test_a_meter_started_anew_finds_the_same_registers(meter: SimulatedMeter, at: datetime) -> None:
    assert SimulatedMeter(Household(7), ORIGIN).reading_at(at) == meter.reading_at(at)


def test_registers_are_the_same_at_any_step(meter: SimulatedMeter) -> None:
    stepped = SimulatedMeter(Household(7), ORIGIN)
    for quarter in range(3 * 96):
        stepped.reading_at(FIRST + timedelta(minutes=15 * quarter))
    end = FIRST + timedelta(days=3)
    assert stepped.reading_at(end) == meter.reading_at(end)


@settings(max_examples=20, deadline=None)
@given(start=INSTANTS, minutes=st.integers(1, 30))
def test_registers_rise_by_the_power_of_every_second(
    meter: SimulatedMeter, start: datetime, minutes: int
) -> None:
    readings = [meter.reading_at(start + timedelta(seconds=n)) for n in range(minutes * 60 + 1)]
    for way in ("import", "export"):
        flowed = sum(reading.quantities[f"power_{way}_w"] for reading in readings[:-1]) / 3600
        risen = sum(
            readings[-1].quantities[name] - readings[0].quantities[name] for name in REGISTERS if way in name
        )
        assert abs(risen - flowed) < 2  # two registers, each told in whole Wh


def test_gas_is_told_every_five_minutes_and_never_falls(meter: SimulatedMeter) -> None:
    readings = [meter.reading_at(FIRST + timedelta(seconds=100 * n)) for n in range(1800)]
    gas = [reading.mbus[0] for reading in readings]
    assert all(device.captured_at.minute % 5 == 0 and device.captured_at.second == 0 for device in gas)
    assert all(
        reading.at - device.captured_at < timedelta(minutes=5)
        for reading, device in zip(readings, gas, strict=True)
    )
    assert [device.register for device in gas] == sorted(device.register for device in gas)
    assert gas[-1].register > gas[0].register


@pytest.mark.parametrize(
    ("at", "tariff"),
    [
        (datetime(2026, 3, 23, 5, 59, 59, tzinfo=UTC), 1),  # Monday, 06:59:59
        (datetime(2026, 3, 23, 6, 0, 0, tzinfo=UTC), 2),
        (datetime(2026, 3, 23, 21, 59, 59, tzinfo=UTC), 2),
        (datetime(2026, 3, 23, 22, 0, 0, tzinfo=UTC), 1),
        (datetime(2026, 3, 22, 12, 0, 0, tzinfo=UTC), 1),  # Sunday
        (datetime(2026, 3, 30, 4, 59, 59, tzinfo=UTC), 1),  # Monday, in summer time
        (datetime(2026, 3, 30, 5, 0, 0, tzinfo=UTC), 2),
    ],
)
def test_the_low_tariff_holds_at_night_and_in_the_weekend(
    meter: SimulatedMeter, at: datetime, tariff: int
) -> None:
    now, second_later = (meter.reading_at(at + timedelta(seconds=n)).quantities for n in (0, 1))
    assert now["tariff"] == tariff
    other = "t1" if tariff == 2 else "t2"
    assert now[f"energy_import_{other}_wh"] == second_later[f"energy_import_{other}_wh"]


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), "260329015959W"),
        (datetime(2026, 3, 29, 1, 0, 0, tzinfo=UTC), "260329030000S"),
        (datetime(2026, 10, 25, 0, 30, 0, tzinfo=UTC), "261025023000S"),
        (datetime(2026, 10, 25, 1, 30, 0, tzinfo=UTC), "261025023000W"),
    ],
)
def test_the_clock_tells_summer_and_winter_apart(at: datetime, told: str) -> None:
    meter = SimulatedMeter(Household(7), at - timedelta(days=1))
    assert ("0-0:1.0.0", f"({told})") in meter.telegram_at(at).lines
    assert meter.reading_at(at).at == at


@pytest.mark.parametrize("on", [date(2026, 3, 29), date(2026, 10, 25)])
def test_registers_run_on_through_a_change_of_the_clocks(on: date) -> None:
    start = datetime.combine(on, datetime.min.time(), UTC) - timedelta(hours=3)
    meter = SimulatedMeter(Household(7), start)
    readings = [meter.reading_at(start + timedelta(minutes=n)) for n in range(30 * 60)]
    for before, after in pairwise(readings):
        for name in REGISTERS:
            assert 0 <= after.quantities[name] - before.quantities[name] < 300


def test_before_its_installation_there_is_no_meter(meter: SimulatedMeter) -> None:
    with pytest.raises(ValueError, match="installed"):
        meter.reading_at(datetime(2026, 3, 19, tzinfo=UTC))


def test_it_says_that_it_is_simulated(meter: SimulatedMeter) -> None:
    assert meter.reading_at(ORIGIN).simulated
    assert meter.bytes_at(ORIGIN).startswith(b"/XYZ5\\P1-SIMULATOR\r\n\r\n")


def test_seeds_have_meter_numbers_of_their_own(meter: SimulatedMeter) -> None:
    other = SimulatedMeter(Household(8), ORIGIN)
    numbers = [{one.number, *(device.number for device in one.devices)} for one in (meter, other)]
    assert {len(number) for number in numbers[0]} == {17}
    assert numbers[0].isdisjoint(numbers[1])


def test_the_phases_add_up_to_the_whole(meter: SimulatedMeter) -> None:
    for minute in range(0, 1440, 7):
        reading = meter.reading_at(FIRST + timedelta(minutes=minute))
        q = reading.quantities
        assert reading.net_power_w == sum(
            q[f"power_import_l{n}_w"] - q[f"power_export_l{n}_w"] for n in (1, 2, 3)
        )
        for n in (1, 2, 3):
            assert 215_000 < q[f"voltage_l{n}_mv"] < 245_000
            watts = q[f"power_import_l{n}_w"] + q[f"power_export_l{n}_w"]
            assert abs(q[f"current_l{n}_ma"] - watts / q[f"voltage_l{n}_mv"] * 1_000_000) <= 510


def test_a_gateway_reads_a_stretch_without_a_fault(meter: SimulatedMeter) -> None:
    decoder = Decoder()
    for n in range(300):
        at = ORIGIN + timedelta(seconds=7 * n)
        assert decoder.decode(frame_of(meter.bytes_at(at)), at) == meter.reading_at(at)


# --- every dialect --------------------------------------------------------------------------------


@settings(max_examples=250, deadline=None)
@given(meter=st.sampled_from(METERS), at=INSTANTS)
def test_every_dialect_decodes_to_the_reading_of_that_instant(meter: SimulatedMeter, at: datetime) -> None:
    frame = frame_of(meter.bytes_at(at))
    reading = meter.reading_at(at)
    assert decode(frame, at, meter.dialect.clock) == reading
    assert reading.at == at
    assert reading.simulated


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
def test_every_dialect_decodes_through_the_hour_that_comes_twice(dialect: Dialect) -> None:
    begins = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)
    meter = SimulatedMeter(Household(7), begins, dialect)
    for at in (begins + timedelta(seconds=611 * n) for n in range(20)):
        reading = decode(frame_of(meter.bytes_at(at)), at, dialect.clock)
        assert reading == meter.reading_at(at)


@settings(max_examples=60, deadline=None)
@given(meter=st.sampled_from(METERS), at=INSTANTS)
def test_the_telegram_has_the_lines_of_the_bytes(meter: SimulatedMeter, at: datetime) -> None:
    assert parse(frame_of(meter.bytes_at(at))) == meter.telegram_at(at)


@settings(max_examples=40, deadline=None)
@given(meter=st.sampled_from(METERS), at=INSTANTS)
def test_every_meter_started_anew_sends_the_same_bytes(meter: SimulatedMeter, at: datetime) -> None:
    anew = SimulatedMeter(Household(7), ORIGIN, meter.dialect)
    assert anew.bytes_at(at) == meter.bytes_at(at)


@pytest.mark.parametrize("meter", METERS, ids=lambda meter: meter.dialect.name)
def test_every_line_is_sent_but_those_that_only_events_fill(meter: SimulatedMeter) -> None:
    later = SimulatedMeter(Household(7), ORIGIN - timedelta(days=40), meter.dialect).telegram_at(ORIGIN)
    sent = {code for code, _ in later.lines}
    of_events = {"message", "message_code"}
    missing = {line.quantity for line in meter.dialect.lines if line.row.code not in sent}
    assert missing <= of_events


@settings(max_examples=100, deadline=None)
@given(meter=st.sampled_from(WITH_PHASES), at=INSTANTS)
def test_phases_make_the_total_and_the_current_follows(meter: SimulatedMeter, at: datetime) -> None:
    known = meter.known_at(at)
    assert known is not None
    q = known.quantities
    line = meter.dialect.named["current_l1_ma"]
    for power in ("power", "reactive_power"):
        unit = "w" if power == "power" else "var"
        if f"{power}_import_l1_{unit}" in meter.dialect.named:
            assert q[f"{power}_import_{unit}"] - q[f"{power}_export_{unit}"] == sum(
                q[f"{power}_import_l{n}_{unit}"] - q[f"{power}_export_l{n}_{unit}"] for n in (1, 2, 3)
            )
    for n in (1, 2, 3):
        watts = q[f"power_import_l{n}_w"] + q[f"power_export_l{n}_w"]
        assert abs(q[f"current_l{n}_ma"] - watts / q[f"voltage_l{n}_mv"] * 1_000_000) <= line.step / 2 + 1


@settings(max_examples=40, deadline=None)
@given(meter=st.sampled_from(REACTIVE), start=INSTANTS, minutes=st.integers(1, 10))
def test_every_register_rises_by_the_power_of_every_second(
    meter: SimulatedMeter, start: datetime, minutes: int
) -> None:
    known = [meter.known_at(start + timedelta(seconds=n)) for n in range(minutes * 60 + 1)]
    told = [one.quantities for one in known if one is not None]
    for power, register in (
        ("power_import_w", "energy_import_wh"),
        ("power_export_w", "energy_export_wh"),
        ("reactive_power_import_var", "reactive_energy_import_varh"),
        ("reactive_power_export_var", "reactive_energy_export_varh"),
    ):
        if power in told[0]:
            flowed = sum(q[power] for q in told[:-1]) / 3600
            assert abs(told[-1][register] - told[0][register] - flowed) < 2


@settings(max_examples=60, deadline=None)
@given(at=INSTANTS)
def test_power_apparent_power_and_their_factor_agree(at: datetime) -> None:
    q = meter_of("lt-eso").reading_at(at).quantities
    watts = q["power_import_w"] - q["power_export_w"]
    var = q["reactive_power_import_var"] - q["reactive_power_export_var"]
    whole = q["apparent_power_import_va"] + q["apparent_power_export_va"]
    assert abs(whole - (watts**2 + var**2) ** 0.5) <= 0.5
    assert abs(q["power_factor_permille"] * whole - 1000 * watts) <= whole * 1.5 + 1000
    assert abs(q["frequency_mhz"] - 50_000) < 100


def test_the_frequency_breathes_and_is_the_same_at_every_home() -> None:
    one, other = (SimulatedMeter(Household(seed), ORIGIN, DIALECTS["lt-eso"]) for seed in (1, 2))
    seen = [
        [meter.reading_at(ORIGIN + timedelta(seconds=n)).quantities["frequency_mhz"] for n in range(600)]
        for meter in (one, other)
    ]
    assert seen[0] == seen[1]
    assert len(set(seen[0])) > 4


def test_quadrants_make_the_reactive_registers() -> None:
    q = meter_of("hu-eon").reading_at(FIRST + timedelta(days=9)).quantities
    quadrants = [q[f"reactive_energy_q{n}_varh"] for n in (1, 2, 3, 4)]
    assert q["reactive_energy_import_varh"] == sum(quadrants[:2])
    assert q["reactive_energy_export_varh"] == sum(quadrants[2:])
    assert q["energy_combined_wh"] == q["energy_import_wh"] + q["energy_export_wh"]


# --- events ---------------------------------------------------------------------------------------


class Outage:
    """No power in one minute of every hour, and none of what would have been counted in it."""

    def told(self, known: Reading, at: datetime, registers: Callable[[datetime], Reading]) -> Reading | None:
        begins = at.replace(minute=30, second=0)
        if begins <= at < begins + timedelta(minutes=1):
            return None
        if at < begins:
            return known
        before, after = (registers(begins + timedelta(minutes=n)).quantities for n in (0, 1))
        quantities = {
            name: value - (after[name] - before[name]) if name in REGISTERS else value
            for name, value in known.quantities.items()
        }
        return replace(known, quantities=MappingProxyType(quantities))


def test_a_meter_without_power_is_silent_and_counts_nothing(meter: SimulatedMeter) -> None:
    struck = SimulatedMeter(Household(7), ORIGIN, events=Outage())
    half_past = ORIGIN + timedelta(minutes=30)
    assert struck.bytes_at(half_past) == b""
    assert struck.known_at(half_past) is None
    for ask in (struck.reading_at, struck.telegram_at):
        with pytest.raises(ValueError, match="without power"):
            ask(half_past)
    before, after = (struck.reading_at(half_past + timedelta(minutes=n)) for n in (-1, 1))
    would = [meter.reading_at(half_past + timedelta(minutes=n)).quantities for n in (-1, 0)]
    for name in REGISTERS:
        risen = after.quantities[name] - before.quantities[name]
        assert risen == would[1][name] - would[0][name]
    frame = frame_of(struck.bytes_at(half_past + timedelta(minutes=1)))
    assert decode(frame, ORIGIN) == after


def test_an_independent_reader_finds_the_same_values(
    meter: SimulatedMeter, caplog: pytest.LogCaptureFixture
) -> None:
    peer = TelegramParser(telegram_specifications.V5)
    day = datetime(2026, 3, 28, 23, tzinfo=UTC)  # it ends in summer time
    with caplog.at_level(logging.WARNING):
        for n in range(0, 23 * 3600, 2111):
            at = day + timedelta(seconds=n)
            read = peer.parse(meter.bytes_at(at).decode("latin-1"), throw_ex=True)
            expected = meter.reading_at(at)
            q = expected.quantities
            assert read.P1_MESSAGE_TIMESTAMP.value == at
            assert bytes.fromhex(read.EQUIPMENT_IDENTIFIER.value).decode() == meter.number
            assert read.ELECTRICITY_USED_TARIFF_1.value * 1000 == q["energy_import_t1_wh"]
            assert read.ELECTRICITY_USED_TARIFF_2.value * 1000 == q["energy_import_t2_wh"]
            assert read.ELECTRICITY_DELIVERED_TARIFF_1.value * 1000 == q["energy_export_t1_wh"]
            assert read.ELECTRICITY_DELIVERED_TARIFF_2.value * 1000 == q["energy_export_t2_wh"]
            assert int(read.ELECTRICITY_ACTIVE_TARIFF.value) == q["tariff"]
            assert read.CURRENT_ELECTRICITY_USAGE.value * 1000 == q["power_import_w"]
            assert read.CURRENT_ELECTRICITY_DELIVERY.value * 1000 == q["power_export_w"]
            assert read.INSTANTANEOUS_VOLTAGE_L3.value * 1000 == q["voltage_l3_mv"]
            assert read.INSTANTANEOUS_CURRENT_L1.value * 1000 == q["current_l1_ma"]
            assert read.SHORT_POWER_FAILURE_COUNT.value == q["failures_any"]
            gas = read.MBUS_DEVICES[0]
            assert gas.MBUS_DEVICE_TYPE.value == 3
            assert Decimal(gas.MBUS_METER_READING.value) * 1000 == expected.mbus[0].register
            assert gas.MBUS_METER_READING.datetime == expected.mbus[0].captured_at
    assert not caplog.records
