"""What was disclosed goes to its recipient: by a format, how it is written, and a transport, who carries it.

dispatcher          asks `disclose` before each send   outbox       rows on their way
dispatcher_thread   keeps it away from the meter's loop
formats             how a message is written           transports   who lets in, and carries
"""

from gateway.sharing.dispatcher import Dispatcher
from gateway.sharing.dispatcher_thread import DispatcherThread
from gateway.sharing.formats import FORMATS, Format, Message
from gateway.sharing.outbox import Outbox
from gateway.sharing.transports import (
    Credentials,
    Delivery,
    Doors,
    Served,
    Transport,
    Witness,
    open_transports,
)

USUAL_FORMAT, USUAL_TRANSPORT = "json", "mqtt"
"""What a consent has where nothing else was chosen."""

__all__ = [
    "FORMATS",
    "USUAL_FORMAT",
    "USUAL_TRANSPORT",
    "Credentials",
    "Delivery",
    "Dispatcher",
    "DispatcherThread",
    "Doors",
    "Format",
    "Message",
    "Outbox",
    "Served",
    "Transport",
    "Witness",
    "open_transports",
]
