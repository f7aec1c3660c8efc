"""Access: a recipient sees its own topics, and nothing else; strangers see nothing at all."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from stat import S_IMODE

import pytest

from gateway.errors import BrokerUnavailable
from gateway.history import DeviceKey, HiddenFile
from gateway.sharing import Credentials
from gateway.sharing.transports.mqtt import BrokerSecrets, Mosquitto, provision
from gateway.sharing.transports.mqtt.access import ManagedAccess
from tests.made_up import consent, served
from tests.ports import free_port
from tests.sharing.conftest import OWN, Broker, Gateway
from tests.sharing.recipient import Recipient, until

Connect = Callable[..., Recipient]


@pytest.fixture
def two(gateway: Gateway) -> tuple[Credentials, Credentials]:
    """Two recipients; what the second may have is retained on the broker."""
    both = gateway.grant()[1], gateway.grant()[1]
    gateway.connect()
    return both


def test_a_recipient_cannot_subscribe_to_anything_but_its_own_topics(
    two: tuple[Credentials, Credentials], recipient: Connect
) -> None:
    own, other = two
    app = recipient(own)
    denied = (
        "#", "+/#", "p1/#", "p1/+/live", f"p1/{other['username']}/#", f"p1/{other['username']}/consent",
        "$SYS/#", "$SYS/broker/clients/connected", "$CONTROL/#", "$CONTROL/dynamic-security/v1/response",
        f"$share/group/p1/{other['username']}/#", "$share/group/#", "homeassistant/#",
    )  # fmt: skip
    assert [topic for topic in denied if app.subscribe(topic)] == []
    assert app.subscribe(f"p1/{own['username']}/live")
    assert app.subscribe("p1/status")
    until(lambda: app.on("/status") and app.on("/consent"))
    assert {message.topic for message in app.messages} == {"p1/status", f"p1/{own['username']}/consent"}


def test_a_recipient_cannot_publish(
    two: tuple[Credentials, Credentials], recipient: Connect, observe: Callable[[], Recipient]
) -> None:
    own, other = two
    app, observer = recipient(own), observe()
    forbidden = (
        f"p1/{own['username']}/live", f"p1/{other['username']}/live", "p1/status", "anything",
        "$CONTROL/dynamic-security/v1",
    )  # fmt: skip
    assert [topic for topic in forbidden if app.publish(topic, b"forged")] == []
    observer.subscribe("$SYS/broker/version")  # a round trip
    assert [message for message in observer.messages if message.payload == b"forged"] == []


def test_a_recipient_cannot_make_itself_an_administrator(
    two: tuple[Credentials, Credentials], recipient: Connect, broker: Broker
) -> None:
    app = recipient(two[0])
    command = {"command": "addClientRole", "username": two[0]["username"], "rolename": "p1-administrator"}
    assert not app.publish("$CONTROL/dynamic-security/v1", json.dumps({"commands": [command]}).encode())
    rules = json.loads((broker.folder / "dynamic-security.json").read_text())
    (client,) = (found for found in rules["clients"] if found["username"] == two[0]["username"])
    assert [role["rolename"] for role in client["roles"]] == [f"recipient-{two[0]['username']}"]


@pytest.mark.parametrize(
    ("username", "password"),
    [
        (None, None),
        ("stranger", "secret"),
        ("p1-publisher", "wrong"),
        ("p1-administrator", ""),
        ("p1-publisher", None),
    ],
)
def test_the_anonymous_and_those_with_a_wrong_password_are_refused(
    broker: Broker, username: str | None, password: str | None
) -> None:
    with closing(Recipient(broker.port, username, password)) as stranger:
        assert stranger.refusal == "Not authorized"


def test_a_known_recipient_with_a_wrong_password_is_refused(
    two: tuple[Credentials, Credentials], broker: Broker
) -> None:
    with closing(Recipient(broker.port, two[0]["username"], two[1]["password"])) as stranger:
        assert stranger.refusal == "Not authorized"


def test_neither_publisher_nor_administrator_can_read_what_is_published(
    two: tuple[Credentials, Credentials], broker: Broker
) -> None:
    for username, password in (("p1-publisher", OWN.publisher), ("p1-administrator", OWN.administrator)):
        with closing(Recipient(broker.port, username, password)) as own:
            assert own.refusal is None
            assert not own.subscribe("#")
            assert not own.subscribe(f"p1/{two[0]['username']}/consent")
            assert own.messages == []


def test_a_recipient_is_known_over_a_restart_of_the_broker(
    two: tuple[Credentials, Credentials], broker: Broker, recipient: Connect
) -> None:
    broker.stop()
    broker.start()
    recipient(two[0])


def test_cutting_off_twice_is_as_good_as_once(broker: Broker) -> None:
    access = ManagedAccess("127.0.0.1", broker.port, OWN.administrator)
    access.admit(served())
    access.cut_off(served())
    access.cut_off(served())


def test_without_a_broker_nobody_is_admitted_and_it_is_told_in_a_sentence(broker: Broker) -> None:
    broker.stop()
    access = ManagedAccess("127.0.0.1", broker.port, OWN.administrator)
    with pytest.raises(BrokerUnavailable, match=r"does not answer \(Connection refused\)"):
        access.admit(served())


def test_a_broker_that_does_not_know_the_administrator_says_so(broker: Broker) -> None:
    access = ManagedAccess("127.0.0.1", broker.port, "not the administrator's secret")
    with pytest.raises(BrokerUnavailable, match=r"refuses the gateway \(Not authorized\)"):
        access.admit(served())


def test_a_recipient_that_exists_already_is_not_let_in_with_a_new_password(broker: Broker) -> None:
    access = ManagedAccess("127.0.0.1", broker.port, OWN.administrator)
    password = access.admit(served())["password"]
    with pytest.raises(BrokerUnavailable, match="refuses createRole: Role already exists"):
        access.admit(served())
    with closing(Recipient(broker.port, consent().id, password)) as known:
        assert known.refusal is None


# --- the broker's files and process ----------------------------------------------------------


def test_provisioning_again_keeps_the_recipients_it_knows_and_takes_new_secrets(
    gateway: Gateway, broker: Broker, recipient: Connect
) -> None:
    _, credentials = gateway.grant()
    gateway.dispatcher.stop()
    broker.stop()
    renewed = BrokerSecrets("another publisher's secret", "another administrator's secret")
    configuration = provision(broker.folder, renewed, broker.port)
    running = Mosquitto(configuration, broker.port)
    try:
        recipient(credentials)
        for password, refusal in ((OWN.publisher, "Not authorized"), (renewed.publisher, None)):
            with closing(Recipient(broker.port, "p1-publisher", password)) as publisher:
                assert publisher.refusal == refusal
    finally:
        running.stop()


def test_the_brokers_files_are_for_this_user_and_hold_no_password(gateway: Gateway, broker: Broker) -> None:
    _, credentials = gateway.grant()
    for name in ("dynamic-security.json", "mosquitto.conf"):
        file = broker.folder / name
        assert S_IMODE(file.stat().st_mode) & 0o077 == 0
        for password in (OWN.publisher, OWN.administrator, credentials["password"]):
            assert password not in file.read_text()
    assert S_IMODE(broker.folder.stat().st_mode) == 0o700


def test_only_this_machine_can_connect_and_nothing_is_kept_on_disk(broker: Broker) -> None:
    settings = (broker.folder / "mosquitto.conf").read_text().splitlines()
    assert f"listener {broker.port} 127.0.0.1" in settings
    assert {"allow_anonymous false", "persistence false"} <= set(settings)


def test_the_gateways_own_passwords_are_made_once(tmp_path: Path) -> None:
    slot = HiddenFile(tmp_path / "hidden" / "broker", DeviceKey(bytes(32)))
    made = BrokerSecrets.load_or_create(slot)
    assert BrokerSecrets.load_or_create(slot) == made
    assert len({made.publisher, made.administrator}) == 2
    assert min(map(len, (made.publisher, made.administrator))) >= 32


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


def test_a_broker_that_cannot_have_its_port_is_told_in_a_sentence(tmp_path: Path, taken: int) -> None:
    with pytest.raises(BrokerUnavailable, match="already uses port"):
        Mosquitto(provision(tmp_path / "broker", OWN, taken), taken).stop()


def test_a_broker_that_does_not_start_says_why(tmp_path: Path) -> None:
    port = free_port()
    configuration = provision(tmp_path / "broker", OWN, port)
    configuration.write_text(configuration.read_text() + "no_such_setting true\n")
    with pytest.raises(BrokerUnavailable, match=r"Mosquitto did not start: .*mosquitto\.conf"):
        Mosquitto(configuration, port)


def test_a_note_outlives_the_broker_and_no_client_can_read_it(
    broker: Broker, gateway: Gateway, recipient: Callable[..., Recipient]
) -> None:
    access = ManagedAccess("127.0.0.1", broker.port, OWN.administrator)
    assert access.note() is None
    access.put_note("first")
    access.put_note("count 7")
    assert access.note() == "count 7"
    _, credentials = gateway.grant()
    broker.stop()
    broker.provision()  # as at a start of the demo
    broker.start()
    assert access.note() == "count 7"
    app = recipient(credentials)
    assert not app.subscribe("$CONTROL/dynamic-security/v1/#")
    broker.stop()
    with pytest.raises(BrokerUnavailable):
        access.note()
