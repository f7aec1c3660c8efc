"""What is done now and then: a weekly backup, and the retention by a day that is certain."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.consent import DisclosureLog, Ledger
from gateway.daemon.upkeep import Upkeep
from gateway.errors import BrokerUnavailable, GatewayError
from gateway.history import (
    DeviceKey,
    HiddenFile,
    Retention,
    RetentionChoice,
)
from gateway.history.upkeep.backup import backups
from gateway.operations import Sharing
from tests.doors import Doors, behind
from tests.history.recording import look, record
from tests.history.renewing import HOUR, two_meters
from tests.history.sealed import sealed
from tests.made_up import NOON, PASSWORD, Clock


class Kept:
    """A history of ten days, and its upkeep."""

    def __init__(self, folder: Path, stick: Path) -> None:
        device_key = DeviceKey.load_or_create(folder / "device.key")
        self.clock = Clock(NOON + timedelta(days=11))
        self.path = folder / "history.db"
        self.history = sealed(self.path, device_key)
        self.faults: list[GatewayError] = []
        ledger = Ledger(folder / "ledger", device_key, HiddenFile(folder / "newest", device_key), self.clock)
        disclosures = DisclosureLog(HiddenFile(folder / "disclosures", device_key), self.clock)
        self.doors = Doors()
        self.doors.away = True
        self.clock_is_set = True
        self.choice = RetentionChoice(HiddenFile(folder / "retention", device_key), Retention())
        self.to_reconcile: list[GatewayError] = []
        sharing = Sharing(ledger, behind(self.doors), disclosures, self.clock, lambda: None)
        self.upkeep = Upkeep(
            self.history, self.choice, sharing, self, (stick, 2), self.clock,
            self.faults.append, lambda: self.clock_is_set,
        )  # fmt: skip

    connections: Hashable = ()

    def reconcile(self) -> None:
        """In the dispatcher's place."""
        for fault in self.to_reconcile:
            raise fault

    def claim(self) -> None:
        self.history.claim(PASSWORD)
        record(self.history, two_meters(0, 10), 6 * HOUR)

    def trace_days(self) -> int:
        query = "SELECT count(DISTINCT day) FROM data_key WHERE trace_removed_at IS NULL"
        return int(look(self.path, query)[0][0])


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    return tmp_path / "stick"


@pytest.fixture
def kept(tmp_path: Path, stick: Path) -> Kept:
    (tmp_path / "folder").mkdir()
    return Kept(tmp_path / "folder", stick)


def test_a_backup_is_made_each_week_and_the_newest_are_kept(kept: Kept, stick: Path) -> None:
    kept.claim()
    stick.mkdir()
    made: list[str] = []
    for _ in range(30):
        kept.upkeep.tick()
        made += [path.name for path in backups(stick) if path.name not in made]
        kept.clock.pass_by(days=1)
    assert len(made) == 5
    assert [path.name for path in backups(stick)] == made[-2:]
    assert str(kept.upkeep.last_backup) > "2026-07"
    assert kept.faults == []


def test_a_stick_that_is_not_plugged_in_is_said_and_tried_again_the_next_day(kept: Kept, stick: Path) -> None:
    kept.claim()
    for _ in range(3):
        kept.upkeep.tick()
    assert ["is the stick plugged in?" in str(fault) for fault in kept.faults] == [True]
    stick.mkdir()
    kept.upkeep.tick()
    assert backups(stick) == []
    kept.clock.pass_by(days=1, seconds=1)
    kept.upkeep.tick()
    assert len(backups(stick)) == 1


def test_before_the_claim_nothing_is_done(kept: Kept, stick: Path) -> None:
    stick.mkdir()
    kept.upkeep.tick()
    assert (backups(stick), kept.faults) == ([], [])


@pytest.mark.parametrize(("synchronised", "left"), [(True, 5), (False, 6)])
def test_a_clock_that_nobody_set_makes_nothing_too_old(kept: Kept, synchronised: bool, left: int) -> None:
    kept.clock_is_set = synchronised
    kept.claim()
    kept.choice.choose(trace_days=5)
    kept.clock.pass_by(days=0 if synchronised else 3000)
    for _ in range(10):
        kept.upkeep.tick()
    assert kept.trace_days() == left


def test_what_one_part_cannot_do_keeps_no_other_from_its_turn(kept: Kept, stick: Path) -> None:
    kept.claim()
    stick.mkdir()
    kept.to_reconcile.append(BrokerUnavailable("it does not answer"))
    kept.upkeep.tick()
    assert len(kept.faults) == 1
    assert len(backups(stick)) == 1


def test_the_retention_is_looked_at_again_each_hour(kept: Kept) -> None:
    kept.claim()
    kept.upkeep.tick()
    before = kept.trace_days()
    kept.choice.choose(trace_days=2)
    kept.upkeep.tick()
    assert kept.trace_days() == before
    kept.clock.pass_by(hours=1)
    for _ in range(4):
        kept.upkeep.tick()
    assert kept.trace_days() < before
