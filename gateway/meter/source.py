"""A source of bytes, and which one an address names."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from gateway.errors import ConfigError
from gateway.meter.capture import CaptureSource
from gateway.meter.serial_port import SerialSource
from gateway.meter.tcp import TcpSource

DEFAULT_SERIAL = "115200 8N1"


class Source(Protocol):
    """An open line to the meter."""

    def read(self) -> bytes | None:
        """Return what came; waits for about a second, and returns b"" when nothing did.

        None means the end of a capture file: there will never be more.
        Raises MeterUnavailable when the line is lost.
        """

    def close(self) -> None: ...


def open_source(address: str, serial: str = DEFAULT_SERIAL) -> Source:
    """Open a serial device, `tcp://host:port` or `file:///a/capture`.

    `serial` is the speed and character format of a serial device, "115200 8N1" or "9600 7E1".
    Raises MeterUnavailable, and ConfigError for an address that can never be opened.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"{address} is no address of a meter: {error}") from error
    if parts.scheme == "tcp":
        if not host or not port:
            raise ConfigError(f"{address} is no address of a meter: write tcp://host:port")
        return TcpSource(host, port)
    if parts.scheme == "file":
        return CaptureSource(Path(unquote(parts.path)))
    return SerialSource(address, serial)
