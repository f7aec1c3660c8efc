"""A broker that hangs: what was taken back does not follow once it goes on."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from gateway.consent import Category, Granularity
from gateway.consent.ledger import Event
from tests.made_up import NOON
from tests.sharing.conftest import Broker, Gateway
from tests.sharing.recipient import Recipient, until
from tests.sharing.test_dispatcher import full, quarter

Connect = Callable[..., Recipient]
LIVE = {Category.POWER: Granularity.LIVE}
BOTH = LIVE | {Category.ELECTRICITY: Granularity.QUARTER}


def withdraw(gateway: Gateway, consent_id: str) -> None:
    gateway.sharing.withdraw(consent_id, "page")


def expire(gateway: Gateway, consent_id: str) -> None:
    gateway.clock.now = gateway.ledger.consent(consent_id).terms.valid_until
    gateway.dispatcher.reconcile()


def stop_switch(gateway: Gateway, consent_id: str) -> None:
    gateway.sharing.stop("button")


def pause(gateway: Gateway, consent_id: str) -> None:
    gateway.ledger.append(Event.PAUSED, consent_id)
    gateway.dispatcher.reconcile()


def feed(gateway: Gateway, first: int, last: int) -> None:
    """A telegram a second, without waiting for the broker."""
    for n in range(first, last):
        gateway.arrival.seconds = float(n)
        gateway.dispatcher.offer(full(n))


def socket_of(gateway: Gateway) -> socket.socket:
    connection = gateway.publishing._connection
    assert connection is not None
    line = connection._client.socket()
    assert isinstance(line, socket.socket)
    return line


@pytest.mark.parametrize("end", [withdraw, expire, stop_switch, pause])
@pytest.mark.parametrize("others", [0, 2])
def test_at_most_one_live_message_follows_an_end_while_the_broker_hangs(
    gateway: Gateway, broker: Broker, recipient: Connect, end: Callable[[Gateway, str], None], others: int
) -> None:
    lasting = [
        gateway.grant(LIVE, live_interval_s=1, valid_until=NOON + timedelta(days=2)) for _ in range(others)
    ]
    ended, credentials = gateway.grant(LIVE, live_interval_s=1)
    app = recipient(credentials)
    gateway.connect()
    gateway.offer(full(0))
    until(lambda: len(app.on("/live")) == 1)
    with broker.hanging():
        feed(gateway, 1, 30)
        line = socket_of(gateway)
        ended_at = time.monotonic()
        end(gateway, ended.id)
        assert line.fileno() == -1  # closed: nothing of ours waits in the kernel to be read later
        if end is not withdraw:  # which waits for the broker's confirmation
            assert time.monotonic() - ended_at < 1
        feed(gateway, 30, 60)
    gateway.sharing.maintain()
    time.sleep(0.5)
    assert len(app.on("/live")) <= 2
    if lasting and end is not stop_switch:
        other = recipient(lasting[0][1])
        gateway.clock.pass_by(minutes=2)
        gateway.connect()
        gateway.dispatcher.offer(full(90))
        gateway.arrival.seconds = 90.0
        gateway.dispatcher.offer(full(90))
        until(lambda: any(m.fields["power_w"] == 590 for m in other.on("/live")))
    assert len(app.on("/live")) <= 2


def test_while_the_broker_hangs_each_recipient_has_one_live_message_under_way(
    gateway: Gateway, broker: Broker, recipient: Connect
) -> None:
    """Without a withdrawal, too: what follows a hang is the present moment, not what was missed."""
    apps = [recipient(gateway.grant(LIVE, live_interval_s=1)[1]) for _ in range(3)]
    gateway.connect()
    gateway.offer(full(0))
    with broker.hanging():
        feed(gateway, 1, 60)
    until(gateway.live_taken)
    feed(gateway, 60, 61)
    until(lambda: all(len(app.on("/live")) >= 3 for app in apps))
    for app in apps:
        assert [message.fields["power_w"] for message in app.on("/live")] == [500, 501, 560]


def test_a_withdrawal_while_the_broker_hangs_is_said_to_be_under_way_until_it_is_done(
    gateway: Gateway, broker: Broker, recipient: Connect
) -> None:
    consent, credentials = gateway.grant(BOTH, live_interval_s=1)
    app = recipient(credentials)
    gateway.connect()
    with broker.hanging():
        feed(gateway, 0, 5)
        began = time.monotonic()
        gateway.sharing.withdraw(consent.id, "page")
        assert time.monotonic() - began < 8
        assert gateway.ledger.valid(gateway.clock()) == []
        assert gateway.sharing.is_being_cut_off(consent.id)
    gateway.sharing.maintain()
    assert not gateway.sharing.is_being_cut_off(consent.id)
    until(lambda: app.cut_off_at)


def test_a_cut_off_that_hangs_does_not_hold_up_the_next_withdrawal_or_the_stop_switch(
    gateway: Gateway, broker: Broker
) -> None:
    first, _ = gateway.grant(LIVE)
    second, _ = gateway.grant(LIVE)
    gateway.connect()
    with broker.hanging():
        hanging = threading.Thread(target=gateway.sharing.withdraw, args=(first.id, "page"))
        hanging.start()
        until(gateway.ledger.to_cut_off)
        began = time.monotonic()
        gateway.sharing.stop("button")
        assert time.monotonic() - began < 1
        again = threading.Thread(target=gateway.sharing.withdraw, args=(second.id, "page"))
        again.start()
        until(lambda: len(gateway.ledger.to_cut_off()) == 2)
        assert time.monotonic() - began < 2
        hanging.join(20)
    again.join(20)
    gateway.sharing.maintain()
    assert gateway.ledger.to_cut_off() == []


def test_rows_under_way_go_again_as_they_were_to_those_who_still_consent(
    gateway: Gateway, broker: Broker, recipient: Connect
) -> None:
    _, credentials = gateway.grant(BOTH)
    gone, _ = gateway.grant(BOTH)
    app = recipient(credentials)
    gateway.connect()
    with broker.hanging():
        for n in (1, 2, 3):
            gateway.dispatcher.offer_row(quarter(n))
        gateway.sharing.withdraw(gone.id, "page")
    gateway.sharing.maintain()
    gateway.clock.pass_by(minutes=2)
    gateway.settled()
    until(lambda: {m.payload for m in app.on("/quarter")} and len(app.on("/quarter")) >= 3)
    by_time: dict[str, set[bytes]] = {}
    for message in app.on("/quarter"):
        by_time.setdefault(message.fields["timestamp"], set()).add(message.payload)
    assert len(by_time) == 3
    assert all(len(payloads) == 1 for payloads in by_time.values())
