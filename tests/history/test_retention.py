"""Retention: what is too old is gone for good, what is not stays, and a check tells the one from a theft."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RetentionRefused
from gateway.history import (
    GatewayKeys,
    HiddenFile,
    Meter,
    Period,
    Retention,
    RetentionChoice,
    SealedHistory,
)
from gateway.history.storage.rows import KeyPlace
from gateway.history.upkeep.retention import Removed, beginnings
from gateway.p1 import Reading
from tests.history.recording import look, record, steady, tamper, unlocked
from tests.made_up import GAS_NUMBER, NUMBER, ZONE, local, reading

FIRST = date(2026, 1, 1)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
ELECTRICITY = Meter(NUMBER, "electricity")
EVERYTHING = 10**6


def on(day: date) -> datetime:
    return local(f"{day} 00:00")


def days_of(count: int, every: timedelta = timedelta(hours=8), first: date = FIRST) -> Iterator[Reading]:
    """Electricity and gas for so many days."""
    at = on(first) + HOUR
    while at < on(first + count * DAY):
        used = int((at - on(FIRST)).total_seconds()) // 60
        yield reading(
            at, gas=(at, 1000 + used // 100), energy_import_t1_wh=1_000_000 + used, power_import_w=60
        )
        at += every


def keep(history: SealedHistory, retention: Retention, today: date, at_most: int = EVERYTHING) -> Removed:
    return history.keep(retention, today, int(on(today).timestamp()), at_most)


def trace_days(history: SealedHistory) -> list[date]:
    blocks = unlocked(history).trace(on(date(1990, 1, 1)), on(date(2100, 1, 1)))
    return sorted({datetime.fromtimestamp(block.starts_at, ZONE).date() for block in blocks if block.samples})


def row_days(history: SealedHistory, meter: Meter = ELECTRICITY) -> list[date]:
    rows = unlocked(history).rows(Period.DAY, on(date(1990, 1, 1)), on(date(2100, 1, 1)), meter)
    return [row.ends_at.astimezone(ZONE).date() for row in rows]


def days(first: date, last: date) -> list[date]:
    return [first + n * DAY for n in range((last - first).days + 1)]


def test_the_trace_goes_after_forty_days_and_the_profile_stays(history: SealedHistory) -> None:
    record(history, days_of(60), flush_interval=DAY)
    last = FIRST + 59 * DAY
    removed = keep(history, Retention(), last)
    assert removed == Removed(traces=38, profiles=0)  # 19 days of two meters
    assert trace_days(history) == days(last - 40 * DAY, last)
    assert row_days(history) == days(FIRST, last)
    assert not keep(history, Retention(), last)


def test_after_24_months_whole_months_of_the_profile_go_with_their_keys(
    history: SealedHistory, path: Path
) -> None:
    record(history, days_of(90, every=DAY), flush_interval=DAY)
    keep(history, Retention(profile_months=1), date(2026, 3, 20))
    assert row_days(history) == days(date(2026, 2, 1), date(2026, 3, 31))
    assert row_days(history, Meter(GAS_NUMBER, "gas"))[0] == date(2026, 2, 1)
    assert look(path, "SELECT min(day) FROM data_key") == [(date(2026, 2, 1).toordinal(),)]
    # The first month that is left begins with its own register.
    month = unlocked(history).usage(Period.MONTH, on(date(2026, 2, 1)), on(date(2026, 3, 1)))
    assert [usage.import_wh for usage in month] == [28 * 1440]


def test_what_was_measured_before_the_contract_began_goes_too(history: SealedHistory) -> None:
    record(history, days_of(30), flush_interval=DAY)
    keep(history, Retention(contract_start=date(2026, 1, 20)), date(2026, 1, 30))
    assert row_days(history)[0] == date(2026, 1, 20)
    assert trace_days(history)[0] == date(2026, 1, 20)


def test_a_check_finds_the_history_whole_and_names_what_the_retention_removed(history: SealedHistory) -> None:
    record(history, days_of(90), flush_interval=DAY)
    keep(history, Retention(profile_months=1), date(2026, 3, 31))
    report = history.verify()
    assert report.findings == ()
    assert any("everything before 2026-02-01" in told for told in report.removed)
    assert any("the trace of 2026-02-01 to 2026-02-18" in told for told in report.removed)
    assert len(report.removed) == 4  # two sentences for each of two meters
    assert history.verify_content(NUMBER, "correct horse battery").findings == ()
    record(history, days_of(2, first=date(2026, 4, 1)), flush_interval=DAY)
    assert history.verify().findings == ()
    assert history.older_copy() is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE first_kept SET data_key_id = data_key_id + 2",
        "UPDATE data_key SET trace_removed_at = trace_removed_at + 1 WHERE trace_removed_at IS NOT NULL",
        "DELETE FROM data_key WHERE id = (SELECT min(id) FROM data_key)",
        "DELETE FROM first_kept",
    ],
)
def test_a_theft_cannot_be_made_to_look_like_retention(
    history: SealedHistory, path: Path, statement: str
) -> None:
    record(history, days_of(90), flush_interval=DAY)
    keep(history, Retention(profile_months=1), date(2026, 3, 31))
    tamper(path, statement)
    assert history.verify().findings


def test_no_byte_of_what_was_removed_is_left_in_any_file(history: SealedHistory, path: Path) -> None:
    record(history, days_of(60), flush_interval=DAY)
    old = on(date(2026, 1, 15)).timestamp()
    before = look(path, "SELECT sealed FROM trace_block WHERE starts_at < ?", old)
    before += look(
        path, "SELECT sealed FROM profile_row WHERE ends_at < ?", on(date(2026, 1, 10)).timestamp()
    )
    before += look(path, "SELECT sealed FROM data_key WHERE day < ?", date(2026, 1, 10).toordinal())
    retention = Retention(trace_days=20, contract_start=date(2026, 2, 1))
    keep(history, retention, date(2026, 2, 20))
    left = b"".join(file.read_bytes() for file in path.parent.rglob("*") if file.is_file())
    assert len(before) > 500
    for (sealed,) in before:
        assert sealed not in left
        assert sealed[len(sealed) // 2 :][:32] not in left


def test_it_goes_on_where_it_stopped_a_few_data_keys_at_a_time(history: SealedHistory) -> None:
    record(history, days_of(60), flush_interval=DAY)
    turns = 0
    while keep(history, Retention(), FIRST + 59 * DAY, at_most=8):
        turns += 1
    assert turns == 5  # 38 of them
    assert len(trace_days(history)) == 41


def test_what_the_recorder_still_writes_under_is_never_removed(history: SealedHistory) -> None:
    batches: list[Any] = []
    recorder = history.recorder(batches.append, DAY)
    for one in days_of(3):
        recorder.record(one)
    writing = history.writer_thread(lambda fault: pytest.fail(str(fault)))
    history.start(writing)
    for batch in batches:
        writing.submit(batch)
    writing.drain()
    keep(history, Retention(), FIRST + 5000 * DAY)  # a clock gone mad
    for one in days_of(1, first=FIRST + 3 * DAY):
        recorder.record(one)
    recorder.flush(on(FIRST + 4 * DAY))
    writing.submit(batches[-1])
    writing.stop()
    assert history.verify().findings == ()
    assert row_days(history)[-1] == FIRST + 2 * DAY


def test_a_meter_that_went_long_ago_is_forgotten_and_that_is_no_theft(
    history: SealedHistory, path: Path
) -> None:
    record(history, steady(on(FIRST), on(FIRST + 5 * DAY), 8 * HOUR), flush_interval=DAY)
    other = (
        reading(on(FIRST) + n * DAY, number="E0009999999999999", energy_import_t1_wh=n) for n in range(6, 500)
    )
    record(history, other, flush_interval=DAY)
    keep(history, Retention(profile_months=12), FIRST + 499 * DAY)
    assert look(path, "SELECT count(DISTINCT meter_tag) FROM data_key") == [(1,)]
    assert history.verify().findings == ()
    assert history.older_copy() is None


def test_a_day_that_a_wrong_clock_made_up_holds_up_nothing(history: SealedHistory) -> None:
    record(history, days_of(5), flush_interval=DAY)
    record(history, [reading(on(date(2089, 1, 1)), energy_import_t1_wh=1_008_000)], flush_interval=DAY)
    record(history, days_of(60, first=FIRST + 6 * DAY), flush_interval=DAY)
    keep(history, Retention(trace_days=10, profile_months=1), date(2026, 3, 6))
    assert row_days(history)[0] == date(2026, 2, 1)
    assert history.verify().findings == ()


def test_the_history_never_takes_more_than_its_budget_and_the_oldest_trace_goes_first(
    history: SealedHistory, path: Path
) -> None:
    record(history, (reading(on(FIRST) + timedelta(seconds=n), **ALL_COLUMNS) for n in range(60)))
    budget = Retention(max_size_mb=16)
    largest = 0
    day, removed = FIRST, Removed()
    while day < FIRST + 55 * DAY:  # 96 blocks of 4 KB a day: 21 MB
        record(history, days_of(5, every=12 * HOUR, first=day), flush_interval=DAY)
        day += 5 * DAY
        removed += keep(history, budget, day - DAY)
        largest = max(largest, *(file.stat().st_size for file in path.parent.iterdir()))
    assert largest <= 16_000_000
    assert removed.for_room == removed.traces > 0
    assert removed.last_day is not None
    assert trace_days(history) == days(removed.last_day + DAY, day - DAY)
    assert row_days(history) == days(FIRST, day - DAY)
    assert history.verify().findings == ()


ALL_COLUMNS: dict[str, Any] = {
    f"{what}_{phase}_{unit}": 1000
    for phase in ("l1", "l2", "l3")
    for what, unit in (("power_import", "w"), ("voltage", "mv"), ("current", "ma"))
}


@given(
    st.lists(st.tuples(st.sampled_from([b"a", b"b"]), st.integers(1, 40)), max_size=30), st.integers(1, 40)
)
def test_only_the_beginning_of_a_meters_chain_goes(made: list[tuple[bytes, int]], before: int) -> None:
    today = 30
    keys = [KeyPlace(number, tag, day, True) for number, (tag, day) in enumerate(made, start=1)]
    gone = beginnings(keys, before, today)
    for tag in (b"a", b"b"):
        of_meter = [key for key in keys if key.meter_tag == tag]
        removed = [key for key in gone if key.meter_tag == tag]
        assert removed == of_meter[: len(removed)]
        assert all(key.day < before or key.day > today + 1 for key in removed)
        left = of_meter[len(removed) :]
        assert not left or left[0].day >= before


@pytest.mark.parametrize(
    "wrong", [{"trace_days": 0}, {"profile_months": 121}, {"max_size_mb": 15}, {"trace_days": -3}]
)
def test_what_cannot_be_chosen_is_refused_and_nothing_is_changed(
    tmp_path: Path, keys: GatewayKeys, wrong: dict[str, int]
) -> None:
    choice = RetentionChoice(HiddenFile(tmp_path / "hidden" / "retention", keys.secret), Retention())
    choice.choose(trace_days=7)
    with pytest.raises(RetentionRefused, match="not"):
        choice.choose(**wrong)
    assert choice.load() == Retention(trace_days=7)


def test_what_the_owner_chose_counts_and_the_rest_follows_the_configuration(
    tmp_path: Path, keys: GatewayKeys
) -> None:
    file = HiddenFile(tmp_path / "hidden" / "retention", keys.secret)
    RetentionChoice(file, Retention()).choose(contract_start="2026-02-03")
    assert RetentionChoice(file, Retention(trace_days=9)).load() == Retention(
        9, contract_start=date(2026, 2, 3)
    )
    RetentionChoice(file, Retention()).choose(contract_start=None)
    assert RetentionChoice(file, Retention()).load() == Retention()
