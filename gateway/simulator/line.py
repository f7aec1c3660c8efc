"""The wire that carries a simulated meter's telegrams: a pty, TCP, or a stream such as stdout.

A line behaves as a meter's does: it sends whether anyone reads or not, and what is not read in
time is lost. No reader, slow, gone or absent, ever holds it up for long.
"""

from __future__ import annotations

import os
import select
import socket
import termios
import tty
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count as counting
from pathlib import Path
from typing import BinaryIO, Protocol

from gateway.errors import ConfigError

_PATIENCE_S = 0.2
_BACKLOG = 64 * 1024


class Line(Protocol):
    def send(self, telegram: bytes) -> bool:
        """Send what is taken in time; False when nobody will ever read again."""

    def close(self) -> None: ...


class Meter(Protocol):
    """What a line carries: a SimulatedMeter, or one whose telegrams are damaged on purpose."""

    def bytes_at(self, at: datetime) -> bytes: ...


def run(
    meter: Meter,
    line: Line,
    start: datetime,
    *,
    wait: Callable[[float], bool],
    clock: Callable[[], float],
    speed: float = 1.0,
    count: int | None = None,
    period_s: int = 1,
) -> None:
    """Send a telegram for every `period_s` seconds from `start` on, the first at a whole second.

    Time runs at `speed` times true time, and without drift; 0 is as fast as it can. `wait`
    sleeps for so many seconds and returns True when it is time to stop (`threading.Event.wait`);
    `clock` counts seconds (`time.monotonic`). Ends after `count` telegrams, if given.
    """
    first = start.replace(microsecond=0)
    if first < start:
        first += timedelta(seconds=1)
    began = clock() + ((first - start).total_seconds() / speed if speed else 0)
    for number in counting() if count is None else range(count):
        due = began + number * period_s / speed if speed else 0
        if wait(max(0.0, due - clock())):
            return
        if not line.send(meter.bytes_at(first + timedelta(seconds=number * period_s))):
            return


class PtyLine:
    """A pty, found under the name `link`: any program opens it as a serial port.

    Raises ConfigError when `link` cannot be made.
    """

    def __init__(self, link: Path) -> None:
        self._link = link
        # The far end is held open too: the line outlives a reader that closes it.
        self._near, self._far = os.openpty()
        tty.setraw(self._far)
        os.set_blocking(self._near, False)
        self._device = os.ttyname(self._far)
        try:
            if link.is_symlink():
                link.unlink()
            link.symlink_to(self._device)
        except OSError as error:
            self._close_ends()
            raise ConfigError(f"{link} cannot be made a link to the pty: {error.strerror}") from error

    def send(self, telegram: bytes) -> bool:
        rest = telegram
        while rest:
            _, ready, _ = select.select([], [self._near], [], _PATIENCE_S)
            if not ready:
                # Nobody reads: what waits is old, and a reader that comes wants what is new.
                termios.tcflush(self._near, termios.TCOFLUSH)
                termios.tcflush(self._far, termios.TCIFLUSH)
                break
            with suppress(BlockingIOError):
                rest = rest[os.write(self._near, rest) :]
        return True

    def close(self) -> None:
        with suppress(OSError):
            if str(self._link.readlink()) == self._device:
                self._link.unlink()
        self._close_ends()

    def _close_ends(self) -> None:
        os.close(self._near)
        os.close(self._far)


class TcpLine:
    """A TCP server; each client gets whole telegrams from the one after it connected.

    Raises ConfigError when the address cannot be listened on.
    """

    def __init__(self, host: str, port: int) -> None:
        try:
            self._server = socket.create_server((host, port))
        except (OSError, OverflowError) as error:
            raise ConfigError(f"cannot listen on {host}:{port}: {error}") from error
        self._server.setblocking(False)
        self._backlogs: dict[socket.socket, bytearray] = {}

    @property
    def port(self) -> int:
        """The port it listens on: the system's choice, when 0 was asked for."""
        port: int = self._server.getsockname()[1]
        return port

    def send(self, telegram: bytes) -> bool:
        self._accept()
        if self._backlogs and all(map(_is_full, self._backlogs.values())):
            # A lone reader may catch up; beside others a slow one loses telegrams instead.
            select.select([], list(self._backlogs), [], _PATIENCE_S)
        for client, backlog in list(self._backlogs.items()):
            self._push(client, backlog)
            if not _is_full(backlog):
                backlog.extend(telegram)
                self._push(client, backlog)
        return True

    def close(self) -> None:
        for client in self._backlogs:
            client.close()
        self._server.close()

    def _accept(self) -> None:
        with suppress(BlockingIOError):
            while True:
                client, _ = self._server.accept()
                client.setblocking(False)
                self._backlogs[client] = bytearray()

    def _push(self, client: socket.socket, backlog: bytearray) -> None:
        try:
            while backlog:
                del backlog[: client.send(backlog)]
        except BlockingIOError:
            return
        except OSError:
            client.close()
            self._backlogs.pop(client, None)


class StreamLine:
    """A binary stream, such as stdout. A reader that has had enough ends it quietly."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def send(self, telegram: bytes) -> bool:
        try:
            self._stream.write(telegram)
            self._stream.flush()
        except BrokenPipeError:
            # What is left in the buffer would raise again when Python exits: it goes nowhere.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            return False
        return True

    def close(self) -> None:
        """The stream stays open: it is the caller's."""


def _is_full(backlog: bytearray) -> bool:
    return len(backlog) >= _BACKLOG
