"""What a program does to the files of a folder, taken down by strace, in order."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CALLS = (
    "openat,close,write,pwrite64,ftruncate,fsync,fdatasync,"
    "rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat"
)
_TEXT = r'"((?:\\x[0-9a-f]{2})*)"'
_FD = r"(\d+)<[^>]*>"
_LINE = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)(?:<[^>]*>)?(?: .*)?$")
_UNFINISHED = re.compile(r"^(\d+) +(.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$")


@dataclass(frozen=True, slots=True)
class Create:
    """A name for a new file, which is known by its number from then on."""

    path: str
    inode: int


@dataclass(frozen=True, slots=True)
class Write:
    inode: int
    offset: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    inode: int
    length: int


@dataclass(frozen=True, slots=True)
class Sync:
    """A file is on disk, or with `folder` the names in that folder."""

    inode: int | None
    folder: str | None = None


@dataclass(frozen=True, slots=True)
class Rename:
    path: str
    to: str


@dataclass(frozen=True, slots=True)
class Unlink:
    path: str


@dataclass(frozen=True, slots=True)
class MakeFolder:
    path: str


@dataclass(frozen=True, slots=True)
class Told:
    """A line that the program wrote on standard error."""

    words: str


Step = Create | Write | Truncate | Sync | Rename | Unlink | MakeFolder | Told


def record(command: list[str], folder: Path, log: Path) -> list[Step]:
    """Run a program under strace; returns what it did below `folder`. Raises CalledProcessError."""
    strace = ["strace", "-f", "-y", "-xx", "-s", "10000000", "-e", f"trace={CALLS}", "-o", str(log)]
    subprocess.run([*strace, *command], check=True, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    return list(_Reader(str(folder.resolve())).steps(log))


def _text(hexadecimal: str) -> bytes:
    return bytes.fromhex(hexadecimal.replace("\\x", ""))


class _Reader:
    def __init__(self, folder: str) -> None:
        self._folder = folder + "/"
        self._open: dict[int, int | str] = {}  # file numbers and folders by descriptor
        self._at: dict[int, int] = {}  # where the next write of a descriptor goes
        self._names: dict[str, int] = {}
        self._ends: dict[int, int] = {}  # how long a file is that is only ever added to
        self._inodes = 0

    def steps(self, log: Path) -> Iterator[Step]:
        waiting: dict[str, str] = {}
        with log.open() as lines:
            for line in lines:
                if unfinished := _UNFINISHED.match(line):
                    waiting[unfinished[1]] = unfinished[2]
                    continue
                resumed = _RESUMED.match(line)
                whole = waiting.pop(resumed[1]) + resumed[2] if resumed else line
                found = _LINE.match(whole)
                if found and int(found[3]) >= 0:
                    yield from self._step(found[1], found[2], int(found[3]))

    def _step(self, call: str, arguments: str, result: int) -> Iterator[Step]:
        texts = [_text(found).decode("utf-8", "replace") for found in re.findall(_TEXT, arguments)]
        descriptor = int(found[1]) if (found := re.match(_FD, arguments)) else -1
        if call == "openat":
            yield from self._opened(texts[-1], arguments, result)
        elif call == "close":
            self._open.pop(descriptor, None)
        elif call in ("write", "pwrite64"):
            yield from self._written(call, descriptor, arguments, result)
        elif call == "ftruncate" and isinstance(self._open.get(descriptor), int):
            yield Truncate(self._number(descriptor), int(arguments.rpartition(", ")[2]))
        elif call in ("fsync", "fdatasync") and descriptor in self._open:
            of = self._open[descriptor]
            yield Sync(None, of) if isinstance(of, str) else Sync(of)
        elif call.startswith("rename") and texts[0].startswith(self._folder):
            self._names[texts[1]] = self._names.pop(texts[0])
            yield Rename(self._short(texts[0]), self._short(texts[1]))
        elif call.startswith("unlink") and texts[0] in self._names:
            del self._names[texts[0]]
            yield Unlink(self._short(texts[0]))
        elif call.startswith("mkdir") and texts[0].startswith(self._folder):
            yield MakeFolder(self._short(texts[0]))

    def _opened(self, path: str, arguments: str, descriptor: int) -> Iterator[Step]:
        self._open.pop(descriptor, None)
        if not path.startswith(self._folder) or path.endswith("-shm"):
            return
        if path not in self._names:
            if "O_CREAT" not in arguments:  # a folder
                self._open[descriptor] = self._short(path)
                return
            self._inodes += 1
            self._names[path] = self._inodes
            yield Create(self._short(path), self._inodes)
        inode = self._open[descriptor] = self._names[path]
        self._at[descriptor] = self._ends.get(inode, 0) if "O_APPEND" in arguments else 0
        if "O_TRUNC" in arguments:
            yield Truncate(inode, 0)

    def _written(self, call: str, descriptor: int, arguments: str, length: int) -> Iterator[Step]:
        content = _text(re.findall(_TEXT, arguments)[0])[:length]
        if descriptor == 2:
            yield from (Told(line) for line in content.decode("utf-8", "replace").splitlines())
        elif isinstance(self._open.get(descriptor), int):
            if call == "pwrite64":
                offset = int(arguments.rpartition(", ")[2])
            else:
                offset = self._at[descriptor]
                self._at[descriptor] += length
                self._ends[self._number(descriptor)] = self._at[descriptor]
            yield Write(self._number(descriptor), offset, content)

    def _number(self, descriptor: int) -> int:
        found = self._open[descriptor]
        assert isinstance(found, int)
        return found

    def _short(self, path: str) -> str:
        return path.removeprefix(self._folder)
