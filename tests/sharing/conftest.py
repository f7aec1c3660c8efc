"""A real Mosquitto on a free port, the gateway's side of it, and recipients."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.consent import Consent, DisclosureLog, Ledger
from gateway.history import DeviceKey, HiddenFile
from gateway.operations import Sharing
from gateway.p1 import Reading
from gateway.sharing import Credentials, Dispatcher, Outbox
from gateway.sharing.transports.mqtt import BrokerSecrets, Mosquitto, mqtt_transport, provision
from gateway.sharing.transports.mqtt.access import acls
from gateway.sharing.transports.mqtt.publishing import Publishing
from tests.made_up import MODEL, NOON, Clock, reading, terms
from tests.ports import free_port
from tests.sharing.recipient import Recipient, until

OWN = BrokerSecrets("publisher's secret", "administrator's secret")
EVERYTHING = (
    ("subscribePattern", "#"),
    ("publishClientReceive", "#"),
    ("subscribePattern", "$SYS/#"),
    ("publishClientReceive", "$SYS/#"),
)


class Broker:
    """Mosquitto with the gateway's own files, a log that tells all, and one client that may see all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._log = folder / "log"
        self._running: Mosquitto | None = None
        self.provision()

    def provision(self) -> None:
        self._configuration = provision(self.folder, OWN, self.port)
        text = self._configuration.read_text().replace("log_dest stderr", f"log_dest file {self._log.name}")
        self._configuration.write_text(text + "log_type notice\n")
        security = self.folder / "dynamic-security.json"
        rules: dict[str, Any] = json.loads(security.read_text())
        if not any(client["username"] == "observer" for client in rules["clients"]):
            salt = b"the observer"
            hashed = hashlib.pbkdf2_hmac("sha512", b"sees all", salt, 1000)
            rules["roles"].append({"rolename": "observer", "acls": acls(EVERYTHING)})
            rules["clients"].append(
                {
                    "username": "observer",
                    "password": base64.b64encode(hashed).decode(),
                    "salt": base64.b64encode(salt).decode(),
                    "iterations": 1000,
                    "roles": [{"rolename": "observer"}],
                }
            )
            security.write_text(json.dumps(rules))

    def start(self) -> None:
        self._running = Mosquitto(self._configuration, self.port)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """It takes connections and bytes, as its kernel does, and reads none of them."""
        assert self._running is not None
        os.kill(self._running.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._running.pid, signal.SIGCONT)

    def stop(self) -> None:
        if self._running is not None:
            self._running.stop()
            self._running = None

    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def connections_of(self, username: str) -> int:
        """How often a client of this name was let in since the beginning."""
        return self.log().count(f"u'{username}'")


class Arrival:
    """A clock that nobody sets, in seconds since NOON."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Gateway:
    """The gateway's side, from the ledger to the dispatcher."""

    ledger: Ledger
    disclosures: DisclosureLog
    outbox: Outbox
    dispatcher: Dispatcher
    publishing: Publishing
    sharing: Sharing
    clock: Clock
    arrival: Arrival

    def grant(self, *args: Any, **changes: Any) -> tuple[Consent, Credentials]:
        granted = self.sharing.grant(terms(*args, **changes), "page")
        return granted.consent, granted.credentials

    @property
    def connected(self) -> bool:
        return self.dispatcher.connected()["mqtt"]

    def connect(self, model: str = MODEL) -> None:
        """Connect, and tell the recipients what they may have. An empty reading discloses nothing."""
        self.dispatcher.offer(reading(NOON, model=model))
        until(lambda: self.connected)
        self.dispatcher.reconcile()

    def offer(self, reading: Reading) -> None:
        """A reading arrives when the meter says, and the broker has taken it when this returns."""
        self.arrival.seconds = (reading.at - NOON).total_seconds()
        self.dispatcher.offer(reading)
        until(self.live_taken)

    def live_taken(self) -> bool:
        """Whether the broker has taken the last live message."""
        self.dispatcher.reconcile()
        return not self.dispatcher.live_is_under_way

    def settled(self) -> None:
        """Wait until all rows that were sent are acknowledged."""

        def empty() -> bool:
            self.dispatcher.reconcile()
            return not self.outbox.waiting()

        until(empty)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path / "broker")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def start_gateway(tmp_path: Path, device_key: DeviceKey, clock: Clock) -> Iterator[Callable[..., Gateway]]:
    """Starts a gateway on this port; a second one goes on where the first was stopped."""
    started: list[Gateway] = []

    def start(port: int, password: str = OWN.publisher) -> Gateway:
        def hidden(name: str) -> HiddenFile:
            return HiddenFile(tmp_path / "hidden" / name, device_key)

        ledger = Ledger(tmp_path / "ledger.jsonl", device_key, hidden("newest"), clock)
        disclosures = DisclosureLog(hidden("disclosures"), clock, hidden("disclosures-since"))
        outbox = Outbox(hidden("outbox"), clock)
        own = BrokerSecrets(password, OWN.administrator)
        transports = {"mqtt": mqtt_transport("127.0.0.1", port, own, clock)}
        publishing = transports["mqtt"].delivery
        assert isinstance(publishing, Publishing)
        arrival = Arrival()
        dispatcher = Dispatcher(ledger, disclosures, outbox, transports, clock, monotonic=arrival)
        sharing = Sharing(ledger, transports, disclosures, clock, dispatcher.reconcile)
        started.append(Gateway(ledger, disclosures, outbox, dispatcher, publishing, sharing, clock, arrival))
        return started[-1]

    yield start
    for gateway in started:
        gateway.dispatcher.stop()


@pytest.fixture
def gateway(start_gateway: Callable[..., Gateway], broker: Broker) -> Gateway:
    return start_gateway(broker.port)


@pytest.fixture
def recipient(broker: Broker) -> Iterator[Callable[..., Recipient]]:
    """Connects as a recipient with these credentials and subscribes to what it was told."""
    connected: list[Recipient] = []

    def connect(credentials: Credentials) -> Recipient:
        new = Recipient(broker.port, credentials["username"], credentials["password"])
        connected.append(new)
        assert new.refusal is None
        assert new.subscribe(credentials["topic"])
        return new

    yield connect
    for one in connected:
        one.close()


@pytest.fixture
def observe(broker: Broker) -> Iterator[Callable[[], Recipient]]:
    """Connects one that may see everything on the broker, from now on and retained."""
    connected: list[Recipient] = []

    def observer() -> Recipient:
        new = Recipient(broker.port, "observer", "sees all")
        connected.append(new)
        assert new.subscribe("#")
        return new

    yield observer
    for one in connected:
        one.close()
