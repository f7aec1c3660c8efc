"""Attacks on the files of a gateway: each is refused, or found and told with its day.

The attacker has the card: he reads and writes every file, knows the public key, the tags and even the
meter's number; and he has older copies. He has neither the password nor the device key.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import (
    AnchorRemoved,
    CannotUnlock,
    DeviceKeyUnusable,
    KeysExchanged,
    OlderCopy,
)
from gateway.history import (
    DeviceKey,
    GatewayKeys,
    GatewaySecret,
    Period,
    SealedHistory,
)
from gateway.history.keys import keyring
from gateway.history.keys.keyring import COST_IN_TESTS, HouseholdSeal
from gateway.history.keys.root_keys import Authenticator
from gateway.history.keys.seal import CIPHER_NAME, DataKey
from gateway.history.records import profile
from gateway.history.storage.chain import kept_from, trace_removed
from gateway.history.storage.rows import FirstKept
from gateway.history.storage.store import Store
from tests.history.recording import flipped, look, record, tamper, unlocked
from tests.history.renewing import two_meters
from tests.history.sealed import sealed
from tests.made_up import NOON, NUMBER, PASSWORD

HOUR = timedelta(hours=1)
SIX_HOURS = timedelta(hours=6)
Attack = Callable[[Path], None]


@pytest.fixture
def recorded(history: SealedHistory) -> SealedHistory:
    """Electricity and gas on 10, 11 and 12 June: the data keys 1 to 6, odd for electricity."""
    record(history, two_meters(), SIX_HOURS)
    assert look(history._path, "SELECT id, day FROM data_key ORDER BY id")[0] == (1, NOON.date().toordinal())
    return history


def copied(path: Path, name: str) -> Path:
    """A copy of the database as the attacker took it, with all that SQLite keeps beside it."""
    with closing(Store.open(path)) as store:
        store.wipe_log()
    return Path(shutil.copy(path, path.parent.parent / name))


def put_back(copy: Path, path: Path) -> None:
    for file in path.parent.glob(path.name + "*"):
        file.unlink()
    shutil.copy(copy, path)


def delete(path: Path, table: str, where: str) -> None:
    tamper(path, f"DELETE FROM {table} WHERE {where}")  # noqa: S608 - no input: written below


# --- the three factors ---------------------------------------------------------------------------


def test_an_exchanged_device_key_is_refused_at_the_start(recorded: SealedHistory, path: Path) -> None:
    attackers = DeviceKey.new()
    with pytest.raises(DeviceKeyUnusable, match="not the one that belongs to this data folder"):
        sealed(path, attackers)
    (path.parent / "gateway.secret").write_bytes(GatewaySecret.new().hidden_under(attackers))
    with_his_secret = sealed(path, attackers)
    with pytest.raises(CannotUnlock):
        with_his_secret.unlock(NUMBER, PASSWORD)
    with pytest.raises(KeysExchanged):
        with_his_secret.open_writer()  # he makes the gateway record nothing under his key
    assert with_his_secret.verify().findings


def test_nothing_is_sealed_to_a_household_key_that_the_attacker_put_there(
    recorded: SealedHistory, path: Path, device_key: DeviceKey
) -> None:
    mine = keyring.new_household(
        "his own password", GatewayKeys(DeviceKey.new(), GatewaySecret.new()), COST_IN_TESTS
    )
    writer = recorded.open_writer()
    with closing(Store.open(path)) as store:
        theirs = store.household()
        assert theirs is not None
        half = replace(theirs, public_key=mine.wrapped.public_key)
        for household in (mine.wrapped, replace(mine.wrapped, device_key_id=device_key.id), half):
            store.replace_household(household)
            with pytest.raises(KeysExchanged):
                recorded.open_writer()
            assert any(
                "keys in the history were not put there" in told for told in recorded.verify().findings
            )
    batches: list[object] = []
    recorder = recorded.recorder(batches.append, HOUR)
    for one in two_meters(3, 3):
        recorder.record(one)
    with pytest.raises(KeysExchanged):  # also one that runs already asks anew for each data key
        writer.write(*batches)  # type: ignore[arg-type]
    writer.close()


# --- what lies there -----------------------------------------------------------------------------

ALTERATIONS: dict[str, tuple[str, str]] = {
    # of each attack: what is done to the file, and what verify says of it
    "rows removed from a day": (
        "DELETE FROM profile_row WHERE data_key_id = 3 AND ends_at % 7200 = 0",
        "2026-06-11, meter 1: 9 profile rows were removed",
    ),
    "all blocks of a day removed": (
        "DELETE FROM trace_block WHERE data_key_id = 3",
        "2026-06-11, meter 1: 96 trace blocks were removed",
    ),
    "the last rows removed": (
        "DELETE FROM profile_row WHERE id IN (SELECT id FROM profile_row WHERE data_key_id = 5"
        " ORDER BY id DESC LIMIT 2)",
        "2026-06-12, meter 1: 2 profile rows were removed",
    ),
    "the last block removed": (
        "DELETE FROM trace_block WHERE id = (SELECT max(id) FROM trace_block)",
        "2026-06-12, meter 1: 1 trace blocks were removed",
    ),
    "a row with other bytes": (
        "UPDATE profile_row SET sealed = randomblob(256) WHERE id = 3",
        "2026-06-10, meter 1: profile rows were altered, exchanged, or replaced",
    ),
    "a row moved in time": (
        "UPDATE profile_row SET ends_at = ends_at + 900 WHERE id = 3",
        "2026-06-10, meter 1: profile rows were altered, exchanged, or replaced",
    ),
    "rows in another order": (
        "UPDATE profile_row SET id = id + 1000000 WHERE id = 1",
        "2026-06-10, meter 1: profile rows were altered, exchanged, or replaced",
    ),
    "rows under another meter's key": (
        "UPDATE profile_row SET data_key_id = 4 WHERE data_key_id = 3 AND period = 3",
        "2026-06-11, meter 2: 1 profile rows were put there by someone else",
    ),
    "a block twice": (
        "INSERT INTO trace_block SELECT NULL, data_key_id, starts_at, sequence, sealed FROM trace_block"
        " WHERE id = 4",
        "2026-06-10, meter 1: 1 trace blocks were put there by someone else",
    ),
    "a data key in the middle removed with all under it": (
        "DELETE FROM data_key WHERE id = 3",
        "between 2026-06-10 and 2026-06-12, meter 1: data keys were removed",
    ),
    "the first data key removed": (
        "DELETE FROM data_key WHERE id = 1",
        "everything before 2026-06-11, meter 1: removed, and not by the retention",
    ),
    "the last data key removed": (
        "DELETE FROM data_key WHERE id = 5",
        "2026-06-11, meter 1: the history was cut off after it",
    ),
    "a whole meter removed": (
        "DELETE FROM data_key WHERE id % 2 = 0",
        "everything, meter 2: removed, and not by the retention",
    ),
    "a data key that was sealed anew": (
        "UPDATE data_key SET sealed = randomblob(length(sealed)) WHERE id = 3",
        "2026-06-11, meter 1: a data key's record was altered or forged",
    ),
    "a link that leaves a day out": (
        "UPDATE data_key SET previous_id = 1 WHERE id = 5",
        "2026-06-12, meter 1: a data key's record was altered or forged",
    ),
    "rows under no data key": (
        "UPDATE profile_row SET data_key_id = 99 WHERE id = 1",
        "2026-06-10, quarter row 14:00: lies under no data key",
    ),
    "the memory of the end removed": (
        "DELETE FROM daemon_state WHERE name = 'head'",
        "2026-06-12, meter 1: where the history ends is not remembered any more",
    ),
    "the memory of the end exchanged": (
        "UPDATE daemon_state SET hidden = randomblob(300) WHERE name = 'head'",
        "what the gateway remembers of the newest day was exchanged or damaged",
    ),
    "a trace removed in the retention's name": (
        "UPDATE data_key SET trace_removed_at = 1781092800, removal_mac = randomblob(32) WHERE id = 3",
        "2026-06-11, meter 1: its trace was removed, and the retention's note of it was forged",
    ),
    "a trace removed without a mac": (
        "UPDATE data_key SET trace_removed_at = 1781092800 WHERE id = 3",
        "2026-06-11, meter 1: its trace was removed, and the retention's note of it was forged",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ALTERATIONS)
def test_verify_finds_it_and_says_the_day(recorded: SealedHistory, path: Path, name: str) -> None:
    assert recorded.verify().findings == ()
    statement, finding = ALTERATIONS[name]
    tamper(path, statement)
    found = recorded.verify().findings
    assert any(told.startswith(finding) for told in found), found
    days = {told[:10] for told in found if told.startswith("2026")}
    assert not days - {"2026-06-01", "2026-06-10", "2026-06-11", "2026-06-12"}  # a row of the month is there


def test_with_the_password_it_says_the_hour(recorded: SealedHistory, path: Path) -> None:
    whole = recorded.verify_content(NUMBER, PASSWORD)
    assert (whole.findings, whole.opened) == ((), whole.rows + whole.blocks)
    row, sealed = look(path, "SELECT id, sealed FROM profile_row WHERE period = 2 AND data_key_id = 3")[1]
    tamper(path, "UPDATE profile_row SET sealed = ? WHERE id = ?", flipped(sealed, 40), row)
    assert recorded.verify().findings == ()  # the tag at its end was left: the chain sees it only opened
    altered = recorded.verify_content(NUMBER, PASSWORD).findings
    assert altered == (
        "2026-06-11, hour row 08:00: does not open as it was sealed: it was altered, moved or exchanged",
    )


def test_what_goes_on_after_the_attack_does_not_make_it_good(recorded: SealedHistory, path: Path) -> None:
    delete(path, "trace_block", "id = (SELECT max(id) FROM trace_block)")
    delete(path, "profile_row", "data_key_id = 6")
    record(recorded, two_meters(3, 4), SIX_HOURS)
    found = recorded.verify().findings
    assert [told[:21] for told in found] == ["2026-06-12, meter 1: ", "2026-06-12, meter 2: "]
    assert "trace blocks were removed" in found[0]


def test_a_removed_memory_of_the_end_cannot_hide_what_was_cut(recorded: SealedHistory, path: Path) -> None:
    delete(path, "profile_row", "data_key_id IN (5, 6)")
    delete(path, "daemon_state", "1")
    record(recorded, two_meters(3, 4), SIX_HOURS)
    assert [told for told in recorded.verify().findings if "cannot be proved" in told]


def test_a_day_forged_with_the_public_key_is_found_and_not_shown(
    recorded: SealedHistory, path: Path, keys: GatewayKeys
) -> None:
    with closing(Store.open(path)) as store:
        household = store.household()
        assert household is not None
        newest = store.all_data_keys()[4]
        raw = DataKey.new_raw()
        sealed_key = HouseholdSeal(household.suite, household.public_key).seal_data_key(raw, NUMBER)
        forged = replace(newest, id=7, day=newest.day + 1, previous_id=5, sealed=sealed_key)
        for mac in (newest.mac, Authenticator(bytes(32)).mac(b"data key")):
            store.put_data_key(replace(forged, mac=mac))
        data_key = DataKey(raw, newest.meter_tag, CIPHER_NAME)
        at = NOON + timedelta(days=3)
        row = profile.Row(NUMBER, "electricity", Period.DAY, at, at, {"energy_import_t1_wh": 1})
        sequence, sealed = data_key.seal("day", int(at.timestamp()), profile.encode(row))
        store.put_row(7, "day", int(at.timestamp()), sequence, sealed)
    assert "2026-06-13, meter 1: a data key's record was altered or forged" in recorded.verify().findings
    opened = unlocked(recorded)
    assert opened.rows(Period.DAY, at, at, opened.meters[0]) == []
    assert opened.damaged


def test_a_removal_in_the_retentions_name_is_told_from_its_own(
    recorded: SealedHistory, path: Path, keys: GatewayKeys
) -> None:
    mine = Authenticator(bytes(32))
    with closing(Store.open(path)) as store:
        first, second = store.all_data_keys()[0], store.all_data_keys()[2]
        delete(path, "data_key", "id = 1")
        delete(path, "profile_row", "data_key_id = 1")
        delete(path, "trace_block", "data_key_id IN (1, 3)")
        note = FirstKept(first.meter_tag, second.id, 1_781_200_000)
        store.put_first_kept(kept_from(note, mine))
        store.put_data_key(trace_removed(second, note.removed_at, mine))
        assert sorted(told.partition(": ")[2] for told in recorded.verify().findings) == [
            "its trace was removed, and the retention's note of it was forged",
            "removed, and the retention's note of it was forged",
        ]
        assert recorded.verify().removed == ()
        genuine = keys.device_key.authenticator
        store.put_first_kept(kept_from(note, genuine))
        store.put_data_key(trace_removed(second, note.removed_at, genuine))
    report = recorded.verify()
    assert report.findings == ()
    assert sorted(report.removed) == [
        "everything before 2026-06-11, meter 1: removed by the retention on 2026-06-11",
        "the trace of 2026-06-11, meter 1: removed by the retention, last on 2026-06-11",
    ]


def test_what_the_retention_removed_and_the_attacker_put_back_is_found(
    recorded: SealedHistory, path: Path, keys: GatewayKeys
) -> None:
    copy = copied(path, "before.db")
    with closing(Store.open(path)) as store:
        record_ = store.all_data_keys()[0]
        delete(path, "trace_block", "data_key_id = 1")
        store.put_data_key(trace_removed(record_, 1_781_200_000, keys.device_key.authenticator))
        assert recorded.verify().findings == ()
        store._db.execute("ATTACH ? AS old", (str(copy),))
        store._db.execute("INSERT INTO trace_block SELECT * FROM old.trace_block WHERE data_key_id = 1")
    assert any("trace blocks were put there by someone else" in told for told in recorded.verify().findings)


# --- older copies --------------------------------------------------------------------------------


@pytest.mark.parametrize("closed", [False, True])
def test_an_older_version_of_the_running_block_is_found(
    recorded: SealedHistory, path: Path, closed: bool
) -> None:
    writer = recorded.open_writer()
    recorder = recorded.recorder(writer.write, timedelta(minutes=1))
    (one,) = two_meters(3, 3)
    recorder.record(one)
    recorder.record(replace(one, at=one.at + timedelta(minutes=1)))
    older = look(path, "SELECT sequence, sealed, id FROM trace_block ORDER BY id DESC LIMIT 1")[0]
    recorder.record(replace(one, at=one.at + timedelta(minutes=2)))
    writer.close()
    assert recorded.verify().findings == ()
    tamper(path, "UPDATE trace_block SET sequence = ?, sealed = ? WHERE id = ?", *older)
    if closed:
        record(recorded, two_meters(4, 4), SIX_HOURS)
    found = recorded.verify_content(NUMBER, PASSWORD).findings  # it opens: it was genuine once
    assert [told[:10] for told in found] == ["2026-06-13"]
    assert found[0].endswith("trace blocks were altered, exchanged, or replaced by an older version")


def test_an_older_copy_of_the_whole_database_is_found_at_the_start_and_told_ever_after(
    recorded: SealedHistory, path: Path, device_key: DeviceKey
) -> None:
    copy = copied(path, "backup.db")
    record(recorded, two_meters(3, 5), SIX_HOURS)
    assert recorded.older_copy() is None
    put_back(copy, path)
    again = sealed(path, device_key)
    told = again.older_copy()
    assert isinstance(told, OlderCopy)
    assert "it ends on 2026-06-12, while it went on until 2026-06-15" in str(told)
    assert str(told) in again.verify().findings
    record(again, two_meters(6, 7), SIX_HOURS)  # recording goes on, under numbers that were never used
    assert look(path, "SELECT max(id) FROM data_key WHERE id < 13") == [(6,)]
    assert str(again.older_copy()) == str(told)
    assert again.verify().findings == (str(told),)


def test_rows_of_a_day_from_an_older_copy_do_not_pass_for_todays(recorded: SealedHistory, path: Path) -> None:
    copy = copied(path, "backup.db")
    record(recorded, two_meters(3, 3), SIX_HOURS)
    with closing(Store.open(path)) as store:
        store._db.execute("ATTACH ? AS old", (str(copy),))
        store._db.execute("DELETE FROM data_key WHERE id > 4")
        store._db.execute("INSERT INTO data_key SELECT * FROM old.data_key WHERE id > 4")
        store._db.execute("UPDATE daemon_state SET hidden = (SELECT hidden FROM old.daemon_state AS o"
                          " WHERE o.name = daemon_state.name)")  # fmt: skip
    assert recorded.verify().findings


def test_a_removed_or_exchanged_anchor_is_told(recorded: SealedHistory, path: Path) -> None:
    anchor = path.parent / "hidden" / "newest-data-keys"
    anchor.write_bytes(anchor.read_bytes()[::-1])
    assert any("beside the history was exchanged" in told for told in recorded.verify().findings)
    anchor.unlink()
    assert any("beside the history is missing" in told for told in recorded.verify().findings)
    record(recorded, two_meters(3, 3), SIX_HOURS)
    for _ in range(2):  # it is laid down anew, and says ever after that it was gone
        assert isinstance(recorded.older_copy(), AnchorRemoved)
        assert any("was removed or exchanged by 2026-06-12" in told for told in recorded.verify().findings)
        record(recorded, two_meters(4, 4), SIX_HOURS)
    recorded.accept()
    assert recorded.older_copy() is None
    assert recorded.verify().findings == ()
