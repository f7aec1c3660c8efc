"""Recovery: a new password by recovery code and meter number, also when the device key is lost.

What lies under the household's private key, which the code opens, gives back the gateway secret and
the key of the macs: so the whole chain stays authenticated, and the meters keep their tags.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from gateway.errors import (
    CannotUnlock,
    DeviceKeyUnusable,
    HistoryError,
    NotClaimed,
)
from gateway.history.keys import keyring
from gateway.history.keys.keyring import HouseholdKey, PasswordCost, WrappedHousehold
from gateway.history.keys.password import check_password
from gateway.history.keys.root_keys import (
    Authenticator,
    DeviceKey,
    GatewayKeys,
    GatewaySecret,
)
from gateway.history.storage.key_files import SecretFile, device_key_path, is_credential
from gateway.history.storage.store import Store
from gateway.history.upkeep.renewal import authenticate_anew


def recover(
    history: Path,
    device_key: Path,
    number: str,
    code: str,
    new_password: str,
    new_device_key: bool = False,
    cost: PasswordCost = keyring.COST_ON_A_PI,
) -> None:
    """Make the history open with a new password on this gateway. Only for who holds the folder's lock.

    `device_key` is the setting; with `new_device_key` one is made in the place of the lost one. Raises
    CannotUnlock, PasswordTooShort, PasswordTooCommon, DeviceKeyUnusable and HistoryError.
    """
    take_over(
        history,
        lambda household: _device_key(device_key, household, new_device_key),
        number,
        code,
        new_password,
        cost,
    )


def take_over(
    history: Path,
    device_key: Callable[[WrappedHousehold], DeviceKey],
    number: str,
    code: str,
    new_password: str,
    cost: PasswordCost,
) -> GatewaySecret:
    """Put a history under the device key that is named for its household; returns its gateway secret.

    Raises as `recover` does.
    """
    check_password(new_password, number)
    try:
        with Store.open(history) as store:
            household, key, secret, authenticator = _opened(store, number, code)
            keys = GatewayKeys(device_key(household), secret)
            # First where the secret is found again, then what needs it: a cut between leaves the code good.
            SecretFile(history.parent).save(secret, keys.device_key)
            with store.transaction():
                if keys.device_key.id != household.device_key_id:
                    authenticate_anew(store, authenticator, keys.device_key.authenticator)
                store.replace_household(keyring.wrap_anew(household, key, new_password, keys, cost))
            store.wipe_log()
            return secret
    except sqlite3.Error as error:
        raise HistoryError(f"the history cannot be written: {error}") from None


def _opened(
    store: Store, number: str, code: str
) -> tuple[WrappedHousehold, HouseholdKey, GatewaySecret, Authenticator]:
    household = store.household()
    if household is None:
        raise NotClaimed
    key = keyring.open_with_recovery_code(household, code)
    secret, authenticator = key.root(household)
    keyring.check_household(household, authenticator)
    records = store.meters_records()
    if records:
        sealed = records.get(secret.meter_tag(number))
        if sealed is None:
            raise CannotUnlock
        key.open_meters(sealed, number)
    return household, key, secret, authenticator


def _device_key(setting: Path, household: WrappedHousehold, new: bool) -> DeviceKey:
    path = device_key_path(setting)
    if not new:
        found = DeviceKey.load(path)
        if found.id != household.device_key_id:
            raise DeviceKeyUnusable(
                f"the device key {path} is not the one that belongs to this history: put back the right one,"
                " or let another take its place with --new-device-key"
            )
        return found
    if is_credential(setting):
        return DeviceKey.load(path)  # another was put there by root
    if path.exists():
        kept = path.with_name(f"{path.name}.{int(time.time())}")
        path.rename(kept)  # it may be another gateway's
    return DeviceKey.load_or_create(path)
