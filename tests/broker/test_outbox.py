"""The outbox: rows that wait, bounded, hidden on disk and kept over a restart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from stat import S_IMODE

import pytest

from gateway.broker import Outbox
from gateway.broker.outbox import LONGEST_WAIT, MOST_ROWS, Waiting
from gateway.history import DeviceKey, HiddenFile, Period, Row
from tests.made_up import NOON, NUMBER, Clock

Start = Callable[[], Outbox]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hidden" / "outbox"


@pytest.fixture
def start(path: Path, device_key: DeviceKey, clock: Clock) -> Start:
    return lambda: Outbox(HiddenFile(path, device_key), clock)


def waiting(n: int, consent_id: str = "c1") -> Waiting:
    at = NOON + timedelta(seconds=n)
    quantities = {"energy_import_t1_wh": 987_654_321}
    return Waiting(consent_id, Row(NUMBER, "electricity", Period.QUARTER, at, at, quantities, simulated=True))


def test_what_waits_survives_a_restart_as_it_was(start: Start) -> None:
    start().put([waiting(1), waiting(2, "c2")])
    assert start().waiting() == [waiting(1), waiting(2, "c2")]


def test_what_is_done_is_gone_after_a_restart(start: Start) -> None:
    outbox = start()
    outbox.put([waiting(1), waiting(2)])
    outbox.done(waiting(1))
    outbox.save()
    assert start().waiting() == [waiting(2)]
    outbox.done(waiting(2))
    outbox.done(waiting(2))  # the broker may say it twice
    assert start().waiting() == []


def test_it_is_bounded_and_the_oldest_go_first(start: Start) -> None:
    outbox = start()
    outbox.put([waiting(n) for n in range(MOST_ROWS)])
    outbox.put([waiting(MOST_ROWS), waiting(MOST_ROWS + 1)])
    kept = start().waiting()
    assert len(kept) == MOST_ROWS
    assert (kept[0], kept[-1]) == (waiting(2), waiting(MOST_ROWS + 1))


def test_what_waits_for_one_who_no_longer_consents_is_dropped_at_once(start: Start) -> None:
    outbox = start()
    outbox.put([waiting(1), waiting(2, "c2")])
    outbox.keep_only(["c2"])
    assert outbox.waiting() == start().waiting() == [waiting(2, "c2")]


def test_what_has_waited_for_more_than_a_day_is_dropped(start: Start, clock: Clock) -> None:
    outbox = start()
    outbox.put([waiting(0), waiting(60)])
    clock.now = NOON + LONGEST_WAIT + timedelta(seconds=30)
    outbox.keep_only(["c1"])
    assert start().waiting() == [waiting(60)]


def test_nothing_is_legible_on_disk(start: Start, path: Path) -> None:
    start().put([waiting(1)])
    written = path.read_bytes()
    assert not any(plain in written for plain in (NUMBER.encode(), b"987654321", b"energy", b"c1"))
    assert S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_is_written_while_nothing_waits(start: Start, path: Path) -> None:
    outbox = start()
    outbox.put([])
    outbox.keep_only(())
    outbox.save()
    assert not path.exists()
