"""Renewal: another household key pair, recovery code and device key, at least once a year.

The order makes it safe to be cut anywhere (key_files.settle goes forward or back at the next start):

    1  the next device key beside the present one
    2  the gateway secret hidden under both
    3  in one transaction: the household's new keys, every data key and meters record sealed to them,
       every mac made anew
    4  the next device key in the place of the old one, which is destroyed
    5  the gateway secret under the new one only

Where the device key's folder cannot be written (a systemd credential) steps 1, 2, 4 and 5 fall away.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.errors import CannotUnlock, HistoryError
from gateway.files import write_whole
from gateway.history.keys import keyring
from gateway.history.keys.keyring import (
    HouseholdKey,
    HouseholdSeal,
    NewHousehold,
    PasswordCost,
    WrappedHousehold,
)
from gateway.history.keys.root_keys import Authenticator, DeviceKey, GatewayKeys
from gateway.history.keys.suites import SUITE_NAME
from gateway.history.recording.writer import SealedWriter
from gateway.history.records import meters
from gateway.history.storage import data_keys
from gateway.history.storage.chain import (
    authenticated,
    is_first_genuine,
    is_genuine,
    is_removal_genuine,
    kept_from,
    trace_removed,
)
from gateway.history.storage.key_files import SecretFile, next_path, take_next
from gateway.history.storage.rows import DataKeyRecord
from gateway.history.storage.store import Store

Progress = Callable[[int, int], None]
"""Hears how much is done, and of how much."""

_FORGED = b""


def silent(done: int, of: int) -> None:
    """Hears of progress, and says nothing."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that takes time for the password, done before the writer is kept from its batches."""

    old: WrappedHousehold
    old_key: HouseholdKey
    keys: GatewayKeys
    device_key: DeviceKey
    household: NewHousehold
    device_key_at: Path | None
    """Where the device key is replaced; None where it stays."""


def prepare(
    old: WrappedHousehold,
    old_key: HouseholdKey,
    password: str,
    keys: GatewayKeys,
    cost: PasswordCost,
    suite_name: str = SUITE_NAME,
) -> Prepared:
    """Make the keys that will follow; nothing on disk is changed yet."""
    device_key, at = keys.device_key, keys.device_key.path
    if at is not None and not os.access(at.parent, os.W_OK):
        at = None
    if at is not None:
        device_key = DeviceKey(DeviceKey.new().raw, at)
    following = GatewayKeys(device_key, keys.secret)
    made = keyring.new_household(password, following, cost, suite_name)
    return Prepared(old, old_key, keys, device_key, made, at)


def carry_out(
    prepared: Prepared,
    writer: SealedWriter,
    folder: Path,
    number: str,
    now: int,
    progress: Progress,
    take: Callable[[GatewayKeys], None],
) -> None:
    """The five steps; in the writer's thread. Raises HistoryError, and then all is as before.

    `take` is given the keys that count from the moment the transaction is done.
    """
    file = SecretFile(folder)
    try:
        if prepared.device_key_at is not None:
            write_whole(next_path(prepared.device_key_at), prepared.device_key.raw)
            file.save(prepared.keys.secret, prepared.keys.device_key, prepared.device_key)
        with writer.store.transaction():
            _reseal(writer.store, prepared, number, progress)
            writer.store.replace_household(prepared.household.wrapped, now)
    except (HistoryError, OSError, sqlite3.Error) as error:
        if writer.store.household() == prepared.old:
            _take_back(prepared, file)
            raise HistoryError(f"the keys could not be renewed, and are as before: {error}") from error
    # From here on the new keys count. What now fails is done at the next start.
    with suppress(HistoryError, OSError, sqlite3.Error):
        writer.begin_anew()
        take(GatewayKeys(prepared.device_key, prepared.keys.secret))
        if prepared.device_key_at is not None:
            take_next(prepared.device_key_at)
            file.save(prepared.keys.secret, prepared.device_key)
        writer.store.wipe_log()


def _take_back(prepared: Prepared, file: SecretFile) -> None:
    with suppress(HistoryError, OSError):
        if prepared.device_key_at is not None:
            file.save(prepared.keys.secret, prepared.keys.device_key)
            next_path(prepared.device_key_at).unlink(missing_ok=True)


def _reseal(store: Store, prepared: Prepared, number: str, progress: Progress) -> None:
    """Seal to the new household what was sealed to the old one; every mac anew."""
    old, made = prepared.old_key, prepared.household.wrapped
    household = HouseholdSeal(made.suite, made.public_key)
    numbers = _reseal_meters(store, prepared, household, number)
    old_mac, new_mac = prepared.keys.device_key.authenticator, prepared.device_key.authenticator
    records = store.all_data_keys()
    for done, record in enumerate(records):
        progress(done, len(records))
        resealed = record
        # One that belongs to no meter of the household was forged: it is left as it was found.
        if record.meter_tag in numbers:
            with suppress(CannotUnlock):
                resealed = data_keys.rewrapped(record, old, household, numbers[record.meter_tag])
        store.put_data_key(_authenticated_anew(record, resealed, old_mac, new_mac))
    progress(len(records), len(records))
    _first_kept_anew(store, old_mac, new_mac)


def _reseal_meters(
    store: Store, prepared: Prepared, household: HouseholdSeal, number: str
) -> dict[bytes, str]:
    """Seal the meters records anew; returns the household's meter numbers by their tags."""
    tag = prepared.keys.secret.meter_tag
    records = store.meters_records()
    if tag(number) not in records:
        return {}
    plain = prepared.old_key.open_meters(records[tag(number)], number)
    numbers = {tag(meter.number): meter.number for meter in meters.decode(plain)}
    for found, sealed in records.items():
        if found in numbers:
            with suppress(CannotUnlock):
                plain = prepared.old_key.open_meters(sealed, numbers[found])
                store.reseal_meters_record(found, household.seal_meters(plain, numbers[found]))
    return numbers


def _authenticated_anew(
    record: DataKeyRecord, resealed: DataKeyRecord, old: Authenticator, new: Authenticator
) -> DataKeyRecord:
    """The record with macs of the new key; what was forged or altered must not become genuine by it."""
    anew = authenticated(resealed, new) if is_genuine(record, old) else replace(resealed, mac=_FORGED)
    if record.trace_removed_at is None:
        return anew
    if is_removal_genuine(record, old):
        return trace_removed(anew, record.trace_removed_at, new)
    return replace(anew, removal_mac=_FORGED)


def authenticate_anew(store: Store, old: Authenticator, new: Authenticator) -> None:
    """Every mac under another device key, the household's keys as they are; inside a transaction.

    For a recovery: the old device key is lost, its authenticator came with the recovery code.
    """
    for record in store.all_data_keys():
        store.put_data_key(_authenticated_anew(record, record, old, new))
    _first_kept_anew(store, old, new)


def _first_kept_anew(store: Store, old: Authenticator, new: Authenticator) -> None:
    for first in store.first_kept().values():
        genuine = is_first_genuine(first, old)
        store.put_first_kept(kept_from(first, new) if genuine else replace(first, mac=_FORGED))
