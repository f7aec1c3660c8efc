"""The three factors, the recovery code and the claim."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from stat import S_IMODE

import pytest

from gateway.errors import (
    AlreadyClaimed,
    CannotUnlock,
    DeviceKeyUnusable,
    HistoryError,
    NotClaimed,
    PasswordTooShort,
    StateUnusable,
)
from gateway.history import (
    DeviceKey,
    GatewayKeys,
    GatewaySecret,
    Meter,
    Period,
    SealedHistory,
)
from gateway.history.keys import keyring
from gateway.history.keys.keyring import COST_IN_TESTS, HouseholdSeal, WrappedHousehold
from gateway.history.storage.store import Store
from tests.history.recording import record, steady, unlocked
from tests.history.sealed import sealed
from tests.made_up import NOON, NUMBER, PASSWORD

HOUR = timedelta(hours=1)


@pytest.fixture
def recorded(history: SealedHistory) -> SealedHistory:
    record(history, steady(NOON, NOON + HOUR, timedelta(minutes=5)))
    return history


@pytest.fixture
def key() -> GatewayKeys:
    return GatewayKeys(DeviceKey(bytes(range(32))), GatewaySecret(bytes(32)))


def wrapped_of(path: Path) -> WrappedHousehold:
    with closing(Store.open_to_read(path)) as store:
        wrapped = store.household()
    assert wrapped is not None
    return wrapped


def test_the_right_three_factors_open_the_history(recorded: SealedHistory) -> None:
    opened = unlocked(recorded)
    assert opened.meters == (Meter(NUMBER, "electricity"),)
    assert len(opened.rows(Period.QUARTER, NOON, NOON + HOUR, opened.meters[0])) == 5


@pytest.mark.parametrize(
    ("number", "password"),
    [
        ("E0001234567890124", PASSWORD),
        ("", PASSWORD),
        (NUMBER, "Correct horse battery"),
        (NUMBER, PASSWORD + " "),
        (NUMBER, ""),
    ],
)
def test_a_wrong_meter_number_or_password_is_refused(
    recorded: SealedHistory, number: str, password: str
) -> None:
    with pytest.raises(CannotUnlock):
        recorded.unlock(number, password)


def test_a_wrong_device_key_is_refused(recorded: SealedHistory, path: Path, key: GatewayKeys) -> None:
    with pytest.raises(DeviceKeyUnusable, match="not the one that belongs to this data folder"):
        sealed(path, key.device_key)
    (path.parent / "gateway.secret").write_bytes(key.secret.hidden_under(key.device_key))
    elsewhere = sealed(path, key.device_key)
    with pytest.raises(CannotUnlock):
        elsewhere.unlock(NUMBER, PASSWORD)


def test_the_device_key_is_needed_beside_the_password_to_unwrap_the_private_key(
    history: SealedHistory, path: Path, device_key: DeviceKey, key: GatewayKeys
) -> None:
    keyring.open_with_password(wrapped_of(path), PASSWORD, device_key)
    with pytest.raises(CannotUnlock):
        keyring.open_with_password(wrapped_of(path), PASSWORD, key.device_key)


def test_the_meter_number_is_needed_beside_the_private_key(key: GatewayKeys) -> None:
    wrapped = keyring.new_household(PASSWORD, key, COST_IN_TESTS).wrapped
    sealed = HouseholdSeal(wrapped.suite, wrapped.public_key).seal_data_key(b"a data key", NUMBER)
    household = keyring.open_with_password(wrapped, PASSWORD, key.device_key)
    assert household.open_data_key(sealed, NUMBER) == b"a data key"
    with pytest.raises(CannotUnlock):
        household.open_data_key(sealed, NUMBER[:-1])
    with pytest.raises(CannotUnlock):
        household.open_meters(sealed, NUMBER)


def test_the_number_may_be_typed_with_spaces_and_small_letters(recorded: SealedHistory) -> None:
    typed = " e0001 2345 6789 0123 "
    assert unlocked(recorded, typed).meters == (Meter(NUMBER, "electricity"),)


def test_the_recovery_code_opens_the_private_key(key: GatewayKeys) -> None:
    made = keyring.new_household(PASSWORD, key, COST_IN_TESTS)
    wrapped, code = made.wrapped, made.recovery_code
    sealed = HouseholdSeal(wrapped.suite, wrapped.public_key).seal_data_key(b"a data key", NUMBER)
    for written in (code, code.lower(), code.replace("-", ""), code.replace("-", " ")):
        household = keyring.open_with_recovery_code(wrapped, written)
        assert household.open_data_key(sealed, NUMBER) == b"a data key"


def test_the_recovery_code_has_160_bits_and_is_another_one_each_time(key: GatewayKeys) -> None:
    codes = {keyring.new_household(PASSWORD, key, COST_IN_TESTS).recovery_code for _ in range(3)}
    assert len(codes) == 3
    assert {len(code.replace("-", "")) * 5 for code in codes} == {160}


@pytest.mark.parametrize("written", ["", "not a code!", "é", "AAAA-AAAA", PASSWORD])
def test_a_wrong_recovery_code_is_refused(key: GatewayKeys, written: str) -> None:
    made = keyring.new_household(PASSWORD, key, COST_IN_TESTS)
    wrapped, code = made.wrapped, made.recovery_code
    off_by_one = ("A" if code[0] != "A" else "B") + code[1:]
    for wrong in (written, off_by_one):
        with pytest.raises(CannotUnlock):
            keyring.open_with_recovery_code(wrapped, wrong)


def test_the_history_is_claimed_only_once(history: SealedHistory) -> None:
    assert history.claimed
    with pytest.raises(AlreadyClaimed):
        history.claim("another long password")
    unlocked(history)


def test_of_many_who_claim_at_once_one_becomes_the_owner(unclaimed: SealedHistory) -> None:
    codes: list[str] = []
    refused: list[AlreadyClaimed] = []

    def claim() -> None:
        try:
            codes.append(unclaimed.claim(PASSWORD))
        except AlreadyClaimed as error:
            refused.append(error)

    claiming = [threading.Thread(target=claim) for _ in range(4)]
    for thread in claiming:
        thread.start()
    for thread in claiming:
        thread.join()
    assert (len(codes), len(refused)) == (1, 3)


def test_a_short_password_is_refused_and_claims_nothing(unclaimed: SealedHistory) -> None:
    with pytest.raises(PasswordTooShort, match="at least 10 characters"):
        unclaimed.claim("123456789")
    assert not unclaimed.claimed
    unclaimed.claim("x9#kQ2m!vT")


def test_before_the_claim_there_is_nothing_to_unlock_or_to_seal_with(unclaimed: SealedHistory) -> None:
    with pytest.raises(NotClaimed):
        unclaimed.unlock(NUMBER, PASSWORD)
    with pytest.raises(NotClaimed):
        unclaimed.open_writer()


def test_after_the_claim_and_before_the_first_telegram_the_password_alone_counts(
    history: SealedHistory,
) -> None:
    assert unlocked(history).meters == ()
    with pytest.raises(CannotUnlock):
        history.unlock(NUMBER, "not the password")


def test_an_unknown_key_suite_is_refused_with_its_name(key: GatewayKeys) -> None:
    made = keyring.new_household(PASSWORD, key, COST_IN_TESTS)
    wrapped, code = made.wrapped, made.recovery_code
    newer = replace(wrapped, suite="MLKEM1024")
    with pytest.raises(HistoryError, match="MLKEM1024"):
        keyring.open_with_recovery_code(newer, code)


def test_the_device_key_is_made_once_for_this_user_only(tmp_path: Path) -> None:
    file = tmp_path / "stick" / "device.key"
    made = DeviceKey.load_or_create(file)
    again = DeviceKey.load_or_create(file)
    assert made.id == again.id
    assert S_IMODE(file.stat().st_mode) == 0o600
    assert [found.name for found in file.parent.iterdir()] == ["device.key"]


def test_a_missing_or_damaged_device_key_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DeviceKeyUnusable, match="No such file"):
        DeviceKey.load(tmp_path / "none")
    (tmp_path / "short").write_bytes(b"x" * 31)
    (tmp_path / "short").chmod(0o600)
    with pytest.raises(DeviceKeyUnusable, match="must be 32 bytes, not 31"):
        DeviceKey.load_or_create(tmp_path / "short")


def test_what_was_hidden_is_revealed_by_the_same_key_under_the_same_name_only(key: GatewayKeys) -> None:
    secret = key.secret
    hidden = secret.hide("state", b"plain")
    assert secret.reveal("state", hidden) == b"plain"
    assert b"plain" not in hidden
    assert secret.hide("state", b"plain") != hidden
    for wrong_key, name, wrong in (
        (GatewaySecret(bytes(range(32))), "state", hidden),
        (key.device_key, "state", hidden),
        (secret, "outbox", hidden),
        (secret, "state", hidden[:-1] + bytes([hidden[-1] ^ 1])),
        (secret, "state", hidden[:5]),
        (secret, "state", b""),
    ):
        with pytest.raises(StateUnusable, match="does not open with this device key"):
            wrong_key.reveal(name, wrong)


def test_a_meter_tag_depends_on_the_secret_and_on_the_number_as_it_counts(key: GatewayKeys) -> None:
    tag = key.secret.meter_tag(NUMBER)
    assert tag == key.secret.meter_tag(NUMBER.lower() + " ")
    assert tag != key.secret.meter_tag(NUMBER[:-1])
    assert tag != GatewaySecret(bytes(range(32))).meter_tag(NUMBER)
