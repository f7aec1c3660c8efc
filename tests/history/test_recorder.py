"""The recorder: which rows a stream of readings completes. No disk, no keys."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.history import (
    Meter,
    Period,
    Recorder,
    Row,
)
from gateway.history.recording.writer import Batch
from gateway.p1 import MBusReading, Reading
from tests.history.recording import MINUTE, rows_of, steady
from tests.made_up import GAS_NUMBER, NOON, NUMBER, ZONE, local, reading, utc

QUARTER = timedelta(minutes=15)


def ends(rows: list[Row], period: Period) -> list[datetime]:
    return [row.ends_at for row in rows if row.period is period]


def at_home(at: datetime, wh: int, **more: Any) -> Reading:
    return reading(at, energy_import_t1_wh=wh, power_import_w=500, **more)


def test_rows_come_at_the_end_of_each_quarter_hour_day_and_month() -> None:
    first, midnight = local("2026-01-31 23:40"), local("2026-02-01 00:00")
    rows = rows_of(steady(first, midnight + 2 * MINUTE, MINUTE, watts=600))
    completed = [(row.period, row.ends_at) for row in rows if row.read_at > first]
    assert completed == [
        (Period.QUARTER, midnight - QUARTER),
        (Period.QUARTER, midnight),
        (Period.HOUR, midnight),
        (Period.DAY, midnight),
        (Period.MONTH, midnight),
    ]
    assert {row.quantities["energy_import_t1_wh"] for row in rows if row.ends_at == midnight} == {1_000_200}


def test_the_first_reading_gives_the_starting_point_with_its_true_time() -> None:
    first = local("2026-06-10 09:07:30")
    rows = rows_of([at_home(first, 7)])
    assert [(row.period, row.ends_at) for row in rows] == [
        (Period.QUARTER, local("2026-06-10 09:00")),
        (Period.HOUR, local("2026-06-10 09:00")),
        (Period.DAY, local("2026-06-10 00:00")),
        (Period.MONTH, local("2026-06-01 00:00")),
    ]
    assert {row.read_at for row in rows} == {first}


def test_a_late_boundary_is_recorded_with_its_true_time() -> None:
    rows = rows_of([at_home(NOON - MINUTE, 1), at_home(NOON + timedelta(seconds=200), 2)])
    late = [row for row in rows if row.ends_at == NOON]
    assert {row.period for row in late} == {Period.QUARTER, Period.HOUR}
    assert {row.read_at for row in late} == {NOON + timedelta(seconds=200)}


def test_a_silence_completes_only_the_period_in_which_it_ends() -> None:
    rows = rows_of([at_home(NOON, 1), at_home(NOON + timedelta(hours=2, minutes=40), 9)])
    assert ends(rows, Period.QUARTER) == [NOON, NOON + timedelta(hours=2, minutes=30)]
    assert ends(rows, Period.HOUR) == [NOON, NOON + timedelta(hours=2)]
    assert "demand_w" not in rows[-1].quantities  # nothing is known of the quarter before


def test_each_boundary_gives_one_row_however_often_the_meter_speaks() -> None:
    rows = rows_of(steady(NOON, NOON + timedelta(hours=2), timedelta(seconds=10)))
    assert ends(rows, Period.QUARTER) == [NOON + n * QUARTER for n in range(9)]
    assert ends(rows, Period.HOUR) == [NOON + timedelta(hours=n) for n in range(3)]


def test_the_demand_is_the_average_import_of_the_period() -> None:
    rows = rows_of(steady(NOON, NOON + timedelta(hours=1), MINUTE, watts=1200))
    quarters = [row.quantities.get("demand_w") for row in rows if row.period is Period.QUARTER]
    assert quarters == [None, 1200, 1200, 1200, 1200]
    assert rows[-1].period is Period.HOUR
    assert rows[-1].quantities["demand_w"] == 1200


def test_the_highest_and_lowest_power_are_those_of_the_whole_period() -> None:
    powers = {0: 500, 5: 90, 20: 3000, 35: 400, 50: 700, 60: 1, 65: 2, 75: 9}
    rows = rows_of(
        reading(NOON + minute * MINUTE, power_import_w=watts, power_export_w=0)
        for minute, watts in powers.items()
    )

    def range_of(period: Period, ends_at: datetime) -> tuple[int, int]:
        row = next(row for row in rows if (row.period, row.ends_at) == (period, ends_at))
        return row.quantities["power_import_min_w"], row.quantities["power_import_max_w"]

    assert range_of(Period.QUARTER, NOON + 15 * MINUTE) == (90, 500)
    assert range_of(Period.HOUR, NOON + 60 * MINUTE) == (90, 3000)
    assert range_of(Period.QUARTER, NOON + 75 * MINUTE) == (1, 2)


def test_gas_counts_by_its_own_time_and_once_for_each_capture() -> None:
    captured = {NOON - timedelta(hours=1): 5000, NOON: 5200}
    rows = rows_of(
        reading(NOON + second * timedelta(seconds=1), energy_import_t1_wh=1, gas=gas)
        for second, gas in enumerate(gas for gas in captured.items() for _ in range(30))
    )
    gas_rows = [row for row in rows if row.commodity == "gas"]
    assert {row.meter_number for row in gas_rows} == {GAS_NUMBER}
    hourly = [
        (row.ends_at, row.read_at, dict(row.quantities)) for row in gas_rows if row.period is Period.HOUR
    ]
    assert hourly == [(at, at, {"gas_litre": litre}) for at, litre in captured.items()]


def test_a_register_that_falls_gives_no_negative_demand() -> None:
    rows = rows_of([at_home(NOON, 5000), at_home(NOON + QUARTER, 100), at_home(NOON + 2 * QUARTER, 350)])
    demands = [row.quantities.get("demand_w") for row in rows if row.period is Period.QUARTER]
    assert demands == [None, None, 1000]


def test_a_new_meter_begins_its_own_rows() -> None:
    rows = rows_of([at_home(NOON, 9000), at_home(NOON + QUARTER, 3, number="E999")])
    new = [row for row in rows if row.meter_number == "E999"]
    assert {row.period for row in new} == set(Period)
    assert {row.quantities["energy_import_t1_wh"] for row in new} == {3}
    assert not any("demand_w" in row.quantities for row in new)


def test_a_telegram_without_a_meter_number_is_not_recorded() -> None:
    batches: list[Batch] = []
    recorder = Recorder(batches.append, ZONE, MINUTE)
    assert recorder.record(reading(NOON, number=None, energy_import_t1_wh=5)) == []
    assert (batches, recorder.meters) == ([], ())


def test_the_household_s_meters_are_noted_as_they_appear() -> None:
    batches: list[Batch] = []
    recorder = Recorder(batches.append, ZONE, MINUTE)
    recorder.record(at_home(NOON, 1))
    recorder.record(at_home(NOON + MINUTE, 1, gas=(NOON, 7)))
    recorder.record(at_home(NOON + 2 * MINUTE, 1, gas=(NOON, 7)))
    electricity, gas = Meter(NUMBER, "electricity"), Meter(GAS_NUMBER, "gas")
    assert [batch.meters for batch in batches if batch.meters] == [(electricity,), (electricity, gas)]


@pytest.mark.parametrize("back", [timedelta(seconds=1), timedelta(minutes=20), timedelta(hours=1)])
def test_a_clock_set_back_a_little_repeats_no_row(back: timedelta) -> None:
    before = list(steady(NOON, NOON + timedelta(hours=2), MINUTE))
    after = [at_home(before[-1].at - back + n * MINUTE, 1_000_900 + n) for n in range(120)]
    rows = rows_of([*before, *after])
    assert ends(rows, Period.QUARTER) == sorted(set(ends(rows, Period.QUARTER)))
    assert ends(rows, Period.HOUR) == sorted(set(ends(rows, Period.HOUR)))


def test_a_clock_set_back_a_lot_begins_anew() -> None:
    rows = rows_of([at_home(NOON, 5000), at_home(NOON - timedelta(days=400), 5010)])
    anew = rows[4:]
    assert [row.period for row in anew] == list(Period)
    assert {row.read_at for row in anew} == {NOON - timedelta(days=400)}


@pytest.mark.parametrize("back", [1, 14, 40, 60, 61, 68, 75, 76, 200])
def test_after_a_clock_was_set_back_the_trace_goes_on_with_the_profile(back: int) -> None:
    batches: list[Batch] = []
    recorder = Recorder(batches.append, ZONE, timedelta(seconds=1))
    set_back_at, written = NOON + 125 * MINUTE, (NOON + 120 * MINUTE).timestamp()
    for n in range(125):
        recorder.record(at_home(NOON + n * MINUTE, n))
    before = len(batches)
    for n in range(300):
        recorder.record(at_home(set_back_at + (n - 1 - back) * MINUTE, 125 + n))
    quarters = [quarter for batch in batches[before:] for quarter in batch.trace]
    kept = {sample.at for quarter in quarters for sample in quarter.samples}
    again = {int((set_back_at + n * MINUTE).timestamp()) for n in range(-1 - back, 0)}
    after = {int((set_back_at + n * MINUTE).timestamp()) for n in range(299 - back)}
    assert after <= kept
    if back > 60:  # the profile begins anew
        assert again <= kept
    else:
        assert min(quarter.starts_at for quarter in quarters) == written


def test_trace_quarters_follow_each_other_through_a_silence() -> None:
    batches: list[Batch] = []
    recorder = Recorder(batches.append, ZONE, MINUTE)
    recorder.record(at_home(NOON, 1))
    recorder.record(at_home(NOON + timedelta(hours=1), 2))
    last = batches[-1].trace
    assert [quarter.starts_at - int(NOON.timestamp()) for quarter in last] == [0, 900, 1800, 2700, 3600]
    assert [len(quarter.samples) for quarter in last] == [1, 0, 0, 0, 1]


def test_the_running_quarter_is_handed_over_at_each_flush_interval() -> None:
    batches: list[Batch] = []
    recorder = Recorder(batches.append, ZONE, MINUTE)
    for second in range(0, 181, 10):
        recorder.record(at_home(NOON + timedelta(seconds=second), 1))
    assert [len(batch.trace[-1].samples) for batch in batches] == [1, 7, 13, 19]


def test_usage_today_counts_from_local_midnight() -> None:
    recorder = Recorder(lambda _: None, ZONE, MINUTE)
    for at, wh in (("2026-06-09 23:59", 100), ("2026-06-10 00:00", 150), ("2026-06-10 08:00", 1150)):
        recorder.record(at_home(local(at), wh))
    assert recorder.usage_today() == {"energy_import_t1_wh": 1000}


def test_usage_today_holds_no_gas_of_yesterday() -> None:
    recorder = Recorder(lambda _: None, ZONE, MINUTE)
    yesterday, midnight = local("2026-06-09 00:00"), local("2026-06-10 00:00")
    recorder.record(at_home(yesterday, 100, gas=(yesterday, 1000)))
    recorder.record(at_home(midnight, 900, gas=(midnight - timedelta(hours=1), 4000)))
    assert recorder.usage_today() == {"energy_import_t1_wh": 0}
    recorder.record(at_home(midnight + MINUTE, 901, gas=(midnight, 4100)))
    recorder.record(at_home(midnight + 61 * MINUTE, 905, gas=(midnight + timedelta(hours=1), 4150)))
    assert recorder.usage_today() == {"energy_import_t1_wh": 5, "gas_litre": 50}


def uninterrupted() -> list[Reading]:
    """Three hours around a midnight and a month's end, with gas, a silence and odd seconds."""
    first = utc("2026-06-30 21:03:20")
    return [
        at_home(
            first + n * timedelta(seconds=97), 1000 + 7 * n, gas=(first + n // 4 * 5 * MINUTE, 50 + n // 4)
        )
        for n in range(110)
        if not 30 < n < 45
    ]


@given(st.integers(1, len(uninterrupted()) - 1))
@settings(max_examples=30, deadline=None)
def test_a_restart_loses_and_doubles_no_boundary(stopped_after: int) -> None:
    readings = uninterrupted()
    batches: list[Batch] = []
    before = Recorder(batches.append, ZONE, MINUTE)
    rows = [row for one in readings[:stopped_after] for row in before.record(one)]
    before.flush(readings[stopped_after - 1].at)
    memory = json.loads(json.dumps(batches[-1].memory))
    after = Recorder(batches.append, ZONE, MINUTE, memory)
    assert after.meters == before.meters
    rows += [row for one in readings[stopped_after:] for row in after.record(one)]
    assert rows == rows_of(readings)


def test_a_restart_after_a_crash_goes_on_from_the_last_batch() -> None:
    """What was said since the last batch is unknown: a row already on disk is not written again."""
    readings = uninterrupted()
    batches: list[Batch] = []
    before = Recorder(batches.append, ZONE, timedelta(hours=1))
    rows = [row for one in readings[:60] for row in before.record(one)]
    after = Recorder(batches.append, ZONE, MINUTE, batches[-1].memory)
    rows += [row for one in readings[60:] for row in after.record(one)]
    whole = rows_of(readings)
    assert [(row.period, row.ends_at) for row in rows] == [(row.period, row.ends_at) for row in whole]
    assert [row.read_at for row in rows] == [row.read_at for row in whole]


def test_the_rows_of_one_meter_come_in_order() -> None:
    rows = sorted(rows_of(uninterrupted()), key=lambda row: (row.meter_number, row.period))
    for _, group in groupby(rows, key=lambda row: (row.meter_number, row.period)):
        found = [row.ends_at for row in group]
        assert found == sorted(set(found))


def test_usage_today_adds_up_over_a_meter_and_the_one_that_replaced_it() -> None:
    recorder = Recorder(lambda _: None, ZONE, MINUTE)
    for at, wh, number in (
        ("2026-06-10 00:00", 100, "E1"),
        ("2026-06-10 09:00", 400, "E1"),
        ("2026-06-10 10:00", 5, "E2"),
        ("2026-06-10 11:00", 25, "E2"),
    ):
        recorder.record(at_home(local(at), wh, number=number))
    assert recorder.usage_today() == {"energy_import_t1_wh": 320}


def test_two_registers_of_one_device_stand_in_its_rows_together() -> None:
    """A heat meter states its energy and its volume under one number."""

    def heat(at: datetime, kj: int, litre: int) -> tuple[MBusReading, ...]:
        registers = (("heat", kj), ("heat_volume", litre))
        return tuple(MBusReading(1, name, "H1", at, register) for name, register in registers)

    steps = ((NOON - MINUTE, 1000), (NOON + MINUTE, 1001))
    rows = rows_of([replace(at_home(at, wh), mbus=heat(at, wh, 2 * wh)) for at, wh in steps])
    hourly = [row for row in rows if row.ends_at == NOON and row.period is Period.HOUR]
    assert [(row.meter_number, row.commodity, dict(row.quantities)) for row in hourly][1:] == [
        ("H1", "heat", {"heat_kj": 1001, "heat_volume_litre": 2002}),
    ]
