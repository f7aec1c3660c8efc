"""MQTT, through a broker that keeps the others out.

access       admits and cuts off recipients           publishing  the one connection over which things leave
mosquitto    the managed broker's files and process   connection  one MQTT v5 connection
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from gateway.config import Config
from gateway.files import Slot
from gateway.sharing.formats import own_topic
from gateway.sharing.transports.mqtt.access import PUBLISHER, ManagedAccess
from gateway.sharing.transports.mqtt.connection import Login
from gateway.sharing.transports.mqtt.mosquitto import BrokerSecrets, Mosquitto, provision
from gateway.sharing.transports.mqtt.publishing import Publishing
from gateway.sharing.transports.transport import Served, Transport

__all__ = ["BrokerSecrets", "Mosquitto", "open_transport", "provision"]

_SECRETS = "broker"


def open_transport(config: Config, hidden: Callable[[str], Slot], clock: Callable[[], datetime]) -> Transport:
    """MQTT by the managed broker that the configuration names; its passwords are in a hidden file."""
    return mqtt_transport(config.broker.host, config.broker.port, own_secrets(hidden), clock)


def own_secrets(hidden: Callable[[str], Slot]) -> BrokerSecrets:
    """The passwords of the gateway's own two clients, made at the first start."""
    return BrokerSecrets.load_or_create(hidden(_SECRETS))


def mqtt_transport(host: str, port: int, own: BrokerSecrets, clock: Callable[[], datetime]) -> Transport:
    """The transport over a broker at this address, which knows the gateway by these passwords."""
    access = ManagedAccess(host, port, own.administrator)
    publishing = Publishing(Login(host, port, PUBLISHER, own.publisher), clock)
    return Transport("mqtt", describe, access, publishing, access)


def describe(served: Served) -> Mapping[str, Any]:
    """The topic below which everything of a consent stands, and the name that its recipient has."""
    topic = own_topic(served.consent.id)
    return {"protocol": "MQTT", "username": served.consent.id, "topic_prefix": topic}
