"""Ports: which serial port the P1 cable is at.

Only ports that come with a cable count: USB ones, under the name that stays the same
(/dev/serial/by-id). A port on the board itself (a Raspberry Pi's /dev/serial0) is there with or
without a meter at it: it is named in the advice and never taken unasked. Taken, it would be listened
to in vain while the owner plugs the cable in anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import MeterUnavailable, SeveralPorts

DEV = Path("/dev")

# Two cables without a serial number share one name in by-id; by-path tells them apart by their socket.
# The last two are for a machine without udev, such as a container.
_USB = ("serial/by-id/*", "serial/by-path/*usb*", "ttyUSB*", "ttyACM*")
_ON_BOARD = ("serial0", "ttyAMA0")
_NAMES_ITSELF = re.compile(r"usb-(.+?)(?:-if\d+)?(?:-port\d+)?")


@dataclass(frozen=True, slots=True)
class Port:
    """`name` is what the cable calls itself; empty where it is not known."""

    path: Path
    name: str = ""


def the_port(dev: Path = DEV) -> Port:
    """The one USB serial port. Raises MeterUnavailable for none, SeveralPorts when it must be asked."""
    found = usb_ports(dev)
    if len(found) > 1:
        raise SeveralPorts([str(port.path) for port in found], [port.name for port in found])
    if found:
        return found[0]
    sentence = "no USB serial port was found: plug the P1 cable into this machine"
    for name in _ON_BOARD:
        if (dev / name).exists():
            sentence += f'; for a P1 board on the pins, write source = "{dev / name}" under [meter]'
            break
    raise MeterUnavailable(sentence)


def usb_ports(dev: Path = DEV) -> list[Port]:
    """Each USB serial port once, by the steadiest name it has."""
    ports: dict[Path, Port] = {}
    for path in _paths(dev):
        # A link whose port was pulled out may linger for a moment.
        if path.exists():
            ports.setdefault(path.resolve(), Port(path, _name(path)))
    return sorted(ports.values(), key=lambda port: port.path)


def _paths(dev: Path) -> Iterator[Path]:
    for pattern in _USB:
        yield from sorted(dev.glob(pattern))


def _name(path: Path) -> str:
    found = _NAMES_ITSELF.fullmatch(path.name) if path.parent.name == "by-id" else None
    return found[1].replace("_", " ") if found else ""
