"""Erase: the keys first, then the files. Afterwards not even the recovery code opens anything.

What was copied elsewhere before, a backup for one, is not reached: it opens with its recovery code.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from gateway.errors import DeviceKeyUnusable, HistoryError
from gateway.files import sync_folder
from gateway.history.keys.root_keys import KEY_BYTES
from gateway.history.storage.key_files import (
    SECRET_NAME,
    device_key_path,
    is_credential,
    next_path,
)
from gateway.history.storage.store import Store

_LOCK = "lock"  # it is held while this runs


def erase(folder: Path, history: Path, device_key: Path, elsewhere: Sequence[Path] = ()) -> bool:
    """Erase a data folder. Only for who holds its lock. Returns whether the device key is gone, too.

    `elsewhere` are files of the gateway outside the folder.

    A device key that systemd gives is not the gateway's to remove. Raises HistoryError.
    """
    try:
        _destroy_keys(history)
        for name in (SECRET_NAME, f"{SECRET_NAME}.new"):
            _overwrite(folder / name)
        erased = _erase_device_key(device_key)
        for path in elsewhere:
            path.unlink(missing_ok=True)
        for found in folder.iterdir():
            if found.name == _LOCK:
                continue
            if found.is_dir() and not found.is_symlink():
                shutil.rmtree(found)
            else:
                found.unlink()
        sync_folder(folder)
    except OSError as error:
        raise HistoryError(f"{error.filename or folder} cannot be erased: {error.strerror}") from None
    return erased


def _destroy_keys(history: Path) -> None:
    """Overwrite every wrapped and sealed key in the database, and its log."""
    if not history.exists():
        return
    # A damaged database is removed as it is: without the device key nothing in it opens, either.
    with suppress(HistoryError, sqlite3.Error), closing(Store.open(history)) as store:
        with store.transaction():
            store.remove_all_keys()
        store.wipe_log()


def _erase_device_key(setting: Path) -> bool:
    if is_credential(setting):
        return False
    try:
        path = device_key_path(setting)
    except DeviceKeyUnusable:
        return False
    for place in (path, next_path(path), path.with_name(path.name + ".new")):
        _overwrite(place)
    return not path.exists()


def _overwrite(path: Path) -> None:
    """Overwrite a small file and remove it. On a card the old bytes may stay where no program reads."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        file.write(bytes(max(KEY_BYTES, path.stat().st_size)))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    sync_folder(path.parent)
