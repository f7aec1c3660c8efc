"""A TCP line: a converter at the meter, or a serial server such as ser2net, that sends its bytes."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from gateway.errors import MeterUnavailable, ReaderInUse
from gateway.meter.telnet import Telnet

_CONNECT_SECONDS = 2.0  # short, since the daemon cannot stop meanwhile; it is tried again
_READ_SECONDS = 1.0
_CHUNK = 4096
# A peer that lost its power says nothing: after about a minute of silence it counts as gone.
_KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)
# A reader that is taken says so in a line, as ser2net does ("Port already in use"), or hangs up at once.
_REFUSAL_BYTES = 200
_REFUSAL = re.compile(rb"\bin use\b|\bbusy\b|\balready\b|\btoo many\b|\bmax", re.IGNORECASE)
_AT_ONCE_S = 2.0


class TcpSource:
    """Raises MeterUnavailable when nobody answers."""

    def __init__(self, host: str, port: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._peer = f"{host}:{port}"
        self._clock = clock
        self._telnet = Telnet()
        self._received = b""  # the first bytes of the connection
        try:
            self._socket = socket.create_connection((host, port), timeout=_CONNECT_SECONDS)
        except (OSError, UnicodeError) as error:  # the latter for a name that can be none
            reason = getattr(error, "strerror", None) or "it does not answer"
            raise MeterUnavailable(
                f"no connection to {self._peer} ({reason}): check its power, its address and the network"
            ) from error
        self._connected_at = clock()
        self._socket.settimeout(_READ_SECONDS)
        for level, option, value in _KEEPALIVE:
            self._socket.setsockopt(level, option, value)

    def read(self) -> bytes:
        try:
            chunk = self._socket.recv(_CHUNK)
        except TimeoutError as error:
            if error.errno is None:  # ours; with a number it is the keepalive's
                return b""
            raise MeterUnavailable(f"{self._peer} is gone without a word: check its power") from error
        except ConnectionResetError as error:
            raise self._closed() from error
        except OSError as error:
            raise MeterUnavailable(f"the connection to {self._peer} broke: {error.strerror}") from error
        if not chunk:
            raise self._closed()
        content, replies = self._telnet.feed(chunk)
        with suppress(OSError):  # a connection that broke meanwhile is reported by the next read
            self._socket.sendall(replies)
        if len(self._received) <= _REFUSAL_BYTES:
            self._received += content[: _REFUSAL_BYTES + 1]
        return content

    def close(self) -> None:
        self._socket.close()

    def _closed(self) -> MeterUnavailable:
        """Why the peer closed the connection."""
        if len(self._received) <= _REFUSAL_BYTES and _REFUSAL.search(self._received):
            return ReaderInUse(self._peer, certain=True)
        if not self._received and self._clock() - self._connected_at < _AT_ONCE_S:
            return ReaderInUse(self._peer, certain=False)
        return MeterUnavailable(
            f"{self._peer} closed the connection: if it goes on, see whether another program reads it too"
        )
