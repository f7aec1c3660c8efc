"""Where the gateway's own keys lie, and how they are found again after a cut.

    device key         a file, on a USB stick for instance, or a systemd credential ("credential:NAME")
    ….next             beside it while the keys are renewed: the one that follows
    gateway.secret     in the data folder: the gateway secret, hidden under the device key, and under
                       both while they are renewed

Which of two device keys counts is told by the household in the database, which is changed in one
transaction: before it the old one does, after it the next.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from gateway.errors import (
    DeviceKeyUnusable,
    FolderInUse,
    HistoryError,
    StateUnusable,
)
from gateway.files import sync_folder, write_whole
from gateway.history.keys.keyring import WrappedHousehold
from gateway.history.keys.root_keys import (
    KEY_BYTES,
    DeviceKey,
    GatewayKeys,
    GatewaySecret,
)
from gateway.history.storage.store import Store

SECRET_NAME = "gateway.secret"  # noqa: S105 - the name of a file
_LOCK_NAME = "lock"
_CREDENTIAL = "credential:"
# Where systemd puts the service's credentials: root finds them there while the service runs.
_CREDENTIALS_OF_SERVICE = Path("/run/credentials/p1-gateway.service")


def is_credential(setting: Path) -> bool:
    """Whether the device key is given by systemd, and cannot be replaced by the gateway itself."""
    return str(setting).startswith(_CREDENTIAL)


def device_key_path(setting: Path) -> Path:
    """The file that a setting names. Raises DeviceKeyUnusable."""
    if not is_credential(setting):
        return setting
    written = str(setting)
    name = written.removeprefix(_CREDENTIAL)
    folder = os.environ.get("CREDENTIALS_DIRECTORY") or str(_CREDENTIALS_OF_SERVICE)
    path = Path(folder) / name
    if not os.access(path, os.R_OK):
        raise DeviceKeyUnusable(
            f"the device key is the systemd credential {name}, which only the running service is given: have"
            f" LoadCredential={name}:/a/path in its unit, and try this as root while the service runs"
        )
    return path


def next_path(path: Path) -> Path:
    """Where the device key lies that will follow the one at `path`."""
    return path.with_name(path.name + ".next")


def open_keys(setting: Path, history: Path) -> GatewayKeys:
    """The keys of a data folder, made at its first start.

    Changes nothing where there is a household: also a command beside the running gateway may ask.
    Raises DeviceKeyUnusable and StateUnusable.
    """
    path = device_key_path(setting)
    household = _household(history)
    if household is not None:
        found = _needed(path, household.device_key_id)
    elif history.exists() or is_credential(setting):
        # A key that is missing beside a history is not made anew: it is on a stick that is not plugged in.
        found = DeviceKey.load(path)
    else:
        found = DeviceKey.load_or_create(path)
    # Its place is where it belongs, also while it still lies beside that: the next one will go there.
    return keys_beside(history, DeviceKey(found.raw, None if is_credential(setting) else path))


def keys_beside(history: Path, device_key: DeviceKey) -> GatewayKeys:
    """A device key with the gateway secret beside a history, made where there is neither secret nor owner.

    Raises StateUnusable, and DeviceKeyUnusable for another gateway's.
    """
    secret = SecretFile(history.parent).load_or_create(device_key, _household(history) is not None)
    return GatewayKeys(device_key, secret)


def settle(setting: Path, history: Path) -> None:
    """End a renewal that was cut, forward or back. Only for who holds the folder's lock."""
    household = _household(history)
    path = device_key_path(setting)
    following, file = next_path(path), SecretFile(history.parent)
    if household is None or not (following.exists() or file.copies() > 1):
        return
    found = _needed(path, household.device_key_id)
    secret = file.load(found)
    try:
        if found.path == following:
            take_next(path)
        file.save(secret, found)
        following.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise HistoryError(f"the device key {path} cannot be written: {error.strerror}") from None
    with Store.open(history) as store:
        store.wipe_log()


def take_next(path: Path) -> None:
    """Put the next device key in the place of the one at `path`, which is destroyed."""
    descriptor = None
    with suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_WRONLY)
    next_path(path).replace(path)
    sync_folder(path.parent)
    if descriptor is not None:
        with os.fdopen(descriptor, "wb") as file:
            file.write(bytes(KEY_BYTES))  # no name leads to it any more; now nothing is there either
            file.flush()
            os.fsync(file.fileno())


class SecretFile:
    """The gateway secret, hidden under one device key, or under two while they change."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / SECRET_NAME

    def load(self, device_key: DeviceKey) -> GatewaySecret:
        """Raises StateUnusable."""
        for copy in self._read():
            with suppress(StateUnusable):
                return GatewaySecret.revealed(copy, device_key)
        raise DeviceKeyUnusable(
            "the device key is not the one that belongs to this data folder: put back the right one"
        )

    def load_or_create(self, device_key: DeviceKey, needed: bool) -> GatewaySecret:
        """`needed`: there is a household already, so it must be there. Raises StateUnusable."""
        if not self.path.exists():
            if needed:
                raise StateUnusable(
                    f"{self.path} is missing: put it back from a backup, or take the recovery code with"
                    " p1-gateway key recover"
                )
            self.save(GatewaySecret.new(), device_key)
        return self.load(device_key)

    def save(self, secret: GatewaySecret, *device_keys: DeviceKey) -> None:
        """Raises HistoryError."""
        copies = b"".join(secret.hidden_under(key) for key in device_keys)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self.path, copies)
        except OSError as error:
            raise HistoryError(f"{self.path} cannot be written: {error.strerror}") from None

    def copies(self) -> int:
        return len(self._read()) if self.path.exists() else 0

    def _read(self) -> list[bytes]:
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise StateUnusable(f"{self.path} cannot be read: {error.strerror}") from None
        size = GatewaySecret.HIDDEN_BYTES
        return [content[at : at + size] for at in range(0, len(content), size)]


class FolderLock:
    """Held by the one process that changes what lies in a data folder."""

    def __init__(self, folder: Path) -> None:
        """Raises FolderInUse, and OSError."""
        self._descriptor = os.open(folder / _LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise FolderInUse from None

    def release(self) -> None:
        os.close(self._descriptor)


def _needed(path: Path, key_id: bytes) -> DeviceKey:
    """The device key that the household names, at its place or still beside it."""
    for place in (path, next_path(path)):
        with suppress(DeviceKeyUnusable):
            found = DeviceKey.load(place)
            if found.id == key_id:
                return found
    DeviceKey.load(path)  # says why, when it is missing or damaged
    raise DeviceKeyUnusable(
        f"the device key {path} is not the one that belongs to this history: put back the right one"
    )


def _household(history: Path) -> WrappedHousehold | None:
    if not history.exists():
        return None
    # A damaged database names no key: what becomes of it is decided where it is opened for writing.
    with suppress(sqlite3.Error), closing(Store.open_to_read(history)) as store:
        return store.household()
    return None
