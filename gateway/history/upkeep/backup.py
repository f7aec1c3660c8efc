"""Backup and restore: the sealed history in one file, which opens with the recovery code alone.

A backup is the database as it was at one moment, without its free pages, and a check sum behind it. All in
it is sealed: it may lie on any disk. On another machine it takes the recovery code and the meter number; the
history then belongs to that machine's device key, with a new password, and the chain stays authenticated.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.errors import (
    AlreadyClaimed,
    BackupDamaged,
    BackupFailed,
    HistoryError,
    StateUnusable,
)
from gateway.files import sync_folder
from gateway.history.keys import keyring
from gateway.history.keys.hidden_file import HiddenFile
from gateway.history.keys.keyring import PasswordCost
from gateway.history.keys.password import check_password
from gateway.history.keys.root_keys import DeviceKey, GatewaySecret
from gateway.history.storage.anchor import ANCHOR_NAME, Anchor
from gateway.history.storage.key_files import (
    SECRET_NAME,
    SecretFile,
    device_key_path,
    is_credential,
)
from gateway.history.storage.store import Store
from gateway.history.upkeep.recovery import take_over

SUFFIX = ".p1-backup"
_NAMED = "%Y-%m-%d-%H%M%S"
_MARK = b"p1-gateway backup, check sum:\n"
_TRAILER_BYTES = len(_MARK) + hashlib.sha256().digest_size
_CHUNK = 1 << 20

Progress = Callable[[int, int], None]


def back_up(history: Path, folder: Path, at: datetime) -> Path:
    """Write a backup into a folder, while the history is in use; returns its file.

    `at` is the local time that it is named after. Raises BackupFailed.
    """
    if not folder.is_dir():
        raise BackupFailed(f"the folder {folder} is not there: is the stick plugged in?")
    path = folder / f"{at.strftime(_NAMED)}{SUFFIX}"
    unfinished = path.with_name(f".{path.name}.new")
    try:
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600)
        with Store.open_to_read(history) as store:
            store.copy_into(unfinished)
        with unfinished.open("ab") as file:
            file.write(_MARK + _digest(unfinished, unfinished.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        sync_folder(folder)
    except (OSError, sqlite3.Error, HistoryError) as error:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        reason = error.strerror if isinstance(error, OSError) else error
        raise BackupFailed(f"no backup could be written to {folder}: {reason}") from None
    return path


def backups(folder: Path) -> list[Path]:
    """The backups in a folder, the oldest first."""
    return sorted(folder.glob(f"[0-9]*{SUFFIX}"))


def made_at(path: Path, zone: ZoneInfo) -> datetime | None:
    """When a backup was made, by its name; None for a file of another kind."""
    try:
        return datetime.strptime(path.name.removesuffix(SUFFIX), _NAMED).replace(tzinfo=zone)
    except ValueError:
        return None


def keep_newest(folder: Path, count: int) -> None:
    """Remove all backups in a folder but so many. Raises BackupFailed."""
    try:
        for path in backups(folder)[:-count]:
            path.unlink()
    except OSError as error:
        raise BackupFailed(f"an old backup in {folder} could not be removed: {error.strerror}") from None


def restore(
    backup: Path,
    history: Path,
    device_key: Path,
    number: str,
    code: str,
    new_password: str,
    cost: PasswordCost = keyring.COST_ON_A_PI,
) -> None:
    """Make a backup the history of this gateway. Only for who holds the folder's lock.

    `history` is where the database will lie, `device_key` the setting. Until the last step nothing is
    changed. Raises BackupDamaged, AlreadyClaimed, CannotUnlock, PasswordTooShort,
    PasswordTooCommon and HistoryError.
    """
    check_password(new_password, number)
    _check(backup)
    if history.exists() and _is_claimed(history):
        raise AlreadyClaimed
    folder = history.parent
    building = folder / "restoring"
    try:
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(mode=0o700)
        copy = building / history.name
        _copy(backup, copy, backup.stat().st_size - _TRAILER_BYTES)
        own = _own_device_key(device_key)
        secret = take_over(copy, lambda _: own, number, code, new_password, cost)
        _set_anchor(copy, building, secret)
        _hide_anew(folder, building, own, secret)
        _move(building, folder, history.name)
    except OSError as error:
        raise HistoryError(f"{error.filename or folder} cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _check(backup: Path) -> None:
    try:
        size = backup.stat().st_size - _TRAILER_BYTES
        with backup.open("rb") as file:
            file.seek(max(size, 0))
            trailer = file.read()
        whole = size > 0 and trailer == _MARK + _digest(backup, size)
    except OSError as error:
        raise BackupDamaged(f"the backup {backup} cannot be read: {error.strerror}") from None
    if not whole:
        raise BackupDamaged(f"{backup} is not a whole backup: it was cut or altered; take an older one")
    # A check sum is no seal: who alters a backup can make a new one. But what was altered does not open.


def _digest(path: Path, size: int) -> bytes:
    found = hashlib.sha256()
    for chunk in _chunks(path, size):
        found.update(chunk)
    return found.digest()


def _chunks(path: Path, size: int) -> Iterator[bytes]:
    """The first `size` bytes of a file."""
    with path.open("rb") as file:
        while size > 0 and (chunk := file.read(min(_CHUNK, size))):
            size -= len(chunk)
            yield chunk


def _copy(backup: Path, copy: Path, size: int) -> None:
    with os.fdopen(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        for chunk in _chunks(backup, size):
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def _is_claimed(history: Path) -> bool:
    with closing(Store.open_to_read(history)) as store:
        return store.household() is not None


def _own_device_key(setting: Path) -> DeviceKey:
    path = device_key_path(setting)
    return DeviceKey.load(path) if is_credential(setting) else DeviceKey.load_or_create(path)


def _set_anchor(copy: Path, building: Path, secret: GatewaySecret) -> None:
    with Store.open_to_read(copy) as store:
        Anchor(HiddenFile(building / "hidden" / ANCHOR_NAME, secret)).set(store)


def _hide_anew(folder: Path, building: Path, device_key: DeviceKey, secret: GatewaySecret) -> None:
    """What this gateway remembers already, its broker's passwords for one, under the restored secret."""
    try:
        before = SecretFile(folder).load(device_key)
    except StateUnusable:
        return
    for file in (folder / "hidden").glob("*"):
        kept = building / "hidden" / file.name
        # After a restore that was cut, some of them are under the restored secret already.
        for key in (before, secret):
            with suppress(StateUnusable):
                plain = HiddenFile(file, key).load()
                if plain is not None and not kept.exists():
                    HiddenFile(kept, secret).save(plain)


def _move(building: Path, folder: Path, name: str) -> None:
    """Put everything in its place; the database last: with it, the restore is done."""
    (folder / "hidden").mkdir(exist_ok=True, mode=0o700)
    for file in (building / "hidden").iterdir():
        file.replace(folder / "hidden" / file.name)
    sync_folder(folder / "hidden")
    (building / SECRET_NAME).replace(folder / SECRET_NAME)
    for beside in ("-wal", "-shm"):
        (folder / f"{name}{beside}").unlink(missing_ok=True)
    (building / name).replace(folder / name)
    sync_folder(folder)
