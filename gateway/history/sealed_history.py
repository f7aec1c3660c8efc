"""The history as a whole: claimed once, recorded into by the daemon, unlocked by the owner."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gateway.errors import AlreadyClaimed, HistoryError, NotClaimed, PasswordTooShort
from gateway.history import keyring
from gateway.history.keyring import DeviceKey, HouseholdSeal, PasswordCost
from gateway.history.open_history import OpenHistory
from gateway.history.plausibility import Plausibility
from gateway.history.recorder import Recorder
from gateway.history.store import Store
from gateway.history.writer import RECORDER_STATE, Batch, SealedWriter

SHORTEST_PASSWORD = 10


class SealedHistory:
    """One history file and the device key that belongs to it."""

    def __init__(
        self, path: Path, device_key: DeviceKey, zone: ZoneInfo, cost: PasswordCost = keyring.COST_ON_A_PI
    ) -> None:
        """Opens or makes the file. Raises HistoryError."""
        self._path = path
        self._device_key = device_key
        self._zone = zone
        self._cost = cost
        self._claiming = threading.Lock()
        Store.open(path).close()

    @property
    def claimed(self) -> bool:
        with Store.open_to_read(self._path) as store:
            return store.household() is not None

    def claim(self, password: str) -> str:
        """Make the household's keys; returns the recovery code, to be shown once.

        Raises PasswordTooShort and AlreadyClaimed.
        """
        if len(password) < SHORTEST_PASSWORD:
            raise PasswordTooShort(SHORTEST_PASSWORD)
        with self._claiming:
            if self.claimed:
                raise AlreadyClaimed
            wrapped, code = keyring.new_household(password, self._device_key, self._cost)
            with Store.open(self._path) as store, store.transaction():
                store.put_household(wrapped, int(time.time()))
        return code

    def unlock(self, number: str, password: str) -> OpenHistory:
        """Open for reading. Raises NotClaimed, and CannotUnlock when a factor is wrong."""
        with Store.open_to_read(self._path) as store:
            wrapped = store.household()
        if wrapped is None:
            raise NotClaimed
        key = keyring.open_with_password(wrapped, password, self._device_key)
        return OpenHistory(self._path, key, self._device_key, number, self._zone)

    def open_writer(self) -> SealedWriter:
        """What seals and commits batches. Raises NotClaimed. Close it with `SealedWriter.close`."""
        store = Store.open(self._path)
        wrapped = store.household()
        if wrapped is None:
            store.close()
            raise NotClaimed
        return SealedWriter(store, HouseholdSeal(wrapped.suite, wrapped.public_key), self._device_key)

    def recorder(
        self,
        submit: Callable[[Batch], None],
        flush_interval: timedelta,
        plausibility: Plausibility | None = None,
    ) -> Recorder:
        """A recorder, and its plausibility, that go on where the last ended. Raises StateUnusable."""
        return Recorder(submit, self._zone, flush_interval, self._memory(), plausibility)

    def _memory(self) -> dict[str, Any] | None:
        with Store.open_to_read(self._path) as store:
            hidden = store.state(RECORDER_STATE)
        if hidden is None:
            return None
        memory: dict[str, Any] = json.loads(self._device_key.reveal(RECORDER_STATE, hidden))
        return memory


class HiddenFile:
    """A small file that the daemon can read again and nobody without the device key can."""

    def __init__(self, path: Path, device_key: DeviceKey) -> None:
        self._path = path
        self._device_key = device_key

    def load(self) -> bytes | None:
        """None when nothing was saved yet. Raises StateUnusable, or HistoryError."""
        try:
            hidden = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise HistoryError(f"{self._path} cannot be read: {error.strerror}") from None
        return self._device_key.reveal(self._path.name, hidden)

    def save(self, plain: bytes) -> None:
        """Replace the file; after a power cut it is the old or the new one, whole."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished = self._path.with_name(self._path.name + ".new")
        try:
            with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(self._device_key.hide(self._path.name, plain))
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise HistoryError(f"{self._path} cannot be written: {error.strerror}") from None

    def forget(self) -> None:
        with suppress(FileNotFoundError):
            self._path.unlink()
