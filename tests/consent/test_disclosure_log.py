"""The disclosure log: what each recipient was sent, counted for the owner."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.consent import Category, Disclosure, DisclosureLog, Granularity, Sent
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
