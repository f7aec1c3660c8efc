"""A source of bytes, which one an address names, and the line that is opened again and again."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from gateway.config import AUTO
from gateway.errors import ConfigError
from gateway.meter.capture import CaptureSource
from gateway.meter.detection import Detection
from gateway.meter.ports import DEV, the_port
from gateway.meter.serial_port import SerialSource
from gateway.meter.tcp import TcpSource
from gateway.meter.watch import Patience, Watch

DEFAULT_SERIAL = "115200 8N1"
# A host and its port without "tcp://" before them.
_BARE_PEER = re.compile(r"[\w.-]+:\d+|\[[0-9A-Fa-f:.]+\]:\d+")


class SourceKind(Enum):
    SERIAL = "serial"
    NETWORK = "network"
    FILE = "file"


_SILENCE_ADVICE = {
    SourceKind.SERIAL: "check that both ends of the P1 cable are in, or plug it in anew",
    SourceKind.NETWORK: "check that the network reader is connected to the meter, or restart the reader",
    SourceKind.FILE: "check the file",
}


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
    if _BARE_PEER.fullmatch(address):
        raise ConfigError(f"{address} is no address of a meter: write tcp://{address}")
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
    if "://" in address:
        raise ConfigError(
            f"{_without_login(address)} cannot be read: the gateway reads the meter's own bytes, and "
            f"{parts.scheme}:// is another way of passing readings on. Many network readers also offer the "
            "bytes on a TCP port (in their settings: raw TCP, serial server, serial bridge or ser2net): "
            "switch that on, and write tcp://host:port"
        )
    return SerialSource(address, serial)


def kind_of(address: str) -> SourceKind:
    """What kind of source an address names, "auto" included.

    An address that can never be opened has a kind, too: it is the network's when it looks like it.
    """
    if address.lower().startswith("file:"):
        return SourceKind.FILE
    is_network = "://" in address or address.lower().startswith("tcp:") or _BARE_PEER.fullmatch(address)
    return SourceKind.NETWORK if is_network else SourceKind.SERIAL


def is_serial(address: str) -> bool:
    """Whether an address that can be opened is a serial port's."""
    return kind_of(address) is SourceKind.SERIAL


def _without_login(address: str) -> str:
    """The address without a user's name and password, which must not be logged."""
    scheme, _, rest = address.partition("://")
    where, slash, path = rest.partition("/")
    return f"{scheme}://{where.rpartition('@')[2]}{slash and '/'}{path and '...'}"


class MeterLine:
    """The line that the configuration names; what it leaves to be found is found, and remembered.

    `source` is an address as `open_source` takes it, or "auto" for the one USB serial port under `dev`;
    `serial` is a setting of that port, or "auto" to listen which one the meter uses.
    """

    def __init__(
        self,
        source: str = AUTO,
        serial: str = AUTO,
        dev: Path = DEV,
        clock: Callable[[], float] = time.monotonic,
        patience: Patience | None = None,
    ) -> None:
        """`clock` counts seconds."""
        self._source = source
        self._serial = serial
        self._dev = dev
        self._detection = Detection() if serial == AUTO else None
        self.watch = Watch(_SILENCE_ADVICE[kind_of(source)], self._begin_again, clock, patience)

    def open(self) -> Source:
        """Raises MeterUnavailable, and ConfigError for an address that can never be opened.

        What is opened raises WrongSpeed, a MeterUnavailable, when it must be opened with the next setting.
        """
        address = str(the_port(self._dev).path) if self._source == AUTO else self._source
        if self._detection is None or not is_serial(address):
            return open_source(address, DEFAULT_SERIAL if self._serial == AUTO else self._serial)
        return _Heard(open_source(address, self._detection.setting), self._detection)

    def settle(self) -> None:
        """A telegram was understood: the setting is right. (A frame is not enough: without a checksum it may
        stand in nonsense by chance.)
        """
        if self._detection is not None:
            self._detection.settle()

    def _begin_again(self) -> None:
        if self._detection is not None:
            self._detection.begin_again()


class _Heard:
    """A port while its setting is not known: what it delivers is listened to."""

    def __init__(self, port: Source, detection: Detection) -> None:
        self._port = port
        self._detection = detection
        detection.opened()

    def read(self) -> bytes | None:
        chunk = self._port.read()
        self._detection.hear(chunk or b"")
        return chunk

    def close(self) -> None:
        self._port.close()
