"""The recovery code on a gateway that has lost its device key or its secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import (
    CannotUnlock,
    DeviceKeyUnusable,
    HistoryError,
    NotClaimed,
    PasswordTooShort,
    StateUnusable,
)
from gateway.history import DeviceKey, SealedHistory, open_keys
from gateway.history.keys.keyring import COST_IN_TESTS
from gateway.history.upkeep.recovery import recover
from tests.history.recording import look, record, tamper, unlocked
from tests.history.renewing import HOUR, everything, sealed_history, two_meters
from tests.made_up import NUMBER, PASSWORD

NEW = "the second password"


@pytest.fixture
def code(unclaimed: SealedHistory) -> str:
    code = unclaimed.claim(PASSWORD)
    record(unclaimed, two_meters(), 6 * HOUR)
    return code


def test_with_another_device_key_everything_opens_and_is_still_authenticated(
    unclaimed: SealedHistory, code: str, path: Path, key_path: Path, device_key: DeviceKey
) -> None:
    before, secret = everything(unlocked(unclaimed)), open_keys(key_path, path).secret
    key_path.unlink()
    with pytest.raises(DeviceKeyUnusable, match="No such file"):
        open_keys(key_path, path)
    with pytest.raises(DeviceKeyUnusable, match="No such file"):
        recover(path, key_path, NUMBER, code, NEW, cost=COST_IN_TESTS)
    recover(path, key_path, NUMBER, code, NEW, new_device_key=True, cost=COST_IN_TESTS)
    history = sealed_history(path, key_path)
    assert open_keys(key_path, path).device_key.id != device_key.id
    assert open_keys(key_path, path).secret.raw == secret.raw  # so the register of consents opens as well
    assert everything(history.unlock(NUMBER, NEW)) == before
    record(history, two_meters(3, 3), 6 * HOUR)
    assert history.verify_content(NUMBER, NEW).findings == ()
    with pytest.raises(CannotUnlock):
        history.unlock(NUMBER, PASSWORD)


def test_a_lost_secret_comes_back_from_the_code(
    unclaimed: SealedHistory, code: str, path: Path, key_path: Path
) -> None:
    before = everything(unlocked(unclaimed))
    (path.parent / "gateway.secret").unlink()
    with pytest.raises(StateUnusable, match="p1-gateway key recover"):
        open_keys(key_path, path)
    recover(path, key_path, NUMBER, code, NEW, cost=COST_IN_TESTS)
    assert everything(sealed_history(path, key_path).unlock(NUMBER, NEW)) == before


def test_another_gateways_key_in_the_place_of_the_lost_one_is_set_aside_not_overwritten(
    code: str, path: Path, key_path: Path
) -> None:
    another = DeviceKey.new().raw
    key_path.write_bytes(another)
    with pytest.raises(DeviceKeyUnusable, match="--new-device-key"):
        recover(path, key_path, NUMBER, code, NEW, cost=COST_IN_TESTS)
    recover(path, key_path, NUMBER, code, NEW, new_device_key=True, cost=COST_IN_TESTS)
    kept = [file for file in key_path.parent.iterdir() if file != key_path]
    assert [file.read_bytes() for file in kept] == [another]
    assert sealed_history(path, key_path).unlock(NUMBER, NEW).meters


def test_what_was_altered_before_is_not_made_genuine_by_it(
    unclaimed: SealedHistory, code: str, path: Path, key_path: Path
) -> None:
    tamper(path, "UPDATE data_key SET day = day + 1 WHERE id = 2")
    before = unclaimed.verify().findings
    recover(path, key_path, NUMBER, code, NEW, new_device_key=True, cost=COST_IN_TESTS)
    assert sealed_history(path, key_path).verify().findings == before != ()


def test_what_does_not_fit_changes_nothing(code: str, path: Path, key_path: Path) -> None:
    before = look(path, "SELECT * FROM household"), key_path.read_bytes()
    off = ("A" if code[0] != "A" else "B") + code[1:]
    wrong: list[tuple[str, str, str, type[HistoryError]]] = [
        (NUMBER, off, NEW, CannotUnlock),
        ("E0001234567890124", code, NEW, CannotUnlock),
        (NUMBER, code, "short", PasswordTooShort),
    ]
    for number, written, password, error in wrong:
        with pytest.raises(error):
            recover(path, key_path, number, written, password, new_device_key=True, cost=COST_IN_TESTS)
    assert (look(path, "SELECT * FROM household"), key_path.read_bytes()) == before


def test_before_the_claim_there_is_nothing_to_recover(
    unclaimed: SealedHistory, path: Path, key_path: Path
) -> None:
    with pytest.raises(NotClaimed):
        recover(path, key_path, NUMBER, "AAAA", NEW, cost=COST_IN_TESTS)
