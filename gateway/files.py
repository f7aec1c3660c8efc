"""Small files that are replaced whole: after a power cut it is the old one or the new one."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file, readable by its owner only; on disk when this returns. Raises OSError."""
    unfinished = path.with_name(path.name + ".new")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    _give_to_owner_of(path, unfinished)
    unfinished.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Names made, changed and removed in a folder are on disk when this returns."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _give_to_owner_of(path: Path, unfinished: Path) -> None:
    # Root may replace what the gateway's own user must go on reading.
    if os.geteuid() == 0:
        with suppress(FileNotFoundError):
            owner = path.stat() if path.exists() else path.parent.stat()
            os.chown(unfinished, owner.st_uid, owner.st_gid)
