"""Erased, nothing opens any more: not with the password, nor the code, nor from the bytes on disk."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from gateway.errors import CannotUnlock, HistoryError
from gateway.history import HiddenFile, SealedHistory, open_keys
from gateway.history.keys.keyring import COST_IN_TESTS
from gateway.history.upkeep.erase import erase
from gateway.history.upkeep.recovery import recover
from tests.history.recording import look, record
from tests.history.renewing import HOUR, sealed_history, two_meters
from tests.made_up import NUMBER, PASSWORD


@pytest.fixture
def code(unclaimed: SealedHistory) -> str:
    found = unclaimed.claim(PASSWORD)
    record(unclaimed, two_meters(), 6 * HOUR)
    return found


def test_after_it_no_factor_and_no_code_opens_a_copy_of_what_is_left(
    unclaimed: SealedHistory, code: str, path: Path, key_path: Path
) -> None:
    """Someone kept every file open: they are what the disk's blocks still hold."""
    held = {file: os.open(file, os.O_RDONLY) for file in (path, path.parent / "gateway.secret", key_path)}
    secrets = look(path, "SELECT by_password FROM household")
    for wrapped in ("by_recovery_code", "by_household"):
        secrets += look(path, f"SELECT {wrapped} FROM household")  # noqa: S608 - our names
    secrets += look(path, "SELECT sealed FROM data_key") + look(path, "SELECT sealed FROM meters_record")
    device_key = key_path.read_bytes()
    assert erase(path.parent, path, key_path)
    left = {file: os.pread(held[file], 10**8, 0) for file in held}
    for descriptor in held.values():
        os.close(descriptor)
    assert len(secrets) > 4
    for (secret,) in secrets:
        assert secret not in left[path]
        assert secret[40:72] not in left[path]
    assert left[key_path] == bytes(32)
    assert not any(left[path.parent / "gateway.secret"])
    assert device_key not in left[path]


def test_the_folder_is_empty_and_the_gateway_can_be_claimed_anew(
    unclaimed: SealedHistory, code: str, path: Path, key_path: Path
) -> None:
    keys = open_keys(key_path, path)
    HiddenFile(path.parent / "hidden" / "disclosures", keys.secret).save(b"who was sent what")
    (path.parent / "ledger.jsonl").write_text("a consent\n")
    (path.parent / "broker").mkdir()
    (path.parent / "broker" / "dynamic-security.json").write_text("the recipients' logins")
    (path.parent / "lock").touch()
    erase(path.parent, path, key_path)
    assert [found.name for found in path.parent.iterdir()] == ["lock"]
    assert not key_path.exists()
    anew = sealed_history(path, key_path)
    assert not anew.claimed
    with pytest.raises(HistoryError):
        recover(path, key_path, NUMBER, code, "another password", cost=COST_IN_TESTS)
    anew.claim("another password")
    with pytest.raises(CannotUnlock):
        anew.unlock(NUMBER, PASSWORD)


def test_a_database_that_is_damaged_is_erased_too(
    unclaimed: SealedHistory, code: str, path: Path, key_path: Path
) -> None:
    path.write_bytes(b"no database" * 1000)
    erase(path.parent, path, key_path)
    assert not list(path.parent.iterdir())


def test_a_device_key_that_systemd_gives_is_left_and_that_is_said(
    unclaimed: SealedHistory, code: str, path: Path
) -> None:
    assert not erase(path.parent, path, Path("credential:device.key"))
    assert not path.exists()


def test_what_cannot_be_removed_is_said(
    unclaimed: SealedHistory, code: str, path: Path, key_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path) -> None:
        raise PermissionError(1, "Operation not permitted", str(self))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(HistoryError, match="cannot be erased: Operation not permitted"):
        erase(path.parent, path, key_path)
    assert stat.S_ISREG(path.stat().st_mode)
