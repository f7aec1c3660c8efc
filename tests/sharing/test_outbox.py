"""The outbox: rows that wait, bounded, hidden on disk and kept over a restart."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from stat import S_IMODE

import pytest

from gateway.history import (
    DeviceKey,
    HiddenFile,
    Period,
    Row,
)
from gateway.history.records.profile import ROW_QUANTITIES
from gateway.sharing import Outbox
from gateway.sharing.outbox import LONGEST_WAIT, MOST_ROWS, Waiting
from tests.auc import auc
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
    start().put([waiting(1, "c1-recipient")])
    written = path.read_bytes()
    assert not any(plain in written for plain in (NUMBER.encode(), b"987654321", b"energy", b"c1-recipient"))
    assert S_IMODE(path.stat().st_mode) == 0o600


def restless_row(chance: random.Random, n: int) -> Row:
    """Registers and statistics that are not alike in any two rows."""
    at = NOON + timedelta(minutes=15 * n)
    quantities = {name: chance.randrange(10**9) for name in ROW_QUANTITIES[:18]}
    return Row(NUMBER, "electricity", Period.QUARTER, at, at, quantities)


def still_row(n: int) -> Row:
    at = NOON + timedelta(minutes=15 * n)
    return Row(NUMBER, "electricity", Period.QUARTER, at, at, {"energy_import_t1_wh": 5})


def test_the_size_on_disk_tells_neither_who_waits_nor_what_nor_whether_anything_does(
    path: Path, device_key: DeviceKey, clock: Clock
) -> None:
    sizes: dict[str, list[float]] = {"nothing": [], "quiet": [], "busy": []}
    for seed in range(6):
        chance = random.Random(seed)
        for kind, rows, recipients in (("nothing", 0, 0), ("quiet", 1 + seed, 1), ("busy", 96, 2 + seed)):
            slot = HiddenFile(path.with_name(f"{kind}{seed}"), device_key)
            outbox = Outbox(slot, clock)
            for n in range(rows):
                row = restless_row(chance, n) if kind == "busy" else still_row(n)
                outbox.note_came(row)
                outbox.put([Waiting(f"c{chance.getrandbits(64):016x}", row) for _ in range(recipients)])
            if seed % 2:
                outbox.keep_only(())
            sizes[kind].append(float(path.with_name(f"{kind}{seed}").stat().st_size))
    assert auc(sizes["quiet"], sizes["busy"]) <= 0.52
    assert auc(sizes["nothing"], sizes["quiet"]) <= 0.52
    assert len({*sizes["nothing"], *sizes["quiet"], *sizes["busy"]}) == 1


def test_it_is_there_from_the_start(start: Start, path: Path) -> None:
    start()
    empty = path.stat().st_size
    outbox = start()
    outbox.put([waiting(1)])
    assert path.stat().st_size == empty
    outbox.done(waiting(1))
    assert path.stat().st_size == empty


def test_a_days_rows_of_a_restless_home_fit_and_of_more_the_oldest_go(start: Start) -> None:
    chance = random.Random(1)
    day = [Waiting("c1", restless_row(chance, n)) for n in range(121)]
    outbox = start()
    outbox.put(day)
    assert start().waiting() == day
    more = [Waiting("c1", restless_row(chance, 200 + n)) for n in range(MOST_ROWS)]
    outbox.put(more)
    left = start().waiting()
    assert 121 < len(left) < MOST_ROWS
    assert left == more[-len(left) :]


def test_what_was_let_out_and_what_came_is_remembered_over_a_restart(start: Start, clock: Clock) -> None:
    outbox = start()
    row = waiting(1).row
    assert (outbox.last_row("c1", row), outbox.measured_since(row)) == (None, None)
    outbox.note_came(row)
    outbox.put([Waiting("c1", row, NOON)])
    again = start()
    assert again.last_row("c1", row) == row.ends_at
    assert again.last_row("c2", row) is None
    assert again.measured_since(row) == clock.now
    assert again.waiting() == [Waiting("c1", row, NOON)]
    again.keep_only((), lasting=("c1",))
    assert (start().waiting(), start().last_row("c1", row)) == ([], row.ends_at)
    again.keep_only(())
    assert start().last_row("c1", row) is None


def test_what_an_older_version_left_is_still_sent(path: Path, device_key: DeviceKey, start: Start) -> None:
    row = waiting(1).row
    stored = [["c1", NUMBER, "electricity", "quarter", True, row.ends_at.timestamp(),
               row.read_at.timestamp(), dict(row.quantities)]]  # fmt: skip
    HiddenFile(path, device_key).save(json.dumps(stored).encode())
    assert start().waiting() == start().waiting() == [waiting(1)]
