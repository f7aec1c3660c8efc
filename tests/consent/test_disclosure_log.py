"""The disclosure log: what each recipient was sent, counted for the owner."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.consent import (
    Category,
    Disclosure,
    DisclosureLog,
    Gap,
    Granularity,
    Sent,
)
from gateway.history import DeviceKey, HiddenFile
from tests.made_up import NOON, Clock


def sent(*categories: Category, to: str = "c1") -> Disclosure:
    return Disclosure(
        consent_id=to,
        granularity=Granularity.LIVE,
        at=NOON,
        quantities={"power_import_w": 31_337},
        devices=(),
        meter_number=None,
        model=None,
        categories=frozenset(categories),
        simulated=False,
    )


@pytest.fixture
def slot(tmp_path: Path, device_key: DeviceKey) -> HiddenFile:
    return HiddenFile(tmp_path / "hidden" / "disclosures", device_key)


@pytest.fixture
def start(slot: HiddenFile, clock: Clock) -> Callable[[], DisclosureLog]:
    return lambda: DisclosureLog(slot, clock)


def test_messages_are_counted_per_day_and_category_the_newest_day_first(
    start: Callable[[], DisclosureLog], clock: Clock
) -> None:
    log = start()
    log.note(sent(Category.POWER, Category.GAS))
    log.note(sent(Category.POWER))
    clock.pass_by(days=1)
    log.note(sent(Category.GAS))
    log.note(sent(Category.POWER, to="c2"))
    first, second = NOON.date(), NOON.date() + timedelta(days=1)
    assert log.of("c1") == [
        Sent(second, Category.GAS, 1),
        Sent(first, Category.GAS, 1),
        Sent(first, Category.POWER, 2),
    ]
    assert log.of("c2") == [Sent(second, Category.POWER, 1)]
    assert log.of("c3") == []
    assert (log.last_sent("c1"), log.last_sent("c3")) == (clock.now, None)


def test_the_counts_survive_a_restart(start: Callable[[], DisclosureLog], clock: Clock) -> None:
    log = start()
    log.note(sent(Category.POWER))
    log.save()
    clock.pass_by(hours=1)
    again = start()
    again.note(sent(Category.POWER))
    assert again.of("c1") == [Sent(NOON.date(), Category.POWER, 2)]
    assert again.last_sent("c1") == clock.now


def test_a_power_cut_costs_at_most_a_minute_of_counts(
    start: Callable[[], DisclosureLog], clock: Clock
) -> None:
    log = start()
    for _ in range(12):
        log.note(sent(Category.POWER))
        clock.pass_by(seconds=10)
    (kept,) = start().of("c1")
    assert kept.messages == 7  # of the first sixty seconds, and the one that came then


# --- an end that was not orderly ---------------------------------------------------------------


@pytest.fixture
def page(tmp_path: Path, device_key: DeviceKey) -> HiddenFile:
    return HiddenFile(tmp_path / "hidden" / "disclosures-since", device_key)


@pytest.fixture
def start_paged(slot: HiddenFile, page: HiddenFile, clock: Clock) -> Callable[[], DisclosureLog]:
    """As the daemon starts it; what was started before is dead by then, without a goodbye."""
    return lambda: DisclosureLog(slot, clock, page)


@pytest.mark.parametrize("seconds", [0, 1, 30, 59, 60, 61, 200])
def test_a_process_that_is_killed_loses_no_count_and_the_gap_is_marked(
    start_paged: Callable[[], DisclosureLog], clock: Clock, seconds: int
) -> None:
    log = start_paged()
    for _ in range(seconds + 1):
        log.note(sent(Category.POWER))
        clock.pass_by(seconds=1)
    last = clock.now - timedelta(seconds=1)
    clock.pass_by(minutes=5)
    again = start_paged()
    assert again.of("c1") == [Sent(NOON.date(), Category.POWER, seconds + 1)]
    assert again.last_sent("c1") == last
    assert again.gaps() == [Gap(last, clock.now)]
    again.close()
    assert start_paged().gaps() == [Gap(last, clock.now)]  # told until it is old, and once


def test_an_orderly_end_leaves_no_gap(start_paged: Callable[[], DisclosureLog], clock: Clock) -> None:
    for n in range(3):
        log = start_paged()
        assert log.of("c1") == ([Sent(NOON.date(), Category.POWER, n)] if n else [])
        log.note(sent(Category.POWER))
        clock.pass_by(minutes=1)
        log.close()
    assert start_paged().gaps() == []


def test_killed_at_any_write_no_count_is_taken_twice(
    slot: HiddenFile, page: HiddenFile, clock: Clock, start_paged: Callable[[], DisclosureLog]
) -> None:
    log = start_paged()
    log.note(sent(Category.POWER))
    before = page.load()
    log.save()  # and killed before the page was begun anew
    page.overwrite(before or b"")
    assert start_paged().of("c1") == [Sent(NOON.date(), Category.POWER, 1)]


def test_a_page_that_a_power_cut_damaged_is_a_gap_since_the_last_save(
    start_paged: Callable[[], DisclosureLog], clock: Clock, tmp_path: Path
) -> None:
    log = start_paged()
    log.note(sent(Category.POWER))
    log.save()
    saved_at = clock.now
    clock.pass_by(seconds=20)
    log.note(sent(Category.POWER))
    path = tmp_path / "hidden" / "disclosures-since"
    path.write_bytes(path.read_bytes()[:2000] + bytes(2028))
    again = start_paged()
    assert again.of("c1") == [Sent(NOON.date(), Category.POWER, 1)]
    assert again.gaps() == [Gap(saved_at, clock.now)]


def test_a_gap_is_narrow_also_after_a_quiet_time(
    start_paged: Callable[[], DisclosureLog], clock: Clock
) -> None:
    log = start_paged()
    log.note(sent(Category.POWER))
    for _ in range(720):
        clock.pass_by(seconds=5)
        log.mark_time()
    clock.pass_by(seconds=40)
    (gap,) = start_paged().gaps()
    assert clock.now - gap.begins_at <= timedelta(seconds=100)


def test_the_pages_size_tells_nothing(
    start_paged: Callable[[], DisclosureLog], tmp_path: Path, clock: Clock
) -> None:
    path = tmp_path / "hidden" / "disclosures-since"
    log = start_paged()
    sizes = {path.stat().st_size}
    for n in range(500):
        log.note(sent(*Category, to=f"c{n % 50:016x}"))
        sizes.add(path.stat().st_size)
    assert len(sizes) == 1
    assert sizes.pop() <= 4096  # written in one piece


def test_more_recipients_than_the_page_holds_are_saved_at_once(
    start_paged: Callable[[], DisclosureLog],
) -> None:
    log = start_paged()
    chance = random.Random(1)
    names = [f"c{chance.getrandbits(64):016x}" for _ in range(300)]
    for name in names:
        log.note(sent(*Category, to=name))
    again = start_paged()
    assert all(len(again.of(name)) == len(Category) for name in names)


def test_what_an_older_version_counted_goes_on_without_a_gap(
    slot: HiddenFile, start_paged: Callable[[], DisclosureLog]
) -> None:
    slot.save(json.dumps({"counts": {"c1": {"2026-06-10": {"power": 4}}}, "last": {}}).encode())
    log = start_paged()
    assert log.of("c1") == [Sent(NOON.date(), Category.POWER, 4)]
    assert log.gaps() == []


def test_counts_older_than_the_longest_consent_are_dropped(
    start: Callable[[], DisclosureLog], clock: Clock
) -> None:
    log = start()
    log.note(sent(Category.POWER))
    clock.pass_by(days=732)
    log.note(sent(Category.GAS))
    log.save()
    assert start().of("c1") == [Sent(clock.now.date(), Category.GAS, 1)]


def test_it_keeps_counts_and_no_value(
    start: Callable[[], DisclosureLog], slot: HiddenFile, tmp_path: Path
) -> None:
    log = start()
    log.note(sent(Category.POWER))
    log.save()
    assert b"31337" not in (slot.load() or b"")
    assert b"power" not in (tmp_path / "hidden" / "disclosures").read_bytes()  # hidden under the device key
