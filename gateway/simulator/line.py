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
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from gateway.errors import ConfigError, GatewayError
from gateway.simulator.sending import (
    Line,
    Meter,
    Pace,
    Sender,
    send_all,
)

PATIENCE_S = 0.2
_BACKLOG = 64 * 1024


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

    Each comes at once; see `Pace.of_line` for one whose bytes take their time. `wait`, `clock` and
    `count` are as in `send_all` and `Sender`.
    """
    send_all([Sender(meter, line, start, clock(), Pace(period_s, speed), count=count)], wait, clock)


class PtyLine:
    """A pty, found under the name `link`: any program opens it as a serial port.

    Raises ConfigError when `link` cannot be made.
    """

    def __init__(self, link: Path) -> None:
        self._link = link
        self._pty: _Pty | None = _Pty(link)

    def send(self, part: bytes, *, begins: bool = True) -> bool:
        self._pty = self._pty or _Pty(self._link)
        self._pty.send(part)
        return True

    def unplug(self) -> None:
        if self._pty is not None:
            self._pty.close()
            self._pty = None

    def close(self) -> None:
        self.unplug()


class _Pty:
    """One plugged-in pty and its link."""

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

    def send(self, part: bytes) -> None:
        rest = part
        while rest:
            _, ready, _ = select.select([], [self._near], [], PATIENCE_S)
            if not ready:
                # Nobody reads: what waits is old, and a reader that comes wants what is new.
                termios.tcflush(self._near, termios.TCOFLUSH)
                termios.tcflush(self._far, termios.TCIFLUSH)
                break
            with suppress(BlockingIOError):
                rest = rest[os.write(self._near, rest) :]

    def close(self) -> None:
        with suppress(OSError):
            if str(self._link.readlink()) == self._device:
                self._link.unlink()
        self._close_ends()

    def _close_ends(self) -> None:
        os.close(self._near)
        os.close(self._far)


@dataclass(eq=False)
class _Client:
    """A reader over TCP. `follows`: it gets the telegram that is under way."""

    socket: socket.socket
    backlog: bytearray = field(default_factory=bytearray)
    follows: bool = False

    @property
    def is_full(self) -> bool:
        return len(self.backlog) >= _BACKLOG


class TcpLine:
    """A TCP server; each client gets whole telegrams from the one after it connected.

    It waits `patience_s` for readers when all of them are behind. Raises ConfigError when the
    address cannot be listened on.
    """

    def __init__(self, host: str, port: int, patience_s: float = PATIENCE_S) -> None:
        self._host = host
        self._patience_s = patience_s
        self._server: socket.socket | None = _listening(host, port)
        # Kept: a line that is plugged in again is found where it was.
        self.port: int = self._server.getsockname()[1]
        self._clients: list[_Client] = []

    def send(self, part: bytes, *, begins: bool = True) -> bool:
        if self._server is None:
            self._server = _listening(self._host, self.port)
        if begins:
            self._begin(self._server)
        for client in list(self._clients):
            if client.follows:
                client.backlog += part
            self._push(client)
        return True

    def unplug(self) -> None:
        for client in self._clients:
            client.socket.close()
        self._clients.clear()
        if self._server is not None:
            self._server.close()
            self._server = None

    def close(self) -> None:
        self.unplug()

    def _begin(self, server: socket.socket) -> None:
        """Take in new clients, and see who is ready for another telegram."""
        # Whoever cannot be accepted now (too many open files) or left again is the next time's.
        with suppress(OSError):
            while True:
                accepted, _ = server.accept()
                accepted.setblocking(False)
                # Parts go out as they come from the meter, not when the last one was acknowledged.
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._clients.append(_Client(accepted))
        if self._clients and all(client.is_full for client in self._clients):
            # A lone reader may catch up; beside others a slow one loses telegrams instead.
            select.select([], [client.socket for client in self._clients], [], self._patience_s)
        for client in list(self._clients):
            self._push(client)
            client.follows = not client.is_full

    def _push(self, client: _Client) -> None:
        try:
            while client.backlog:
                del client.backlog[: client.socket.send(client.backlog)]
        except BlockingIOError:
            return
        except OSError:
            client.socket.close()
            self._clients.remove(client)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        server = socket.create_server((host, port), family=family)
    except (OSError, OverflowError, UnicodeError) as error:  # the last for a name that can be none
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"cannot listen on {host}:{port}: {reason}") from error
    server.setblocking(False)
    return server


class StreamLine:
    """A binary stream, such as stdout or a file. A reader that has had enough ends it quietly.

    Raises GatewayError when it cannot be written, as on a full disk.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def send(self, part: bytes, *, begins: bool = True) -> bool:
        try:
            self._stream.write(part)
            self._stream.flush()
        except BrokenPipeError:
            self._give_up()
            return False
        except OSError as error:
            self._give_up()
            raise GatewayError(f"the telegrams cannot be written: {error.strerror}") from error
        return True

    def unplug(self) -> None:
        """A stream cannot go and come back: it is silent."""

    def close(self) -> None:
        """The stream stays open: it is the caller's."""

    def _give_up(self) -> None:
        # What is left in the buffer would raise again when Python exits: it goes nowhere.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


class RecordedLine:
    """A line of which a file gets every byte too, as a capture; readers or not."""

    def __init__(self, line: Line, capture: BinaryIO) -> None:
        self._line = line
        self._capture = StreamLine(capture)

    def send(self, part: bytes, *, begins: bool = True) -> bool:
        self._capture.send(part)
        return self._line.send(part, begins=begins)

    def unplug(self) -> None:
        self._line.unplug()

    def close(self) -> None:
        self._line.close()


def appended(path: Path) -> BinaryIO:
    """A file to write at its end: what is there stays. Also a named pipe, or a serial port.

    Raises ConfigError when it cannot be opened.
    """
    try:
        # O_NOCTTY: a hang-up of a serial port must not end this program.
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOCTTY, 0o666)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path} cannot be written: {reason}") from error
    return os.fdopen(number, "wb")
