"""The broker's clients: exactly those of the consents, each with one connection and one session."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from stat import S_IMODE
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.consent import Category, Granularity
from gateway.errors import BrokerUnavailable, RecipientsUnknown
from gateway.sharing import FORMATS, Credentials, Served
from gateway.sharing.transports.mqtt import Mosquitto, provision
from gateway.sharing.transports.mqtt.access import ManagedAccess
from tests.made_up import NOON, consent, reading, served
from tests.ports import free_port
from tests.sharing.conftest import OWN, Broker, Gateway
from tests.sharing.recipient import Recipient, until

PROTOCOLS = (mqtt.MQTTv311, mqtt.MQTTv5)
QUARTERLY = {Category.ELECTRICITY: Granularity.QUARTER}


class Caller:
    """A client that names its own client id, and may leave a session behind."""

    def __init__(
        self,
        port: int,
        login: tuple[str, str] | None,
        client_id: str,
        protocol: MQTTProtocolVersion = mqtt.MQTTv5,
        *,
        sleeps: bool = False,
    ) -> None:
        self.answer: str | None = None
        self.session_found = False
        self.gone = False
        self.payloads: list[bytes] = []
        self._subscribed: list[int] = []
        clean = None if protocol == mqtt.MQTTv5 else not sleeps
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id, clean, protocol=protocol, reconnect_on_failure=False
        )
        if login is not None:
            client.username_pw_set(*login)
        client.on_connect = self._connected
        client.on_disconnect = self._left
        client.on_message = lambda _c, _u, message: self.payloads.append(bytes(message.payload))
        client.on_subscribe = lambda _c, _u, mid, _r, _p: self._subscribed.append(mid)
        self._client = client
        if protocol == mqtt.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = 3600 if sleeps else 0
            client.connect("127.0.0.1", port, clean_start=not sleeps, properties=properties)
        else:
            client.connect("127.0.0.1", port)
        client.loop_start()
        until(lambda: self.answer or self.gone)

    def subscribe(self, topic: str) -> None:
        mid = self._client.subscribe(topic, qos=1)[1]
        until(lambda: mid in self._subscribed)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, _c: Any, _u: Any, flags: Any, reason: Any, _p: Any) -> None:
        self.session_found = bool(flags.session_present)
        self.answer = str(reason)

    def _left(self, *_: Any) -> None:
        self.gone = True


def login_of(credentials: Credentials) -> tuple[str, str]:
    return credentials["username"], credentials["password"]


@pytest.fixture
def two(gateway: Gateway) -> tuple[Credentials, Credentials]:
    return gateway.grant(QUARTERLY)[1], gateway.grant(QUARTERLY)[1]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_recipient_cannot_end_anothers_connection_by_taking_its_client_id(
    two: tuple[Credentials, Credentials], broker: Broker, protocol: MQTTProtocolVersion
) -> None:
    victim, other = two
    with closing(Caller(broker.port, login_of(victim), "its-own", protocol)) as connected:
        for client_id in (victim["username"], "its-own", "p1-publisher"):
            with closing(Caller(broker.port, login_of(other), client_id, protocol)) as taker:
                assert taker.answer == "Success"
        for login in (None, (victim["username"], "wrong"), ("stranger", "wrong")):
            with closing(Caller(broker.port, login, victim["username"], protocol)) as stranger:
                assert stranger.answer != "Success"
        connected.subscribe(victim["topic"])  # a round trip
        assert not connected.gone


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("client_id", ["", "p1-publisher", "p1-administrator"])
def test_the_gateways_own_connections_cannot_be_ended_by_a_recipient(
    gateway: Gateway, broker: Broker, client_id: str, protocol: MQTTProtocolVersion
) -> None:
    _, credentials = gateway.grant()
    gateway.connect()
    with closing(Caller(broker.port, login_of(credentials), client_id, protocol)) as taker:
        assert taker.answer == "Success"
        taker.subscribe(credentials["topic"])
        gateway.dispatcher.reconcile()
        assert gateway.connected
        gateway.dispatcher.offer(reading(NOON, power_import_w=3))
        until(lambda: b'"power_w":3' in b"".join(taker.payloads))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_recipient_has_one_connection_and_one_session_whatever_it_calls_itself(
    two: tuple[Credentials, Credentials], broker: Broker, protocol: MQTTProtocolVersion,
    observe: Callable[[], Recipient],
) -> None:  # fmt: skip
    greedy, _ = two
    callers = [Caller(broker.port, login_of(greedy), f"device-{n}", protocol, sleeps=True) for n in range(12)]
    until(lambda: [caller.gone for caller in callers] == [True] * 11 + [False])
    assert [caller.session_found for caller in callers] == [False] + [True] * 11
    for caller in callers:
        caller.close()


def test_connections_sessions_and_queues_are_bounded_by_the_configuration(broker: Broker) -> None:
    settings = dict(
        line.split(" ", 1)
        for line in (broker.folder / "mosquitto.conf").read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert settings["use_username_as_clientid"] == "true"
    assert settings["persistent_client_expiration"] == "1d"
    bounds = ("max_connections", "max_queued_messages", "max_queued_bytes", "max_inflight_messages",
              "max_packet_size")  # fmt: skip
    assert all(int(settings[name]) > 0 for name in bounds)


def test_connections_beyond_the_bound_are_closed(
    broker: Broker, two: tuple[Credentials, Credentials]
) -> None:

    lines = [socket.create_connection(("127.0.0.1", broker.port)) for _ in range(210)]
    lines[-1].settimeout(5)
    assert lines[-1].recv(1) == b""
    for line in lines:
        line.close()
    until(lambda: Caller(broker.port, login_of(two[0]), "").answer == "Success")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_withdrawal_empties_a_sleeping_sessions_queue(
    gateway: Gateway, broker: Broker, protocol: MQTTProtocolVersion, observe: Callable[[], Recipient]
) -> None:
    gone, credentials = gateway.grant(QUARTERLY)
    asleep = Caller(broker.port, login_of(credentials), "app", protocol, sleeps=True)
    asleep.subscribe(credentials["topic"])
    asleep.close()
    publish_a_row(gateway)
    gateway.sharing.withdraw(gone.id, "page")
    # The same name, made anew, inherits what was left of the session.
    access = ManagedAccess("127.0.0.1", broker.port, OWN.administrator)
    password = access.admit(Served(gone, FORMATS["json"]))["password"]
    with closing(Caller(broker.port, (gone.id, password), "app", protocol, sleeps=True)) as heir:
        assert not heir.session_found
        heir.subscribe("p1/status")  # a round trip
        assert [payload for payload in heir.payloads if b"energy" in payload] == []


def publish_a_row(gateway: Gateway) -> None:
    from tests.sharing.test_dispatcher import quarter  # noqa: PLC0415

    gateway.connect()
    gateway.dispatcher.offer_row(quarter(1))
    gateway.settled()


def test_what_is_queued_for_a_sleeper_is_there_without_a_withdrawal(gateway: Gateway, broker: Broker) -> None:
    """The test above would find it."""
    _, credentials = gateway.grant(QUARTERLY)
    asleep = Caller(broker.port, login_of(credentials), "app", sleeps=True)
    asleep.subscribe(credentials["topic"])
    asleep.close()
    publish_a_row(gateway)
    with closing(Caller(broker.port, login_of(credentials), "app", sleeps=True)) as awake:
        until(lambda: any(b"energy" in payload for payload in awake.payloads))


# --- compared with the register of consents ----------------------------------------------------


def administer(broker: Broker, *commands: dict[str, Any]) -> None:
    access = ManagedAccess("127.0.0.1", broker.port, OWN.administrator)
    with access._administrator() as command:
        for one in commands:
            command(one)


def known(broker: Broker) -> tuple[set[str], set[str]]:
    """The names of all clients and roles."""
    access = ManagedAccess("127.0.0.1", broker.port, OWN.administrator)
    with access._administrator() as command:
        clients = {found["username"] for found in command.all("Clients")}
        return clients, {found["rolename"] for found in command.all("Roles")}


SEES_ALL = [
    {"acltype": "subscribePattern", "topic": "#", "priority": 0, "allow": True},
    {"acltype": "publishClientReceive", "topic": "#", "priority": 0, "allow": True},
]
FOREIGN: dict[str, list[dict[str, Any]]] = {
    "a client of its own": [
        {"command": "createRole", "rolename": "spy", "acls": SEES_ALL},
        {"command": "createClient", "username": "spy", "password": "x", "roles": [{"rolename": "spy"}]},
    ],
    "a client that looks like the gateway's": [
        {"command": "createClient", "username": "p1-spy", "password": "x",
         "roles": [{"rolename": "p1-administrator"}]},
    ],
    "a client that looks like a recipient": [
        {"command": "createRole", "rolename": "recipient-cffff", "acls": SEES_ALL},
        {"command": "createClient", "username": "cffff", "password": "x",
         "roles": [{"rolename": "recipient-cffff"}]},
    ],
    "a wider rule": [
        {"command": "modifyRole", "rolename": "recipient-{id}", "acls": SEES_ALL},
    ],
    "another role for a recipient": [
        {"command": "addClientRole", "username": "{id}", "rolename": "p1-administrator"},
    ],
    "a group": [
        {"command": "createRole", "rolename": "spy", "acls": SEES_ALL},
        {"command": "createGroup", "groupname": "spies", "roles": [{"rolename": "spy"}]},
        {"command": "addGroupClient", "groupname": "spies", "username": "{id}"},
    ],
    "everybody may read": [
        {"command": "setDefaultACLAccess", "acls": [
            {"acltype": "subscribe", "allow": True}, {"acltype": "publishClientReceive", "allow": True}]},
    ],
    "a publisher that may administer": [
        {"command": "addClientRole", "username": "p1-publisher", "rolename": "p1-administrator"},
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_the_register_of_consents_does_not_know_is_removed_from_the_broker(
    gateway: Gateway, broker: Broker, kind: str
) -> None:
    given, credentials = gateway.grant()
    gateway.sharing.compare()
    before = rules_on_disk(broker)
    administer(broker, *json.loads(json.dumps(FOREIGN[kind]).replace("{id}", given.id)))
    assert rules_on_disk(broker) != before
    gateway.sharing.compare()
    assert rules_on_disk(broker) == before
    with closing(Recipient(broker.port, credentials["username"], credentials["password"])) as app:
        assert app.refusal is None
        assert app.subscribe(credentials["topic"])
        assert not app.subscribe("#")


def rules_on_disk(broker: Broker) -> dict[str, Any]:
    """Who may what, as the broker itself remembers it; the order tells nothing."""
    rules: dict[str, Any] = json.loads((broker.folder / "dynamic-security.json").read_text())
    for role in rules["roles"]:
        role["acls"] = sorted(map(str, role.get("acls", [])))
    for client in rules["clients"]:
        client.pop("salt", None)
        client.pop("password", None)
        client["roles"] = [role["rolename"] for role in client["roles"]]
    rules["clients"].sort(key=str)
    rules["roles"].sort(key=str)
    rules.pop("groups")
    return rules


def test_a_recipient_that_the_broker_forgot_is_told(gateway: Gateway, broker: Broker) -> None:
    given, _ = gateway.grant()
    kept, _ = gateway.grant()
    gateway.sharing.compare()
    administer(broker, {"command": "deleteClient", "username": given.id})
    with pytest.raises(RecipientsUnknown) as told:
        gateway.sharing.compare()
    assert told.value.consent_ids == (given.id,)
    assert given.id in str(told.value)
    assert kept.id not in str(told.value)


def test_those_who_may_come_back_stay_known(gateway: Gateway, broker: Broker) -> None:
    """The stop switch and a consent that begins later keep their credentials."""
    given, _ = gateway.grant()
    later, _ = gateway.grant(valid_from=NOON.replace(hour=18))
    gateway.sharing.stop("page")
    gateway.sharing.compare()
    assert {given.id, later.id} <= known(broker)[0]


# --- the process -------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could run it as root")
def test_the_broker_never_runs_as_root_and_its_folder_is_for_its_user_only(tmp_path: Path) -> None:
    port = free_port()
    folder = tmp_path / "broker"
    running = Mosquitto(provision(folder, OWN, port), port)
    try:
        status = Path(f"/proc/{running.pid}/status").read_text()
        ids = {words[0]: set(words[1:]) for words in map(str.split, status.splitlines()) if words}
        assert "0" not in ids["Uid:"] | ids["Gid:"] | ids["Groups:"]
        (user,) = ids["Uid:"]
        access = ManagedAccess("127.0.0.1", port, OWN.administrator)
        access.admit(served())  # it can write its own file
        assert consent().id in (folder / "dynamic-security.json").read_text()
        for path in (folder, *folder.iterdir()):
            assert str(path.stat().st_uid) == user
            assert S_IMODE(path.stat().st_mode) & 0o077 == 0
    finally:
        running.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root follows a link of another's")
def test_a_link_in_the_brokers_folder_is_not_followed(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "broker", tmp_path / "elsewhere"
    provision(folder, OWN, 1)
    elsewhere.write_text("untouched")
    for name in ("mosquitto.conf", "dynamic-security.json"):
        (folder / name).unlink()
        (folder / name).symlink_to(elsewhere)
        with pytest.raises(BrokerUnavailable):
            provision(folder, OWN, 1)
        (folder / name).unlink()
        provision(folder, OWN, 1)
    assert elsewhere.read_text() == "untouched"
