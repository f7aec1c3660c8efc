"""What is altered, exchanged or forged on disk is found, named and not shown; the rest is."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import CannotUnlock
from gateway.history import (
    GatewayKeys,
    OpenHistory,
    Period,
    SealedHistory,
)
from gateway.history.keys.keyring import HouseholdSeal
from gateway.history.keys.seal import DataKey
from gateway.history.records import profile
from gateway.history.storage.store import Store
from tests.history.recording import flipped, look, record, steady, tamper, unlocked
from tests.made_up import NOON, NUMBER

HOUR = timedelta(hours=1)
QUARTER = timedelta(minutes=15)
ENDS = [NOON + n * QUARTER for n in range(5)]
NAMES = [f"2026-06-10 {at:%H:%M}Z quarter" for at in ENDS]


@pytest.fixture
def history(history: SealedHistory) -> SealedHistory:
    record(history, steady(NOON, NOON + HOUR, timedelta(minutes=5)))
    return history


def shown_quarters(opened: OpenHistory) -> list[int]:
    """Which of the quarters in ENDS are shown."""
    return [ENDS.index(row.ends_at) for row in opened.rows(Period.QUARTER, NOON, ENDS[-1], opened.meters[0])]


def sealed_quarter(path: Path, index: int) -> tuple[int, int, bytes]:
    """A quarter's row as it lies on disk: id, sequence, sealed bytes."""
    ends_at = int(ENDS[index].timestamp())
    query = "SELECT id, sequence, sealed FROM profile_row WHERE period = 1 AND ends_at = ?"
    found: tuple[int, int, bytes] = look(path, query, ends_at)[0]
    return found


def test_what_nobody_touched_is_shown_whole(history: SealedHistory) -> None:
    opened = unlocked(history)
    assert shown_quarters(opened) == [0, 1, 2, 3, 4]
    assert len(list(opened.trace(NOON, NOON + 2 * HOUR))) == 5
    assert opened.damaged == set()


@pytest.mark.parametrize("position", [0, 100, -1])
def test_a_flipped_byte_in_a_row_is_found_and_costs_only_that_row(
    history: SealedHistory, path: Path, position: int
) -> None:
    row, _, sealed = sealed_quarter(path, 2)
    tamper(path, "UPDATE profile_row SET sealed = ? WHERE id = ?", flipped(sealed, position), row)
    opened = unlocked(history)
    assert shown_quarters(opened) == [0, 1, 3, 4]
    assert opened.damaged == {NAMES[2]}


@pytest.mark.parametrize("position", [0, 200, -1])
def test_a_flipped_byte_in_a_block_is_found_and_costs_only_that_block(
    history: SealedHistory, path: Path, position: int
) -> None:
    block, sealed = look(path, "SELECT id, sealed FROM trace_block ORDER BY starts_at")[1]
    tamper(path, "UPDATE trace_block SET sealed = ? WHERE id = ?", flipped(sealed, position), block)
    opened = unlocked(history)
    shown = [found.starts_at for found in opened.trace(NOON, NOON + 2 * HOUR)]
    assert shown == [int(ENDS[index].timestamp()) for index in (0, 2, 3, 4)]
    assert opened.damaged == {"2026-06-10 12:15Z trace"}


@pytest.mark.parametrize(
    "change",
    [
        "sealed = zeroblob(length(sealed))",
        "mac = zeroblob(32)",
        "day = day + 1",
        "previous_id = 7",
        "previous_rows = previous_rows + 1",
        "previous_blocks_digest = randomblob(32)",
        "suite = 'OTHER/CHACHA20_POLY1305'",
    ],
)
def test_an_altered_record_of_a_data_key_is_not_used(history: SealedHistory, path: Path, change: str) -> None:
    record(history, steady(NOON + 2 * HOUR, NOON + 3 * HOUR, timedelta(minutes=5)))  # a second start
    tamper(path, f"UPDATE data_key SET {change} WHERE id = 1")  # noqa: S608 - no input: listed above
    opened = unlocked(history)
    assert shown_quarters(opened) == []
    assert opened.damaged == set(NAMES)
    later = opened.rows(Period.QUARTER, NOON + 2 * HOUR, NOON + 3 * HOUR, opened.meters[0])
    assert len(later) == 5


@pytest.mark.parametrize("exchanged", ["sealed", "sealed, sequence"])
def test_two_exchanged_rows_are_both_found(history: SealedHistory, path: Path, exchanged: str) -> None:
    first, second = sealed_quarter(path, 1), sealed_quarter(path, 3)
    for (row, *_), (_, sequence, sealed) in ((first, second), (second, first)):
        tamper(path, "UPDATE profile_row SET sealed = ? WHERE id = ?", sealed, row)
        if "sequence" in exchanged:
            tamper(path, "UPDATE profile_row SET sequence = ? WHERE id = ?", sequence, row)
    opened = unlocked(history)
    assert shown_quarters(opened) == [0, 2, 4]
    assert opened.damaged == {NAMES[1], NAMES[3]}


def test_a_row_moved_to_another_time_or_period_is_found(history: SealedHistory, path: Path) -> None:
    moved, _, _ = sealed_quarter(path, 1)
    tamper(path, "UPDATE profile_row SET ends_at = ends_at + 60 WHERE id = ?", moved)
    renamed, _, _ = sealed_quarter(path, 3)
    tamper(path, "UPDATE profile_row SET period = 3 WHERE id = ?", renamed)
    opened = unlocked(history)
    assert shown_quarters(opened) == [0, 2, 4]
    assert opened.damaged == {"2026-06-10 12:16Z quarter"}
    opened.rows(Period.DAY, NOON, NOON + HOUR, opened.meters[0])
    assert "2026-06-10 12:45Z day" in opened.damaged


def test_a_data_key_forged_with_the_public_key_alone_is_not_accepted(
    history: SealedHistory, path: Path, keys: GatewayKeys
) -> None:
    """The attacker has the card: the public key, the meter's tag, and even its number."""
    with closing(Store.open(path)) as store:
        wrapped = store.household()
        assert wrapped is not None
        tag = keys.secret.meter_tag(NUMBER)
        genuine = store.data_keys(tag)[1]
        raw = DataKey.new_raw()
        household = HouseholdSeal(wrapped.suite, wrapped.public_key)
        for number, mac in ((90, genuine.mac), (91, b"\0" * 32)):
            sealed_key = household.seal_data_key(raw, NUMBER)
            store.put_data_key(replace(genuine, id=number, sealed=sealed_key, previous_id=1, mac=mac))
            row = profile.Row(
                NUMBER, "electricity", Period.QUARTER, ENDS[4] + QUARTER, ENDS[4], {"tariff": 1}
            )
            ends_at = int(row.ends_at.timestamp())
            sequence, sealed = DataKey(raw, tag).seal("quarter", ends_at, profile.encode(row))
            store.put_row(number, "quarter", ends_at, sequence, sealed)
    opened = unlocked(history)
    assert opened.rows(Period.QUARTER, ENDS[4] + QUARTER, ENDS[4] + HOUR, opened.meters[0]) == []
    assert opened.damaged == {"2026-06-10 13:15Z quarter"}
    assert shown_quarters(opened) == [0, 1, 2, 3, 4]


def test_an_altered_meters_record_does_not_open(history: SealedHistory, path: Path) -> None:
    sealed = look(path, "SELECT sealed FROM meters_record")[0][0]
    tamper(path, "UPDATE meters_record SET sealed = ?", flipped(sealed, -1))
    with pytest.raises(CannotUnlock):
        unlocked(history)
