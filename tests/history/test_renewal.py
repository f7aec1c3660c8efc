"""Other keys, every year: what opens afterwards and what does not."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from gateway.errors import (
    CannotUnlock,
    DeviceKeyUnusable,
    HistoryClosed,
    HistoryError,
)
from gateway.history import (
    DeviceKey,
    GatewayKeys,
    HiddenFile,
    Period,
    Row,
    SealedHistory,
    open_keys,
)
from gateway.history.keys import seal, suites
from gateway.history.keys.keyring import COST_IN_TESTS, open_with_password
from gateway.history.recording.writer import SealedWriter
from gateway.history.storage.anchor import Anchor
from gateway.history.storage.chain import kept_from, trace_removed
from gateway.history.storage.rows import FirstKept
from gateway.history.storage.store import Store
from gateway.history.upkeep import renewal
from tests.history.recording import MINUTE, look, record, steady, tamper, unlocked
from tests.history.renewing import DAY, HOUR, NOW, everything, sealed_history, two_meters
from tests.history.sealed import sealed
from tests.made_up import GAS_NUMBER, NOON, NUMBER, PASSWORD


@pytest.fixture
def recorded(history: SealedHistory) -> SealedHistory:
    record(history, two_meters(), 6 * HOUR)
    return history


def test_after_a_renewal_the_same_password_opens_everything_that_was_there(
    recorded: SealedHistory, path: Path, key_path: Path
) -> None:
    before = everything(unlocked(recorded))
    renewed = recorded.renew(NUMBER, PASSWORD, NOW)
    assert renewed.device_key_replaced
    for history in (recorded, sealed_history(path, key_path)):
        opened = unlocked(history)
        assert everything(opened) == before
        assert opened.damaged == set()
        assert history.verify_content(NUMBER, PASSWORD).findings == ()
        assert history.renewed_at() == NOW
    record(recorded, two_meters(3, 4), 6 * HOUR)
    assert recorded.verify().findings == ()


def test_only_the_new_recovery_code_recovers(history: SealedHistory, unclaimed: SealedHistory) -> None:
    record(history, two_meters(), 6 * HOUR)
    codes = [history.renew(NUMBER, PASSWORD, NOW + n).recovery_code for n in range(2)]
    with pytest.raises(CannotUnlock):
        history.recover(NUMBER, codes[0], "another password")
    history.recover(NUMBER, codes[1], "another password")
    assert history.unlock(NUMBER, "another password").meters


def test_the_old_keys_stand_in_no_file_and_open_nothing(
    recorded: SealedHistory, path: Path, device_key: DeviceKey, key_path: Path
) -> None:
    household = Store.open_to_read(path)
    with household:
        before = household.household()
    assert before is not None
    sealed_keys = [sealed for (sealed,) in look(path, "SELECT sealed FROM data_key")]
    private = open_with_password(before, PASSWORD, device_key)
    with key_path.open("rb") as still_open, closing(sqlite3.connect(path)) as reader:
        reader.execute("SELECT count(*) FROM household").fetchall()  # so the write-ahead log stays
        recorded.renew(NUMBER, PASSWORD, NOW)
        assert still_open.read() == bytes(32)  # overwritten, not only unlinked
        assert path.with_name("history.db-wal").read_bytes() == b""
    old = [before.by_password, before.by_recovery_code, device_key.raw, private.private, *sealed_keys]
    files = [
        file for folder in (path.parent, key_path.parent) for file in folder.rglob("*") if file.is_file()
    ]
    assert {"history.db", "gateway.secret", "device.key"} <= {file.name for file in files}
    for file in files:
        assert not any(part in file.read_bytes() for part in old), file.name
    assert not key_path.with_name("device.key.next").exists()


def test_what_the_gateway_remembers_and_tags_with_is_not_changed(
    recorded: SealedHistory, path: Path, keys: GatewayKeys, key_path: Path
) -> None:
    recorded.renew(NUMBER, PASSWORD, NOW)
    after = open_keys(key_path, path)
    assert after.secret.raw == keys.secret.raw
    assert after.device_key.id != keys.device_key.id
    batches: list[Any] = []
    assert recorded.recorder(batches.append, MINUTE).meters  # its memory opens
    assert after.secret.meter_tag(NUMBER) == keys.secret.meter_tag(NUMBER)


def test_of_the_open_histories_only_the_acting_one_stays_open(recorded: SealedHistory) -> None:
    acting, fresh, other = unlocked(recorded), unlocked(recorded), unlocked(recorded)
    before = everything(acting)
    everything(other)
    recorded.renew(NUMBER, PASSWORD, NOW, acting=acting)
    assert everything(acting) == before
    record(recorded, two_meters(3, 3), 6 * HOUR)
    assert len(everything(acting)[1]) > len(before[1])
    assert acting.damaged == set()
    for closed in (fresh, other):
        assert not closed.is_open
        with pytest.raises(HistoryClosed):
            everything(closed)


def test_a_renewal_between_the_batches_of_a_running_gateway_loses_none(recorded: SealedHistory) -> None:
    faults: list[HistoryError] = []
    thread = recorded.writer_thread(faults.append)
    recorder = recorded.recorder(thread.submit, MINUTE)
    recorded.start(thread)
    rows: list[Row] = []
    renewing: list[threading.Thread] = []
    for number, one in enumerate(steady(NOON + 5 * DAY, NOON + 5 * DAY + 3 * HOUR, MINUTE)):
        rows += recorder.record(one)
        if number in (60, 120):
            renewing.append(threading.Thread(target=recorded.renew, args=(NUMBER, PASSWORD, NOW + number)))
            renewing[-1].start()
    for one_renewal in renewing:
        one_renewal.join()
    thread.stop()
    opened = unlocked(recorded)
    shown = opened.rows(Period.QUARTER, NOON + 4 * DAY, NOON + 6 * DAY, opened.meters[0])
    assert [row for row in rows if row.period is Period.QUARTER] == shown
    assert (faults, opened.damaged) == ([], set())
    assert recorded.verify_content(NUMBER, PASSWORD).findings == ()
    assert recorded.renewed_at() in (NOW + 60, NOW + 120)


def test_the_wrong_password_renews_nothing(recorded: SealedHistory, path: Path, key_path: Path) -> None:
    before = path.read_bytes(), key_path.read_bytes()
    for number, password in ((NUMBER, "not the password"), (GAS_NUMBER, PASSWORD)):
        with pytest.raises(CannotUnlock):
            recorded.renew(number, password, NOW)
    assert (path.read_bytes(), key_path.read_bytes()) == before


def test_it_is_due_after_a_year(history: SealedHistory) -> None:
    renewed_at = history.renewed_at()
    assert renewed_at is not None
    a_year = 365 * 86_400
    assert [history.renewal_is_due(renewed_at + s) for s in (0, a_year - 1, a_year)] == [False, False, True]
    history.renew(NUMBER, PASSWORD, renewed_at + a_year)
    assert not history.renewal_is_due(renewed_at + a_year)


def test_it_says_how_far_it_is(recorded: SealedHistory) -> None:
    heard: list[tuple[int, int]] = []
    recorded.renew(NUMBER, PASSWORD, NOW, lambda done, of: heard.append((done, of)))
    assert heard[0][0] == 0
    assert heard == sorted(heard)
    assert heard[-1][0] == heard[-1][1] == 6  # two meters, three days


def test_a_device_key_that_cannot_be_replaced_stays_and_all_else_is_renewed(
    recorded: SealedHistory, path: Path, key_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    shutil.copy(key_path, credentials / "device.key")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    setting = Path("credential:device.key")
    history = sealed_history(path, setting)
    before = everything(unlocked(history))
    renewed = history.renew(NUMBER, PASSWORD, NOW)
    assert not renewed.device_key_replaced
    assert [file.name for file in credentials.iterdir()] == ["device.key"]
    assert everything(unlocked(sealed_history(path, setting))) == before
    # As root does it later: where the key really lies, it is replaced.
    again = sealed_history(path, key_path).renew(NUMBER, PASSWORD, NOW + 1)
    assert again.device_key_replaced
    with pytest.raises(DeviceKeyUnusable, match="not the one that belongs to this history"):
        open_keys(setting, path)


def test_a_credential_that_is_not_given_is_told_in_a_sentence(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(DeviceKeyUnusable, match="is the systemd credential device"):
        open_keys(Path("credential:device.key"), path)


def test_what_was_forged_or_altered_does_not_become_genuine(
    recorded: SealedHistory, path: Path, keys: GatewayKeys
) -> None:
    tamper(path, "UPDATE data_key SET mac = zeroblob(32) WHERE id = 1")
    with closing(Store.open(path)) as store:
        genuine = store.all_data_keys()[2]
        store.put_data_key(replace(genuine, trace_removed_at=1, removal_mac=bytes(32)))
        forged_tag = bytes(16)
        store.put_first_kept(FirstKept(forged_tag, 2, 1, bytes(32)))
    before = recorded.verify().findings
    assert len(before) >= 2
    recorded.renew(NUMBER, PASSWORD, NOW)
    assert recorded.verify().findings == before


def test_what_the_retention_removed_is_still_the_retentions(
    recorded: SealedHistory, path: Path, keys: GatewayKeys
) -> None:
    authenticator = keys.device_key.authenticator
    with closing(Store.open(path)) as store:
        oldest = store.all_data_keys()[0]
        second = next(record for record in store.all_data_keys() if record.previous_id == oldest.id)
        for table in ("profile_row", "trace_block"):
            store._db.execute(f"DELETE FROM {table} WHERE data_key_id = ?", (oldest.id,))  # noqa: S608
        store._db.execute("DELETE FROM data_key WHERE id = ?", (oldest.id,))
        store.put_first_kept(kept_from(FirstKept(oldest.meter_tag, second.id, NOW), authenticator))
        store._db.execute("DELETE FROM trace_block WHERE data_key_id = ?", (second.id,))
        store.put_data_key(trace_removed(second, NOW, authenticator))
    before = recorded.verify()
    assert before.findings == ()
    assert len(before.removed) == 2
    recorded.renew(NUMBER, PASSWORD, NOW)
    after = recorded.verify()
    assert (after.findings, after.removed) == ((), before.removed)


# --- another suite -------------------------------------------------------------------------------


def x25519_pair() -> tuple[bytes, bytes]:
    private = x25519.X25519PrivateKey.generate()
    return private.private_bytes_raw(), private.public_key().public_bytes_raw()


def test_a_second_suite_takes_over_without_touching_old_blocks(
    recorded: SealedHistory,
    path: Path,
    device_key: DeviceKey,
    keys: GatewayKeys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    second = suites.KeySuite(
        Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM),
        x25519_pair,
        x25519.X25519PrivateKey.from_private_bytes,
        x25519.X25519PublicKey.from_public_bytes,
    )
    monkeypatch.setitem(suites.SUITES, "SECOND", second)
    monkeypatch.setitem(seal.CIPHERS, "AES_256_GCM", AESGCM)
    blocks = look(path, "SELECT * FROM trace_block") + look(path, "SELECT * FROM profile_row")
    before = everything(unlocked(recorded))
    with closing(Store.open(path)) as store:
        household = store.household()
        assert household is not None
        old_key = open_with_password(household, PASSWORD, device_key)
        prepared = renewal.prepare(household, old_key, PASSWORD, keys, COST_IN_TESTS, "SECOND")
        now_in_use = [keys]
        writer = SealedWriter(
            store, lambda: now_in_use[-1], Anchor(HiddenFile(path.parent / "x", keys.secret))
        )
        renewal.carry_out(prepared, writer, path.parent, NUMBER, NOW, renewal.silent, now_in_use.append)
    history = sealed(path, now_in_use[-1].device_key)
    assert everything(unlocked(history)) == before
    assert look(path, "SELECT * FROM trace_block") + look(path, "SELECT * FROM profile_row") == blocks
    assert look(path, "SELECT DISTINCT suite FROM data_key") == [("SECOND/CHACHA20_POLY1305",)]
    record(history, two_meters(3, 4), 6 * HOUR)
    assert history.verify_content(NUMBER, PASSWORD).findings == ()


# --- the password, the recovery code, and lost keys ----------------------------------------------


def test_the_password_is_changed_and_the_recovery_code_stays(unclaimed: SealedHistory) -> None:
    code = unclaimed.claim(PASSWORD)
    record(unclaimed, two_meters(), 6 * HOUR)
    opened = unlocked(unclaimed)
    before = everything(opened)
    unclaimed.change_password(NUMBER, PASSWORD, "the second password")
    with pytest.raises(CannotUnlock):
        unlocked(unclaimed)
    with pytest.raises(CannotUnlock):
        unclaimed.change_password(NUMBER, PASSWORD, "the third password")
    assert everything(unclaimed.unlock(NUMBER, "the second password")) == before
    with pytest.raises(HistoryClosed):
        everything(opened)
    unclaimed.recover(NUMBER, code, PASSWORD)
    assert everything(unlocked(unclaimed)) == before
    assert unclaimed.verify().findings == ()


@pytest.mark.parametrize("number", ["E0001234567890124", GAS_NUMBER, ""])
def test_a_recovery_needs_the_meter_number_beside_the_code(unclaimed: SealedHistory, number: str) -> None:
    code = unclaimed.claim(PASSWORD)
    record(unclaimed, two_meters(), 6 * HOUR)
    with pytest.raises(CannotUnlock):
        unclaimed.recover(number, code, "another password")
    unlocked(unclaimed)
