"""MQTT: what was disclosed goes to its recipient, through a broker that keeps the others out.

publisher    sends disclosures, keeps the one connection      outbox      rows on their way
access       admits and cuts off recipients                   connection  one MQTT v5 connection
mosquitto    the managed broker's files and process           formats/    how a message is written
publisher_thread   keeps all of it away from the meter's loop
"""

from gateway.broker.access import PUBLISHER, ManagedAccess
from gateway.broker.connection import Login
from gateway.broker.mosquitto import BrokerSecrets, Mosquitto, provision
from gateway.broker.outbox import Outbox
from gateway.broker.publisher import Publisher
from gateway.broker.publisher_thread import PublisherThread

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
