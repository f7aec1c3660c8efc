"""Hidden files: what the daemon must find again by itself, and nobody without its keys."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from gateway.errors import HistoryError
from gateway.files import write_whole
from gateway.history.keys.root_keys import RootKey


class HiddenFile:
    """A small file that the daemon can read again and nobody without the gateway secret can."""

    def __init__(self, path: Path, key: RootKey) -> None:
        self._path = path
        self._key = key

    def load(self) -> bytes | None:
        """None when nothing was saved yet. Raises StateUnusable, or HistoryError."""
        try:
            hidden = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise HistoryError(f"{self._path} cannot be read: {error.strerror}") from None
        return self._key.reveal(self._path.name, hidden)

    def save(self, plain: bytes) -> None:
        """Replace the file; after a power cut it is the old or the new one, whole."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self._path, self._key.hide(self._path.name, plain))
        except OSError as error:
            raise HistoryError(f"{self._path} cannot be written: {error.strerror}") from None

    def overwrite(self, plain: bytes) -> None:
        """Write over the file in its place, without waiting for the disk.

        What is written outlives the process, since it lies with the kernel at once; after a power cut it may
        be older, or damaged. For what is written often and may be lost. Raises HistoryError.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(self._key.hide(self._path.name, plain))
                file.truncate()
        except OSError as error:
            raise HistoryError(f"{self._path} cannot be written: {error.strerror}") from None

    def forget(self) -> None:
        with suppress(FileNotFoundError):
            self._path.unlink()
