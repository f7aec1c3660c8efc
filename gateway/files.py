"""Files of the gateway: replaced whole, and in nobody else's reach.

A file that is replaced is, after a power cut, the old one or the new one. A folder that others can change is
not used at all: what is checked there could be another file a moment later.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from gateway.errors import UnsafeFile

GROUP_AND_OTHERS = stat.S_IRWXG | stat.S_IRWXO
OTHERS = stat.S_IRWXO


class Slot(Protocol):
    """Where a few bytes are remembered, hidden and authenticated; a hidden file, as a rule."""

    def load(self) -> bytes | None: ...
    def save(self, plain: bytes) -> None: ...


def check_reach(path: Path, descriptor: int, forbidden: int) -> None:
    """Refuse an open file with a secret in it that others can reach. Raises UnsafeFile.

    `forbidden` are the permission bits that it must not have.
    """
    if _is_credential(path):  # systemd makes these, and lets the service's user or group read them
        forbidden &= OTHERS
    mode = os.fstat(descriptor).st_mode
    if mode & forbidden:
        who = "everybody" if mode & OTHERS else "its group"
        raise UnsafeFile(
            f"{who} on this machine can reach {path}: run chmod 600 {path}; where it lies on a stick with"
            " FAT, which knows no permissions, mount that with the options uid=p1-gateway,umask=077"
        )


def _is_credential(path: Path) -> bool:
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path("/run/credentials") in path.parents or (given is not None and path.parent == Path(given))


def check_folder(folder: Path, *, as_root: bool = True, apart: Collection[Path] = ()) -> None:
    """Refuse a folder that others can reach or own, or with links among its files. Raises UnsafeFile.

    `as_root`: the administrator may look into the folder of the gateway's own user, too. `apart` are folders
    in it that another program's user owns.
    """
    found = folder.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise UnsafeFile(
            f"{folder} is a link: write the path that it leads to, {folder.resolve()}, into the configuration"
        )
    if not stat.S_ISDIR(found.st_mode):
        raise UnsafeFile(f"{folder} is no folder: move it away, or choose another one")
    _check_owner(folder, found, as_root)
    if found.st_mode & GROUP_AND_OTHERS:
        raise UnsafeFile(f"other users of this machine can reach {folder}: run chmod 700 {folder}")
    _check_content(folder, found.st_uid, apart)


def _check_content(folder: Path, owner: int, apart: Collection[Path]) -> None:
    for path in sorted(folder.iterdir()):
        with suppress(FileNotFoundError):  # what SQLite keeps beside a database comes and goes
            found = path.lstat()
            if stat.S_ISLNK(found.st_mode):
                raise UnsafeFile(
                    f"{path} is a link, and the gateway follows none in its data folder: remove it, and put"
                    " the file itself there"
                )
            if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
                raise UnsafeFile(
                    f"{path} can be reached by a second name elsewhere: replace it by a copy of its own"
                    f" (cp {path} {path}.copy && mv {path}.copy {path})"
                )
            if path not in apart and found.st_uid not in (owner, 0):
                _check_owner(path, found, as_root=False)
            if stat.S_ISDIR(found.st_mode):
                _check_content(path, found.st_uid if path in apart else owner, apart)


def _check_owner(path: Path, found: os.stat_result, as_root: bool) -> None:
    user = os.geteuid()
    if found.st_uid != user and not (as_root and user == 0):
        raise UnsafeFile(
            f"{path} belongs to another user: let the gateway run as that one, or run chown -R {user} {path}"
        )


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
