"""Reading back after an unlock: usage, gaps, local days, replaced meters, and the trace."""

from __future__ import annotations

import sqlite3
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.history import (
    Meter,
    OpenHistory,
    Period,
    SealedHistory,
    Usage,
)
from gateway.history.queries.usage import between
from gateway.history.records.periods import midnight
from gateway.history.records.profile import Row
from gateway.p1 import Reading
from tests.history.recording import MINUTE, record, steady, unlocked
from tests.made_up import GAS_NUMBER, NOON, NUMBER, ZONE, local, reading

QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)


def imported(usages: list[Usage]) -> list[int | None]:
    return [usage.import_wh for usage in usages]


def opened_after(history: SealedHistory, *readings: Reading) -> OpenHistory:
    record(history, readings, flush_interval=HOUR)
    return unlocked(history)


def wh(at: datetime, register: int, number: str = NUMBER) -> Reading:
    return reading(at, number=number, energy_import_t1_wh=register)


def test_usage_is_the_difference_of_the_registers_at_both_ends(history: SealedHistory) -> None:
    record(history, steady(NOON, NOON + HOUR, MINUTE, watts=400), HOUR)
    opened = unlocked(history)
    quarters = opened.usage(Period.QUARTER, NOON, NOON + HOUR)
    assert imported(quarters) == [100, 100, 100, 100]
    assert [(usage.starts_at, usage.ends_at) for usage in quarters[:1]] == [(NOON, NOON + QUARTER)]
    assert all(usage.complete and not usage.simulated for usage in quarters)
    assert imported(opened.usage(Period.HOUR, NOON, NOON + HOUR)) == [400]


def test_periods_that_are_only_partly_asked_for_are_given_whole(history: SealedHistory) -> None:
    record(history, steady(NOON, NOON + HOUR, MINUTE, watts=400), HOUR)
    some = unlocked(history).usage(Period.QUARTER, NOON + 20 * MINUTE, NOON + 40 * MINUTE)
    assert [usage.starts_at for usage in some] == [NOON + QUARTER, NOON + 2 * QUARTER]
    assert imported(some) == [100, 100]


def test_a_gap_stays_a_gap_and_what_was_used_in_it_is_nobodys_guess(history: SealedHistory) -> None:
    opened = opened_after(history, wh(NOON, 1000), wh(NOON + QUARTER, 1100), wh(NOON + HOUR, 1900))
    usages = opened.usage(Period.QUARTER, NOON, NOON + HOUR)
    assert imported(usages) == [100, None, None, None]
    assert [usage.quantities for usage in usages[1:]] == [{}, {}, {}]
    assert [usage.complete for usage in usages] == [True, False, False, False]
    assert imported(opened.usage(Period.HOUR, NOON, NOON + HOUR)) == [900]


def test_a_boundary_read_late_makes_its_neighbours_incomplete(history: SealedHistory) -> None:
    late = NOON + QUARTER + 3 * MINUTE
    opened = opened_after(
        history, wh(NOON, 1000), wh(late, 1180), wh(NOON + 2 * QUARTER, 1300), wh(NOON + 3 * QUARTER, 1400)
    )
    usages = opened.usage(Period.QUARTER, NOON, NOON + 3 * QUARTER)
    assert imported(usages) == [180, 120, 100]
    assert [usage.complete for usage in usages] == [False, False, True]


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 6, 10), 24), (date(2026, 10, 25), 25)]
)
def test_a_local_day_counts_its_23_24_or_25_hours(history: SealedHistory, day: date, hours: int) -> None:
    begins, ends = midnight(day, ZONE), midnight(day + timedelta(days=1), ZONE)
    record(history, steady(begins - HOUR, ends + HOUR, QUARTER, watts=1000), timedelta(days=1))
    opened = unlocked(history)
    assert [(u.starts_at, u.ends_at, u.import_wh) for u in opened.usage(Period.DAY, begins, ends)] == [
        (begins, ends, hours * 1000)
    ]
    assert imported(opened.usage(Period.HOUR, begins, ends)) == [1000] * hours
    assert imported(opened.usage(Period.QUARTER, begins, ends)) == [250] * (4 * hours)


def test_a_register_that_falls_is_left_out_and_the_period_is_incomplete(history: SealedHistory) -> None:
    opened = opened_after(history, wh(NOON, 9000), wh(NOON + QUARTER, 50), wh(NOON + 2 * QUARTER, 80))
    usages = opened.usage(Period.QUARTER, NOON, NOON + 2 * QUARTER)
    assert imported(usages) == [None, 30]
    assert [usage.complete for usage in usages] == [False, True]


@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=8))
@settings(max_examples=40, deadline=None)
def test_no_usage_is_ever_negative(registers: list[int]) -> None:
    rows = [
        Row(NUMBER, "electricity", Period.QUARTER, at, at, {"energy_import_t1_wh": register})
        for at, register in ((NOON + n * QUARTER, register) for n, register in enumerate(registers))
    ]
    for before, after in pairwise(rows):
        used = between(before.ends_at, after.ends_at, [before], [after], lambda *_: {}).import_wh
        assert used is None or used >= 0


def test_a_replaced_meter_gives_no_negative_usage_and_either_number_opens_both(
    history: SealedHistory,
) -> None:
    record(
        history,
        [
            wh(NOON, 70_000, "E1"),
            wh(NOON + QUARTER, 70_100, "E1"),
            wh(NOON + QUARTER + MINUTE, 2, "E2"),
            wh(NOON + 2 * QUARTER, 12, "E2"),
            wh(NOON + 3 * QUARTER, 42, "E2"),
        ],
    )
    for number in ("E1", "E2"):
        opened = unlocked(history, number)
        assert opened.meters == (Meter("E1", "electricity"), Meter("E2", "electricity"))
        usages = opened.usage(Period.QUARTER, NOON, NOON + 3 * QUARTER)
        assert imported(usages) == [100, 10, 30]
        assert [usage.complete for usage in usages] == [False, True, True]  # exchanged at the first's end


def test_gas_stands_beside_electricity_in_its_own_register(history: SealedHistory) -> None:
    opened = opened_after(
        history,
        *(
            reading(NOON + n * HOUR, energy_import_t1_wh=100 * n, gas=(NOON + n * HOUR, 500 * n))
            for n in range(3)
        ),
    )
    assert opened.meters == (Meter(NUMBER, "electricity"), Meter(GAS_NUMBER, "gas"))
    assert [(u.import_wh, u.of("gas")) for u in opened.usage(Period.HOUR, NOON, NOON + 2 * HOUR)] == [
        (100, 500),
        (100, 500),
    ]


def test_a_simulated_reading_is_known_as_such_in_the_history(history: SealedHistory) -> None:
    simulated = (
        reading(NOON + n * QUARTER, model="XYZ5\\P1-SIMULATOR", energy_import_t1_wh=n) for n in range(2)
    )
    opened = opened_after(history, *simulated)
    assert [usage.simulated for usage in opened.usage(Period.QUARTER, NOON, NOON + QUARTER)] == [True]


@pytest.mark.parametrize("back", [timedelta(minutes=20), timedelta(days=30)])
def test_a_clock_set_back_takes_nothing_away_of_what_was_stored(
    history: SealedHistory, back: timedelta
) -> None:
    record(history, steady(NOON, NOON + HOUR, MINUTE, watts=400), HOUR)
    before = unlocked(history)
    shown = before.usage(Period.QUARTER, NOON, NOON + HOUR)
    blocks = list(before.trace(NOON, NOON + HOUR))
    wrong = NOON + HOUR - back
    record(history, (wh(wrong + n * MINUTE, 1_000_500 + n) for n in range(90)), HOUR)
    after = unlocked(history)
    assert after.usage(Period.QUARTER, NOON, NOON + HOUR) == shown
    assert [block for block in after.trace(NOON, NOON + HOUR) if block in blocks] == blocks
    assert after.damaged == set()


def test_the_trace_gives_every_reading_back(history: SealedHistory) -> None:
    readings = [
        reading(NOON + n * timedelta(seconds=10), power_import_w=n, power_export_w=0, voltage_l1_mv=230_000)
        for n in range(200)
    ]
    record(history, readings)
    samples = [sample for block in unlocked(history).trace(NOON, NOON + HOUR) for sample in block.samples]
    assert [sample.at for sample in samples] == [int(one.at.timestamp()) for one in readings]
    assert [sample.values[:5] for sample in samples] == [(n, 0, None, None, 230_000) for n in range(200)]


def test_history_before_and_after_a_restart_reads_as_one(history: SealedHistory) -> None:
    whole = list(steady(local("2026-06-10 21:00"), local("2026-06-11 03:00"), MINUTE, watts=600))
    for part in (whole[:100], whole[100:185], whole[185:]):
        record(history, part)
    opened = unlocked(history)
    usages = opened.usage(Period.QUARTER, whole[0].at, whole[-1].at)
    assert imported(usages) == [150] * 24
    assert all(usage.complete for usage in usages)
    samples = {
        sample.at for block in opened.trace(whole[0].at, whole[-1].at + HOUR) for sample in block.samples
    }
    assert samples == {int(one.at.timestamp()) for one in whole}


def test_what_a_wide_question_costs_follows_what_is_stored(
    history: SealedHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(history, steady(NOON, NOON + HOUR, MINUTE), HOUR)
    later = NOON + timedelta(days=400)
    record(history, steady(later, later + HOUR, MINUTE), HOUR)
    opened = unlocked(history)
    asked: list[str] = []
    connect = sqlite3.connect

    def listening(*arguments: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **named)
        connection.set_trace_callback(asked.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", listening)
    blocks = list(opened.trace(local("1990-01-01 00:00"), local("2100-01-01 00:00")))
    assert {block.starts_at for block in blocks} >= {int(NOON.timestamp()), int(later.timestamp())}
    about_blocks = [statement for statement in asked if "trace_block" in statement]
    assert len(about_blocks) <= 2 * 3 + 1  # two for each day that has any (the silence gave one), and the end
