"""Hidden files: what the daemon must find again by itself, and nobody without its keys."""

from __future__ import annotations

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

    def forget(self) -> None:
        with suppress(FileNotFoundError):
            self._path.unlink()
