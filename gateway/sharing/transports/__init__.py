"""Who carries a disclosure to its recipient: one module or package a transport; found by itself.

transport   what a transport is: doors and delivery      mqtt   through a broker
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from datetime import datetime

from gateway.config import Config
from gateway.files import Slot
from gateway.sharing.transports.transport import (
    Credentials,
    Delivery,
    Doors,
    Example,
    Served,
    Ticket,
    Transport,
    Witness,
)

__all__ = [
    "Credentials",
    "Delivery",
    "Doors",
    "Example",
    "Served",
    "Ticket",
    "Transport",
    "Witness",
    "open_transports",
]


def open_transports(
    config: Config, hidden: Callable[[str], Slot], clock: Callable[[], datetime]
) -> Mapping[str, Transport]:
    """Every transport, by its name: what `open_transport` of each module here gives. None connects yet.

    `hidden` gives the hidden file of a name, in which a transport remembers its own secrets.
    """
    modules = [importlib.import_module(f"{__name__}.{one.name}") for one in pkgutil.iter_modules(__path__)]
    opened = [m.open_transport(config, hidden, clock) for m in modules if hasattr(m, "open_transport")]
    return {transport.name: transport for transport in opened}
