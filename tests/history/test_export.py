"""Export: what a spreadsheet or another program reads."""

from __future__ import annotations

import csv
import json
import tracemalloc
from datetime import date, timedelta
from typing import Any

import pytest

from gateway.history import OpenHistory, SealedHistory, Span
from gateway.history.queries.export import (
    Export,
    of_curve,
    of_trace,
    of_usage,
    shown,
)
from gateway.p1 import Reading
from tests.history.recording import MINUTE, record, steady, unlocked
from tests.made_up import GAS_NUMBER, NOON, local, reading

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def as_csv(export: Export) -> list[dict[str, str]]:
    return list(csv.DictReader(export.csv_lines()))


def as_json(export: Export) -> list[dict[str, Any]]:
    return [json.loads(line) for line in export.json_lines()]


@pytest.fixture
def opened(history: SealedHistory) -> OpenHistory:
    """Twelve hours at 400 W, six of silence, and a gas meter."""
    readings: list[Reading] = list(steady(NOON, NOON + 12 * HOUR, MINUTE, watts=400))
    readings += [reading(NOON, gas=(NOON, 5000)), reading(NOON + 11 * HOUR, gas=(NOON + 11 * HOUR, 5250))]
    readings += list(steady(NOON + 18 * HOUR, NOON + 20 * HOUR, MINUTE, watts=400))
    record(history, sorted(readings, key=lambda one: one.at), HOUR)
    return unlocked(history)


def test_usage_has_its_totals_and_each_register_of_the_home_with_units_in_their_names(
    opened: OpenHistory,
) -> None:
    lines = as_csv(of_usage(opened, Span.HOUR, NOON, NOON + 2 * HOUR))
    assert list(lines[0]) == [
        "starts_at", "ends_at", "import_kwh", "export_kwh", "import_t1_kwh", "gas_m3",
        "complete", "simulated",
    ]  # fmt: skip
    assert lines[0]["starts_at"] == "2026-06-10T14:00:00+02:00"
    assert lines[0]["import_kwh"] == lines[0]["import_t1_kwh"] == "0.4"
    assert lines[0]["export_kwh"] == ""
    assert lines[0]["complete"] == "True"


def test_what_is_not_known_is_an_empty_field_or_null_and_nought_is_not(opened: OpenHistory) -> None:
    silent = as_json(of_usage(opened, Span.HOUR, NOON + 13 * HOUR, NOON + 14 * HOUR))[0]
    assert (silent["import_kwh"], silent["gas_m3"], silent["complete"]) == (None, None, False)
    assert as_csv(of_usage(opened, Span.HOUR, NOON + 13 * HOUR, NOON + 14 * HOUR))[0]["import_kwh"] == ""


@pytest.mark.parametrize("span", list(Span))
def test_every_span_can_be_exported_and_each_period_is_there_once(opened: OpenHistory, span: Span) -> None:
    starts = [line["starts_at"] for line in as_json(of_usage(opened, span, NOON - 40 * DAY, NOON + DAY))]
    assert starts == sorted(set(starts), key=starts.index)
    assert len(starts) == {
        "quarter": 41 * 96, "hour": 41 * 24, "day": 42, "week": 7, "month": 2, "year": 1
    }[span.value]  # fmt: skip


def test_the_trace_has_every_reading_with_volts_and_amperes(history: SealedHistory) -> None:
    made = [
        reading(NOON + n * SECOND, power_import_w=n, voltage_l1_mv=230_100, current_l1_ma=1_500)
        for n in range(90)
    ]
    record(history, made)
    lines = as_json(of_trace(unlocked(history), NOON + 10 * SECOND, NOON + 80 * SECOND))
    assert [line["power_import_w"] for line in lines] == list(range(10, 80))
    assert lines[0]["at"] == "2026-06-10T14:00:10+02:00"
    assert (lines[0]["voltage_l1_v"], lines[0]["current_l1_a"], lines[0]["voltage_l2_v"]) == (
        230.1,
        1.5,
        None,
    )


@pytest.mark.parametrize("step_s", [1, 60, 300])
def test_the_curve_has_mean_lowest_and_highest_and_missing_stretches_as_missing(
    history: SealedHistory, step_s: int
) -> None:
    made = [
        reading(NOON + n * SECOND, power_import_w=100 + n % 60, power_export_w=0)
        for n in range(1200)
        if n < 600
    ] + [reading(NOON + n * SECOND, power_import_w=0, power_export_w=500) for n in range(900, 1200)]
    record(history, made)
    lines = as_json(of_curve(unlocked(history), step_s, NOON, NOON + 1200 * SECOND))
    assert len(lines) == 1200 // step_s
    powers = {"1": (100, 100, 100), "60": (130, 100, 159), "300": (130, 100, 159)}[str(step_s)]
    assert tuple(lines[0][name] for name in ("net_power_w", "lowest_w", "highest_w")) == powers
    assert {line["net_power_w"] for line in lines[600 // step_s : 900 // step_s]} == {None}
    assert {line["net_power_w"] for line in lines[900 // step_s :]} == {-500}


def test_a_day_of_25_hours_and_a_year_are_whole(history: SealedHistory) -> None:
    begins = local("2026-10-25 00:00")
    record(history, steady(begins, begins + 25 * HOUR, HOUR, watts=1000), DAY)
    opened = unlocked(history)
    (day,) = as_json(of_usage(opened, Span.DAY, begins, begins + 25 * HOUR))
    assert (day["import_kwh"], day["ends_at"]) == (25.0, "2026-10-26T00:00:00+01:00")
    assert len(as_json(of_curve(opened, 3600, begins, begins + 25 * HOUR))) == 25


def test_a_long_export_takes_no_more_memory_than_a_short_one(history: SealedHistory) -> None:
    record(
        history, (one for n in range(20) for one in steady(NOON + n * DAY, NOON + n * DAY + HOUR, SECOND * 5))
    )
    opened = unlocked(history)
    peaks = []
    for days in (2, 2, 20):  # the first one fills what is kept of keys and code
        tracemalloc.start()
        count = sum(1 for _ in of_trace(opened, NOON, NOON + days * DAY).csv_lines())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert count > 14_000
    assert peaks[2] < 1.5 * peaks[1]


def test_nothing_to_export_is_a_header_alone(opened: OpenHistory) -> None:
    assert len(list(of_trace(opened, NOON - 10 * DAY, NOON - 9 * DAY).csv_lines())) == 1
    assert list(of_trace(opened, NOON - 10 * DAY, NOON - 9 * DAY).json_lines()) == []


def test_a_name_says_its_unit() -> None:
    names = (
        "energy_import_t1_wh",
        "gas_litre",
        "heat_kj",
        "reactive_energy_q1_varh",
        "voltage_l1_mv",
        "tariff",
    )
    assert [shown(name) for name in names] == [
        ("import_t1_kwh", 1000), ("gas_m3", 1000), ("heat_gj", 1_000_000), ("reactive_energy_q1_kvarh", 1000),
        ("voltage_l1_v", 1000), ("tariff", 1),
    ]  # fmt: skip


def test_a_statement_has_the_registers_of_all_meters_at_the_days_beginning_or_the_next_reading(
    history: SealedHistory,
) -> None:
    begins = local("2026-06-11 00:00")
    for at, wh, litres in ((NOON, 1000, 50), (begins, 2500, 60), (begins + 3 * DAY, 9000, 90)):
        record(history, [reading(at, energy_import_t1_wh=wh, gas=(at, litres))])
    opened = unlocked(history)
    rows = opened.registers(date(2026, 6, 12))
    assert [(row.meter_number, *row.quantities.values()) for row in rows if row.commodity == "gas"] == [
        (GAS_NUMBER, 90)
    ]
    on_the_day = {row.commodity: row for row in opened.registers(date(2026, 6, 11))}
    assert on_the_day["electricity"].quantities["energy_import_t1_wh"] == 2500
    assert on_the_day["electricity"].read_at == begins
    assert opened.registers(NOON.date() + 90 * DAY) == []
