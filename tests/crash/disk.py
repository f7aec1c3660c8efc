"""A disk that loses its power: what is surely on it, and what may or may not be.

Surely there is what was synced. Of the writes after that any part may be there, in any order, the last
one torn at a sector; of the names made, changed and removed in a folder that was not synced since, the
first so many.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from random import Random

from tests.crash.recording import Create, MakeFolder, Rename, Step, Sync, Truncate, Unlink, Write

_SECTOR = 512


class Disk:
    """Takes the steps of a program, one after the other."""

    def __init__(self) -> None:
        self._content: dict[int, bytearray] = {}
        self._pending: dict[int, list[Write | Truncate]] = {}
        self._names: dict[str, int] = {}
        self._pending_names: dict[str, list[Create | Rename | Unlink]] = {}
        self._folders: set[str] = set()

    def take(self, step: Step) -> None:
        if isinstance(step, Write | Truncate):
            self._pending.setdefault(step.inode, []).append(step)
        elif isinstance(step, Create | Rename | Unlink):
            self._pending_names.setdefault(_folder(step.path), []).append(step)
        elif isinstance(step, MakeFolder):
            self._folders.add(step.path)  # that a folder itself is lost is the installation's matter
        elif isinstance(step, Sync) and step.inode is not None:
            _apply(self._content, self._pending.pop(step.inode, []))
        elif isinstance(step, Sync) and step.folder is not None:
            _name(self._names, self._pending_names.pop(step.folder, []))

    def cut(self, chance: Random, folder: Path) -> None:
        """Write into `folder` what is found after a power cut now: one of many things that may be."""
        content = {inode: bytearray(found) for inode, found in self._content.items()}
        lose = chance.choice(("all", "the last", "any"))
        for pending in self._pending.values():
            _apply(content, _survivors(pending, lose, chance), torn=chance)
        names = dict(self._names)
        for made in self._pending_names.values():
            _name(names, made[: 0 if lose == "all" else chance.randint(0, len(made))])
        for made_folder in sorted(self._folders):
            (folder / made_folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, inode in names.items():
            (folder / path).touch(mode=0o600)  # as the gateway makes all its files
            (folder / path).write_bytes(bytes(content.get(inode, b"")))


def _folder(path: str) -> str:
    return str(PurePosixPath(path).parent)


def _survivors(pending: list[Write | Truncate], lose: str, chance: Random) -> list[Write | Truncate]:
    if lose == "all":
        return []
    if lose == "the last":
        return pending[: chance.randint(0, len(pending))]
    return [step for step in pending if chance.random() < 0.5]


def _apply(
    content: dict[int, bytearray], steps: Iterable[Write | Truncate], torn: Random | None = None
) -> None:
    steps = list(steps)
    for number, step in enumerate(steps):
        file = content.setdefault(step.inode, bytearray())
        if isinstance(step, Truncate):
            del file[step.length :]
            file.extend(bytes(step.length - len(file)))
            continue
        written = step.content
        if torn is not None and number == len(steps) - 1 and torn.random() < 0.5:
            written = written[: torn.randrange(len(written) // _SECTOR + 1) * _SECTOR]
        file.extend(bytes(max(0, step.offset + len(written) - len(file))))
        file[step.offset : step.offset + len(written)] = written


def _name(names: dict[str, int], made: Iterable[Create | Rename | Unlink]) -> None:
    for step in made:
        if isinstance(step, Create):
            names[step.path] = step.inode
        elif isinstance(step, Unlink):
            names.pop(step.path, None)
        elif step.path in names:  # else its creation was lost, which cannot be: they are in one folder
            names[step.to] = names.pop(step.path)
