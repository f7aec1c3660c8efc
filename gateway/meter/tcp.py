"""A TCP line: a converter at the meter, or a serial server such as ser2net, that sends its bytes."""

from __future__ import annotations

import socket

from gateway.errors import MeterUnavailable

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


class TcpSource:
    """Raises MeterUnavailable when nobody answers."""

    def __init__(self, host: str, port: int) -> None:
        self._peer = f"{host}:{port}"
        try:
            self._socket = socket.create_connection((host, port), timeout=_CONNECT_SECONDS)
        except (OSError, UnicodeError) as error:  # the latter for a name that can be none
            reason = getattr(error, "strerror", None) or "it does not answer"
            raise MeterUnavailable(
                f"no connection to {self._peer} ({reason}): check its power, its address and the network"
            ) from error
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
        except OSError as error:
            raise MeterUnavailable(f"the connection to {self._peer} broke: {error.strerror}") from error
        if not chunk:
            raise MeterUnavailable(f"{self._peer} closed the connection")
        return chunk

    def close(self) -> None:
        self._socket.close()
