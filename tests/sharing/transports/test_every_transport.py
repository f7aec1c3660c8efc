"""What holds for every transport: it lets in and carries for a consent, and for nobody else."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from gateway.consent import Consent
from gateway.errors import TransportUnavailable
from gateway.sharing import Credentials, Message, Served, Transport
from gateway.sharing.transports.mqtt import mqtt_transport
from tests.made_up import Clock, consent
from tests.sharing.conftest import OWN, Broker
from tests.sharing.recipient import Recipient, until
from tests.sharing.test_ways_of_ones_own import Postcards, PostOffice

POSTCARDS = Postcards()
LONG_S = 60


@dataclass
class Way:
    """A transport, and what its recipients see. `read` gives all that one finds, without its own doing."""

    transport: Transport
    read: Callable[[Credentials], Sequence[bytes]]
    is_let_in: Callable[[Credentials], bool]
    go_away: Callable[[], None]
    say_birth: Callable[[Credentials, Message], None]
    opened: list[Recipient] = field(default_factory=list)

    def reach(self, *valid: Served) -> None:
        """Serve until it can be sent."""
        until(lambda: self.transport.delivery.serve(valid) is not None)

    def deliver(self, served: Served, *payloads: bytes) -> None:
        """Deliver on the recipient's own topic, and wait until that is taken."""
        topic = f"box/{served.consent.id}"
        ticket = self.transport.delivery.deliver(served, [Message(topic, p) for p in payloads], LONG_S)
        until(lambda: ticket in self.transport.delivery.taken())


def a_consent(sign: str) -> Served:
    made = consent()
    return Served(Consent("c" + sign * 16, made.terms, made.state), POSTCARDS)


FIRST, SECOND = a_consent("1"), a_consent("2")


@pytest.fixture
def post() -> Way:
    office = PostOffice()
    return Way(
        Transport("post", lambda served: {"box": served.consent.id}, office, office),
        read=office.read,
        is_let_in=lambda credentials: (
            office.boxes.get(credentials["box"]) == credentials["key"]
            and credentials["box"] not in office.locked
        ),
        go_away=lambda: setattr(office, "on_strike", True),
        say_birth=lambda _, birth: office.rung.append((birth.topic, birth.payload)),
    )


@pytest.fixture
def mqtt(broker: Broker, clock: Clock) -> Iterator[Way]:
    transport = mqtt_transport("127.0.0.1", broker.port, OWN, clock)
    opened: dict[str, Recipient] = {}

    def connected(credentials: Credentials) -> Recipient:
        known = opened.get(credentials["username"])
        if known is None or known.cut_off_at is not None:
            known = Recipient(broker.port, credentials["username"], credentials["password"])
            opened[credentials["username"]] = known
            if known.refusal is None:
                for topic in credentials["topic"].split():
                    known.subscribe(topic)
        return known

    def read(credentials: Credentials) -> list[bytes]:
        found = connected(credentials)
        if found.refusal is None:
            found.subscribe("p1/status")  # a round trip
        return [message.payload for message in found.messages if message.topic.startswith("box/")]

    def is_let_in(credentials: Credentials) -> bool:
        with closing(Recipient(broker.port, credentials["username"], credentials["password"])) as tried:
            return tried.refusal is None

    def say_birth(credentials: Credentials, birth: Message) -> None:
        assert connected(credentials).publish(birth.topic, birth.payload)

    yield Way(transport, read, is_let_in, broker.stop, say_birth)
    for one in opened.values():
        one.close()
    transport.delivery.stop()


@pytest.fixture(params=["post", "mqtt"])
def way(request: pytest.FixtureRequest) -> Way:
    found: Way = request.getfixturevalue(request.param)
    found.transport.doors.compare([])  # as the gateway does at its start
    return found


def test_without_a_consent_to_serve_there_is_no_connection(way: Way) -> None:
    for _ in range(5):
        assert way.transport.delivery.serve([]) is None
        assert not way.transport.delivery.connected
    way.transport.doors.admit(FIRST)
    way.reach(FIRST)
    assert way.transport.delivery.connected
    assert way.transport.delivery.serve([]) is None
    assert not way.transport.delivery.connected


def test_a_recipient_finds_its_own_and_not_anothers(way: Way) -> None:
    first, second = way.transport.doors.admit(FIRST), way.transport.doors.admit(SECOND)
    assert way.read(first) == way.read(second) == []
    way.reach(FIRST, SECOND)
    way.deliver(FIRST, b"one", b"two")
    way.deliver(SECOND, b"three")
    until(lambda: len(way.read(first)) == 2)
    assert list(way.read(first)) == [b"one", b"two"]
    assert list(way.read(second)) == [b"three"]


def test_credentials_tell_which_of_their_fields_are_secret_and_a_receipt_has_none_of_these(way: Way) -> None:
    given = way.transport.doors.admit(FIRST)
    assert given.secret
    described = json.dumps(dict(way.transport.describe(FIRST)))
    for name in given.secret:
        assert len(given[name]) >= 24
        assert given[name] not in repr(given)
        assert given[name] not in described
    assert way.transport.doors.admit(SECOND).fields != given.fields


def test_who_is_suspended_is_out_and_is_in_again_with_the_same_credentials(way: Way) -> None:
    given = way.transport.doors.admit(FIRST)
    assert way.is_let_in(given)
    way.transport.doors.suspend(FIRST)
    assert not way.is_let_in(given)
    way.transport.doors.resume(FIRST)
    assert way.is_let_in(given)
    way.reach(FIRST)
    way.read(given)
    way.deliver(FIRST, b"again")
    until(lambda: list(way.read(given)) == [b"again"])


def test_who_is_cut_off_is_out_for_good_and_that_can_be_repeated(way: Way) -> None:
    given, other = way.transport.doors.admit(FIRST), way.transport.doors.admit(SECOND)
    for _ in range(2):
        way.transport.doors.cut_off(FIRST)
        assert not way.is_let_in(given)
    way.transport.doors.resume(FIRST)
    assert not way.is_let_in(given)
    assert way.is_let_in(other)


def test_a_comparison_lets_in_those_of_consents_only_and_names_the_unknown(way: Way) -> None:
    first, second = way.transport.doors.admit(FIRST), way.transport.doors.admit(SECOND)
    third = a_consent("3")
    assert way.transport.doors.compare([FIRST, third], [FIRST.consent.id]) == [third.consent.id]
    assert (way.is_let_in(first), way.is_let_in(second)) == (False, False)
    assert way.transport.doors.compare([FIRST]) == []
    assert way.is_let_in(first)


def test_where_it_is_away_every_door_says_so(way: Way) -> None:
    way.go_away()
    doors = way.transport.doors
    for act in (
        lambda: doors.admit(FIRST), lambda: doors.suspend(FIRST), lambda: doors.resume(FIRST),
        lambda: doors.cut_off(FIRST), lambda: doors.compare([FIRST]),
    ):  # fmt: skip
        with pytest.raises(TransportUnavailable):
            act()


def test_what_is_sent_to_one_whose_consent_has_ended_is_not_delivered_later(way: Way) -> None:
    first, second = way.transport.doors.admit(FIRST), way.transport.doors.admit(SECOND)
    way.read(first), way.read(second)
    way.reach(FIRST, SECOND)
    way.deliver(FIRST, b"while it lasted")
    way.reach(SECOND)
    way.deliver(SECOND, b"to the other")
    until(lambda: list(way.read(second)) == [b"to the other"])
    assert list(way.read(first)) == [b"while it lasted"]


def test_the_birth_of_a_recipients_program_is_heard_once(way: Way) -> None:
    given = way.transport.doors.admit(FIRST)
    way.reach(FIRST)
    time.sleep(0.2)  # the gateway's subscription is on its way
    assert way.transport.delivery.started_anew([FIRST]) == []
    way.say_birth(given, POSTCARDS.births[0])
    until(lambda: way.transport.delivery.started_anew([FIRST]) == [FIRST])
    assert way.transport.delivery.started_anew([FIRST]) == []


def test_another_connection_has_another_name(way: Way) -> None:
    way.transport.doors.admit(FIRST)
    way.reach(FIRST)
    name = way.transport.delivery.serve([FIRST])
    assert way.transport.delivery.serve([FIRST]) == name
    way.transport.delivery.serve([])
    way.reach(FIRST)
    assert way.transport.delivery.serve([FIRST]) != name
