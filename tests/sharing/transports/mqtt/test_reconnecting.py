"""A broker that is away, comes back, refuses or was never there; and a gateway that starts again."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest

from gateway.consent import Category, Granularity
from gateway.consent.ledger import Event
from gateway.errors import BrokerUnavailable
from gateway.history import Period, Row
from gateway.sharing.transports.mqtt.connection import Connection, Login
from tests.made_up import NOON, NUMBER, reading
from tests.sharing.conftest import Broker, Gateway
from tests.sharing.recipient import Message, Recipient, until

Connect = Callable[..., Recipient]
QUARTERLY = {Category.ELECTRICITY: Granularity.QUARTER}


def quarter(n: int) -> Row:
    ends_at = NOON + n * timedelta(minutes=15)
    return Row(
        NUMBER, "electricity", Period.QUARTER, ends_at, ends_at, {"energy_import_t1_wh": 1_000_000 + n}
    )


def registers(messages: list[Message]) -> list[float]:
    return [message.fields["energy_import_t1_kwh"] for message in messages]


def lose(gateway: Gateway, broker: Broker) -> None:
    """Stop the broker, and let the gateway notice."""
    broker.stop()

    def noticed() -> bool:
        gateway.dispatcher.reconcile()
        return not gateway.connected

    until(noticed)


def regain(gateway: Gateway, broker: Broker) -> None:
    broker.start()
    gateway.clock.pass_by(minutes=2)

    def connected() -> bool:
        gateway.dispatcher.reconcile()
        return gateway.connected

    until(connected)


def test_rows_wait_while_the_broker_is_away_and_arrive_in_order_when_it_is_back(
    gateway: Gateway, broker: Broker, recipient: Connect
) -> None:
    _, credentials = gateway.grant(QUARTERLY)
    gateway.connect()
    lose(gateway, broker)
    for n in range(1, 5):
        gateway.dispatcher.offer_row(quarter(n))
    assert len(gateway.outbox.waiting()) == 4
    broker.start()
    app = recipient(credentials)  # known to the broker still
    gateway.clock.pass_by(minutes=2)
    gateway.settled()
    assert registers(until(lambda: len(app.on("/quarter")) >= 4 and app.on("/quarter"))) == [
        1000.001, 1000.002, 1000.003, 1000.004,
    ]  # fmt: skip


def test_rows_that_waited_go_only_to_those_who_still_consent(
    gateway: Gateway, broker: Broker, recipient: Connect, observe: Callable[[], Recipient]
) -> None:
    kept, kept_credentials = gateway.grant(QUARTERLY)
    gone, _ = gateway.grant(QUARTERLY)
    gateway.connect()
    lose(gateway, broker)
    gateway.dispatcher.offer_row(quarter(1))
    gateway.sharing.withdraw(gone.id, "page")  # the broker is away: it counts all the same
    broker.start()
    observer, app = observe(), recipient(kept_credentials)
    gateway.clock.pass_by(minutes=2)
    gateway.settled()
    until(lambda: app.on("/quarter"))
    assert [message.topic for message in observer.on("/quarter")] == [f"p1/{kept.id}/quarter"]
    gateway.sharing.maintain()
    assert gateway.ledger.to_cut_off() == []


def test_live_readings_are_not_kept_for_later(gateway: Gateway, broker: Broker, recipient: Connect) -> None:
    _, credentials = gateway.grant()
    gateway.connect()
    lose(gateway, broker)
    for n in range(100):
        gateway.dispatcher.offer(reading(NOON + timedelta(seconds=n), power_import_w=n))
    regain(gateway, broker)
    app = recipient(credentials)
    gateway.dispatcher.offer(reading(NOON + timedelta(hours=1), power_import_w=777))
    until(lambda: app.on("/live"))
    assert [message.fields["power_w"] for message in app.on("/live")] == [777]


def test_rows_that_waited_survive_a_restart_of_the_gateway(
    gateway: Gateway, broker: Broker, recipient: Connect, start_gateway: Callable[..., Gateway]
) -> None:
    _, credentials = gateway.grant(QUARTERLY)
    gateway.connect()
    lose(gateway, broker)
    for n in (1, 2):
        gateway.dispatcher.offer_row(quarter(n))
    again = start_gateway(broker.port)  # the other one is gone as by a power cut: without a goodbye
    broker.start()
    app = recipient(credentials)
    again.connect()
    again.settled()
    assert registers(until(lambda: len(app.on("/quarter")) >= 2 and app.on("/quarter"))) == [
        1000.001,
        1000.002,
    ]


def test_a_row_that_was_acknowledged_is_not_sent_again_after_a_restart(
    gateway: Gateway, broker: Broker, recipient: Connect, start_gateway: Callable[..., Gateway]
) -> None:
    _, credentials = gateway.grant(QUARTERLY)
    app = recipient(credentials)
    gateway.connect()
    gateway.dispatcher.offer_row(quarter(1))
    gateway.settled()
    gateway.dispatcher.stop()
    again = start_gateway(broker.port)
    again.connect()
    again.dispatcher.offer_row(quarter(2))
    again.settled()
    assert registers(until(lambda: len(app.on("/quarter")) >= 2 and app.on("/quarter"))) == [
        1000.001,
        1000.002,
    ]


def test_the_status_says_whether_the_gateway_is_there(
    gateway: Gateway, broker: Broker, observe: Callable[[], Recipient]
) -> None:
    observer = observe()
    gateway.grant()
    gateway.connect()
    until(lambda: [m.payload for m in observer.on("p1/status")] == [b"online"])
    connection = gateway.publishing._connection
    assert connection is not None
    pulled_out = connection._client.socket()
    assert isinstance(pulled_out, socket.socket)
    pulled_out.shutdown(socket.SHUT_RDWR)  # the broker speaks for it then
    until(lambda: [m.payload for m in observer.on("p1/status")] == [b"online", b"offline"])
    until(lambda: not gateway.connected)
    gateway.dispatcher.reconcile()
    gateway.clock.pass_by(minutes=2)
    gateway.connect()
    gateway.dispatcher.stop()
    until(lambda: [m.payload for m in observer.on("p1/status")][2:] == [b"online", b"offline"])


def test_a_wrong_password_is_told_in_a_sentence_and_tried_again_ever_more_rarely(
    start_gateway: Callable[..., Gateway], broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = start_gateway(broker.port, password="not the publisher's secret")
    gateway.grant()
    waits = []
    with caplog.at_level(logging.DEBUG, "gateway.sharing.transports.mqtt.publishing"):
        for attempt in range(1, 9):

            def refused(attempts: int = attempt) -> bool:
                gateway.dispatcher.reconcile()
                return len(caplog.messages) == attempts

            until(refused)
            waited = 0
            while gateway.publishing._connection is None:
                gateway.clock.pass_by(seconds=1)
                waited += 1
                gateway.dispatcher.reconcile()
            waits.append(waited)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert set(caplog.messages) == {
        f"the MQTT broker at 127.0.0.1:{broker.port} refuses the gateway (Not authorized): rows wait,"
        " and the gateway tries again"
    }
    # A broker that stays away for days does not fill the log.
    assert [record.levelno for record in caplog.records].count(logging.WARNING) == 6
    assert not gateway.connected


def test_a_broker_that_is_not_there_is_told_in_a_sentence_and_costs_nothing_else(
    start_gateway: Callable[..., Gateway], broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = start_gateway(broker.port)
    gateway.grant(QUARTERLY)
    broker.stop()

    def told() -> bool:
        gateway.clock.pass_by(seconds=1)
        gateway.dispatcher.offer(reading(NOON, power_import_w=5))
        return any("does not answer (Connection refused)" in message for message in caplog.messages)

    until(told)
    gateway.dispatcher.offer_row(quarter(1))
    assert [waiting.row for waiting in gateway.outbox.waiting()] == [quarter(1)]


@contextmanager
def slow_broker() -> Iterator[socket.socket]:
    """A listener that takes connections and leaves the rest to the test."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)
        yield listening


def said_on(line: socket.socket) -> bytes:
    """What the gateway says until it hangs up; TimeoutError when it does not."""
    said = b""
    with suppress(ConnectionResetError):
        while chunk := line.recv(1000):
            said += chunk
    return said


def test_a_connection_that_is_left_before_it_stood_ends_by_itself() -> None:
    with slow_broker() as listening:
        connection = Connection(Login("127.0.0.1", listening.getsockname()[1], "name", "password"))
        connection.leave()  # the consent was withdrawn while its name was being looked up
        connection.open()
        line, _ = listening.accept()
        with line:
            line.settimeout(5)
            line.recv(1000)
            line.sendall(b"\x20\x03\x00\x00\x00")  # CONNACK: welcome
            said_on(line)
        until(lambda: connection.ended)


def test_a_withdrawal_while_the_gateway_is_still_connecting_ends_the_connection(
    start_gateway: Callable[..., Gateway], broker: Broker
) -> None:
    granting = start_gateway(broker.port)
    consent, _ = granting.grant()
    granting.dispatcher.stop()
    with slow_broker() as listening:
        gateway = start_gateway(listening.getsockname()[1])
        gateway.dispatcher.reconcile()
        line, _ = listening.accept()
        with line:
            line.settimeout(5)
            assert line.recv(1000)[0] == 0x10  # CONNECT
            gateway.ledger.append(Event.WITHDRAWN, consent.id)
            gateway.dispatcher.reconcile()
            with suppress(ConnectionError):  # the gateway has broken the connection off already
                line.sendall(b"\x20\x03\x00\x00\x00")
            assert said_on(line)[:1] in (b"\xe0", b"")  # DISCONNECT, and nothing was published
        assert not gateway.connected


def test_an_administrator_that_is_refused_or_not_answered_says_so(broker: Broker) -> None:
    wrong = Connection(Login("127.0.0.1", broker.port, "p1-administrator", "wrong"))
    wrong.open()
    with pytest.raises(BrokerUnavailable, match=r"refuses the gateway \(Not authorized\)"):
        wrong.wait(5)
    wrong.close()


@pytest.mark.parametrize("_", range(5))
def test_what_was_sent_before_the_goodbye_arrives(
    gateway: Gateway, recipient: Connect, observe: Callable[[], Recipient], _: int
) -> None:
    """A broker that finds the line closed too soon drops what it has not read yet."""
    _consent, credentials = gateway.grant(QUARTERLY | {Category.POWER: Granularity.LIVE})
    app, observer = recipient(credentials), observe()
    gateway.connect()
    gateway.dispatcher.offer(reading(NOON, power_import_w=42))
    gateway.dispatcher.offer_row(quarter(1))
    gateway.dispatcher.stop()
    until(lambda: app.on("/live") and app.on("/quarter"))
    until(lambda: observer.on("p1/status")[-1:] and observer.on("p1/status")[-1].payload == b"offline")
    assert observer.on("p1/status")[-1].expiry_s == 604_800  # the gateway's own words, not its last will
