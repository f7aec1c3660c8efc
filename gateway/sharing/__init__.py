"""What was disclosed goes to its recipient, through a transport that keeps the others out.

dispatcher          asks `disclose` before each send   outbox       rows on their way
dispatcher_thread   keeps it away from the meter's loop
formats             how a message is written           transports   who carries it: MQTT
"""

from gateway.sharing.dispatcher import Publisher
from gateway.sharing.dispatcher_thread import PublisherThread
from gateway.sharing.outbox import Outbox
from gateway.sharing.transports.mqtt.access import PUBLISHER, ManagedAccess
from gateway.sharing.transports.mqtt.connection import Login
from gateway.sharing.transports.mqtt.mosquitto import BrokerSecrets, Mosquitto, provision

__all__ = [
    "PUBLISHER",
    "BrokerSecrets",
    "Login",
    "ManagedAccess",
    "Mosquitto",
    "Outbox",
    "Publisher",
    "PublisherThread",
    "provision",
]
