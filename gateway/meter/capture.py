"""A capture: the bytes of a port, recorded in a file. It ends, as no port does."""

from __future__ import annotations

from pathlib import Path

from gateway.errors import MeterUnavailable

_CHUNK = 4096


class CaptureSource:
    """Raises MeterUnavailable when the file cannot be opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise MeterUnavailable(f"the capture {path} cannot be opened: {error.strerror}") from error

    def read(self) -> bytes | None:
        try:
            return self._file.read(_CHUNK) or None
        except OSError as error:
            raise MeterUnavailable(f"the capture {self._path} cannot be read: {error.strerror}") from error

    def close(self) -> None:
        self._file.close()
