"""What leaves the gateway: nothing before a consent, just what it grants, and nothing after."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.consent import Category, Granularity
from gateway.history import Period, Row
from gateway.p1 import Reading
from tests.made_up import GAS_NUMBER, NOON, NUMBER, SIMULATED, reading
from tests.sharing.conftest import Broker, Gateway
from tests.sharing.recipient import Message, Recipient, until

Connect = Callable[..., Recipient]
SECOND = timedelta(seconds=1)
QUARTERLY = {Category.ELECTRICITY: Granularity.QUARTER}


def full(n: int, model: str = "XYZ5\\MADE-UP") -> Reading:
    """Everything that a meter says, n seconds after NOON."""
    return reading(
        NOON + n * SECOND,
        model=model,
        gas=(NOON, 123_456),
        power_import_w=500 + n,
        power_export_w=0,
        power_import_l1_w=500 + n,
        voltage_l1_mv=230_100,
        current_l1_ma=2000,
        energy_import_t1_wh=1_000_000 + n,
        tariff=2,
        failures_any=3,
    )


def quarter(n: int, *, simulated: bool = False) -> Row:
    ends_at = NOON + n * timedelta(minutes=15)
    quantities = {"energy_import_t1_wh": 1_000_000 + n, "power_import_max_w": 3000, "sags_l1": 2}
    return Row(NUMBER, "electricity", Period.QUARTER, ends_at, ends_at, quantities, simulated)


def registers(messages: list[Message]) -> list[float]:
    return [message.fields["energy_import_t1_kwh"] for message in messages]


def test_before_any_consent_nothing_connects_to_the_broker(start_gateway: Callable[..., Gateway]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.3)
        gateway = start_gateway(listening.getsockname()[1])
        for n in range(20):
            gateway.dispatcher.offer(full(n))
            gateway.dispatcher.offer_row(quarter(n))
            gateway.dispatcher.reconcile()
        with pytest.raises(TimeoutError):
            listening.accept()
    assert gateway.outbox.waiting() == []


def test_before_any_consent_nothing_is_published(
    gateway: Gateway, broker: Broker, observe: Callable[[], Recipient]
) -> None:
    observer = observe()
    for n in range(20):
        gateway.dispatcher.offer(full(n))
        gateway.dispatcher.offer_row(quarter(n))
    gateway.dispatcher.reconcile()
    observer.subscribe("$SYS/broker/clients/connected")  # a round trip: what was sent has arrived
    assert [message for message in observer.messages if not message.topic.startswith("$SYS")] == []
    assert (broker.connections_of("p1-publisher"), broker.connections_of("observer")) == (0, 1)


def test_after_a_grant_exactly_the_granted_category_arrives_at_most_every_five_seconds(
    gateway: Gateway, recipient: Connect, observe: Callable[[], Recipient]
) -> None:
    observer = observe()
    consent, credentials = gateway.grant({Category.POWER: Granularity.LIVE}, live_interval_s=5)
    app = recipient(credentials)
    gateway.connect()
    for n in range(31):
        gateway.offer(full(n))
        gateway.dispatcher.offer_row(quarter(n))
    received = until(lambda: len(app.on("/live")) >= 7 and app.on("/live"))
    assert [message.fields for message in received] == [
        {
            "timestamp": f"2026-06-10T12:00:{n:02}Z",
            "simulated": False,
            "power_w": 500 + n,
            "power_import_w": 500 + n,
            "power_export_w": 0,
        }
        for n in range(0, 31, 5)
    ]
    prefix = f"p1/{consent.id}"
    sent = {message.topic for message in observer.messages}
    assert sent == {"p1/status", f"{prefix}/consent", f"{prefix}/live"}
    assert {message.topic for message in app.messages} == {f"{prefix}/consent", f"{prefix}/live"}


def test_a_recipient_is_told_what_it_may_have_and_until_when(gateway: Gateway, recipient: Connect) -> None:
    consent, credentials = gateway.grant({Category.POWER: Granularity.LIVE, Category.GAS: Granularity.DAY})
    gateway.connect()
    app = recipient(credentials)  # later than it was told: it is retained
    (told,) = until(lambda: app.on("/consent"))
    assert told.fields == {
        "consent": consent.id,
        "recipient": "Energy app",
        "purpose": "show me my usage",
        "grants": {"power": "live", "gas": "day"},
        "live_interval_s": 5,
        "valid_from": "2026-06-10T12:00:00Z",
        "valid_until": "2026-06-11T12:00:00Z",
        "simulated": False,
    }


def test_a_withdrawn_recipient_is_cut_off_and_finds_nothing_retained(
    gateway: Gateway, broker: Broker, recipient: Connect, observe: Callable[[], Recipient]
) -> None:
    consent, credentials = gateway.grant()
    app = recipient(credentials)
    gateway.connect()
    gateway.dispatcher.offer(full(0))
    until(lambda: app.on("/live") and app.on("/consent"))

    withdrawn_at = time.monotonic()
    gateway.sharing.withdraw(consent.id, "page")
    until(lambda: app.cut_off_at)
    assert app.cut_off_at is not None
    assert app.cut_off_at - withdrawn_at < 1

    gateway.dispatcher.offer(full(10))
    back = Recipient(broker.port, credentials["username"], credentials["password"])
    assert back.refusal == "Not authorized"
    back.close()
    assert len(app.on("/live")) == 1
    until(lambda: "p1-publisher" not in _connected(broker))
    assert not gateway.connected
    after = observe()
    after.subscribe("$SYS/broker/version")  # a round trip
    assert [message for message in after.messages if message.topic.startswith("p1/")] == []


def _connected(broker: Broker) -> set[str]:
    """The usernames of those whose connection has not ended, by the broker's log."""
    by_client: dict[str, str] = {}
    for line in broker.log().splitlines():
        words = line.split()
        if "New client connected" in line:
            by_client[words[words.index("as") + 1]] = line.split("u'")[1].split("'")[0]
        elif "disconnected" in line or "closed its connection" in line:
            by_client.pop(words[words.index("Client") + 1], None)
    return set(by_client.values())


def test_withdrawing_one_consent_leaves_the_others_as_they_are(
    gateway: Gateway, recipient: Connect, observe: Callable[[], Recipient]
) -> None:
    kept, kept_credentials = gateway.grant()
    gone, gone_credentials = gateway.grant()
    first, second = recipient(kept_credentials), recipient(gone_credentials)
    gateway.connect()
    until(lambda: first.on("/consent") and second.on("/consent"))
    gateway.sharing.withdraw(gone.id, "page")
    gateway.dispatcher.offer(full(0))
    until(lambda: first.on("/live"))
    assert gateway.connected
    retained = observe()
    until(lambda: len(retained.messages) >= 2)
    assert {message.topic for message in retained.messages} == {"p1/status", f"p1/{kept.id}/consent"}


def test_the_stop_switch_clears_what_is_retained_and_disconnects_and_then_all_comes_back(
    gateway: Gateway, broker: Broker, recipient: Connect, observe: Callable[[], Recipient]
) -> None:
    _, credentials = gateway.grant()
    gateway.connect()
    gateway.sharing.stop("button")
    until(lambda: "p1-publisher" not in _connected(broker))
    gateway.dispatcher.offer(full(0))
    observer = observe()
    observer.subscribe("$SYS/broker/version")
    assert observer.on("/live") + observer.on("/consent") + observer.on("/status") == []
    app = recipient(credentials)  # it may come in, but there is nothing
    gateway.sharing.start("button")
    gateway.connect()
    gateway.dispatcher.offer(full(10))
    until(lambda: app.on("/live") and app.on("/consent"))


def test_a_consent_that_ends_stops_at_its_last_moment(gateway: Gateway, recipient: Connect) -> None:
    _, credentials = gateway.grant()
    app = recipient(credentials)
    gateway.connect()
    gateway.clock.pass_by(hours=23, minutes=59, seconds=59)
    gateway.dispatcher.offer(full(0))
    gateway.clock.pass_by(seconds=1)
    gateway.dispatcher.offer(full(10))
    gateway.sharing.maintain()
    until(lambda: app.cut_off_at)
    assert [message.fields["power_w"] for message in app.on("/live")] == [500]
    assert not gateway.connected


def test_rows_go_to_those_who_may_have_them_with_an_acknowledgement(
    gateway: Gateway, recipient: Connect
) -> None:
    _, credentials = gateway.grant(QUARTERLY)
    app = recipient(credentials)
    gateway.connect()
    gateway.dispatcher.offer_row(quarter(1))
    gateway.settled()
    (row,) = until(lambda: app.on("/quarter"))
    assert row.qos == 1
    assert row.fields == {
        "timestamp": "2026-06-10T12:15:00Z", "simulated": False, "energy_import_t1_kwh": 1000.001,
    }  # fmt: skip


def test_live_readings_are_sent_once_without_acknowledgement(gateway: Gateway, recipient: Connect) -> None:
    _, credentials = gateway.grant()
    app = recipient(credentials)
    gateway.connect()
    gateway.dispatcher.offer(full(0))
    assert [message.qos for message in until(lambda: app.on("/live"))] == [0]


def test_every_message_expires(
    gateway: Gateway, recipient: Connect, observe: Callable[[], Recipient]
) -> None:
    _, credentials = gateway.grant({Category.POWER: Granularity.LIVE} | QUARTERLY)
    app, observer = recipient(credentials), observe()
    gateway.connect()
    gateway.dispatcher.offer(full(0))
    gateway.dispatcher.offer_row(quarter(1))
    until(lambda: len(observer.messages) >= 4 and app.on("/quarter"))
    expiries = {message.topic.split("/")[-1]: message.expiry_s for message in observer.messages}
    # Nothing that is a recipient's waits for longer than its consent lasts.
    assert expiries == {"live": 10, "quarter": 86_400, "consent": 86_400, "status": 604_800}


def test_what_waits_in_the_broker_expires_with_the_consent(
    gateway: Gateway, observe: Callable[[], Recipient]
) -> None:
    observer = observe()
    gateway.grant({Category.POWER: Granularity.LIVE} | QUARTERLY, live_interval_s=3600)
    gateway.connect()
    gateway.clock.pass_by(hours=23, minutes=58, seconds=20)
    gateway.dispatcher.offer(full(0))
    gateway.dispatcher.offer_row(quarter(1))
    until(lambda: observer.on("/live") and observer.on("/quarter"))
    assert {m.expiry_s for m in (*observer.on("/live"), *observer.on("/quarter"))} == {100}


def test_a_period_is_sent_once_and_never_one_that_does_not_come_after_the_last(
    gateway: Gateway, recipient: Connect, start_gateway: Callable[..., Gateway], broker: Broker
) -> None:
    _, credentials = gateway.grant(QUARTERLY)
    app = recipient(credentials)
    gateway.connect()
    for n in (1, 2):
        gateway.dispatcher.offer_row(quarter(n))
    gateway.settled()
    again = replace(quarter(2), quantities={"energy_import_t1_wh": 5})
    for row in (again, quarter(1)):  # the meter's clock jumped back
        gateway.dispatcher.offer_row(row)
    gateway.dispatcher.stop()
    restarted = start_gateway(broker.port)
    restarted.connect()
    for row in (again, quarter(1), quarter(3)):
        restarted.dispatcher.offer_row(row)
    restarted.settled()
    until(lambda: len(app.on("/quarter")) >= 3)
    assert registers(app.on("/quarter")) == [1000.001, 1000.002, 1000.003]


def test_the_stop_switch_does_not_make_it_forget_what_was_sent(gateway: Gateway, recipient: Connect) -> None:
    _, credentials = gateway.grant(QUARTERLY)
    app = recipient(credentials)
    gateway.connect()
    gateway.dispatcher.offer_row(quarter(2))
    gateway.settled()
    gateway.sharing.stop("page")
    gateway.sharing.start("page")
    gateway.connect()
    for n in (1, 2, 3):
        gateway.dispatcher.offer_row(quarter(n))
    gateway.settled()
    assert registers(until(lambda: len(app.on("/quarter")) >= 2 and app.on("/quarter"))) == [
        1000.002,
        1000.003,
    ]


HIGHS = QUARTERLY | {Category.POWER: Granularity.QUARTER}


def test_the_first_row_after_a_grant_holds_no_high_from_before_it(
    gateway: Gateway, recipient: Connect
) -> None:
    gateway.grant(HIGHS)
    gateway.dispatcher.offer_row(quarter(0))
    gateway.clock.pass_by(minutes=7)
    _, credentials = gateway.grant(HIGHS)
    app = recipient(credentials)
    gateway.connect()
    for n in (1, 2):
        gateway.clock.now = NOON + n * timedelta(minutes=15)
        gateway.dispatcher.offer_row(quarter(n))
        gateway.settled()
    first, second = until(lambda: len(app.on("/quarter")) >= 2 and app.on("/quarter"))
    assert "power_import_max_w" not in first.fields
    assert "energy_import_t1_kwh" in first.fields
    assert second.fields["power_import_max_w"] == 3000


@pytest.mark.parametrize("jump_s", [-86_400, -7, -1, 0, 1, 7, 3600, 86_400])
def test_a_meters_clock_that_jumps_does_not_open_the_tap(
    gateway: Gateway, recipient: Connect, jump_s: int
) -> None:
    _, credentials = gateway.grant(valid_from=NOON - timedelta(days=2), valid_until=NOON + timedelta(days=2))
    app = recipient(credentials)
    gateway.connect()
    for n in range(21):  # a telegram a second; the clock jumps with each
        gateway.arrival.seconds = float(n)
        at = NOON + timedelta(days=1) + timedelta(seconds=n + (jump_s if n % 2 else 0))
        gateway.dispatcher.offer(reading(at, power_import_w=n))
        until(gateway.live_taken)
    gateway.dispatcher.stop()
    time.sleep(0.05)
    assert 1 <= len(app.on("/live")) <= 5


def test_a_restart_does_not_open_the_tap(
    gateway: Gateway, recipient: Connect, start_gateway: Callable[..., Gateway], broker: Broker
) -> None:
    _, credentials = gateway.grant(live_interval_s=3600)
    app = recipient(credentials)
    gateway.connect()
    gateway.offer(full(0))
    for n in range(1, 4):
        gateway.dispatcher.stop()
        gateway.clock.pass_by(minutes=1)
        gateway = start_gateway(broker.port)
        gateway.connect()
        gateway.dispatcher.offer(full(60 * n))
    gateway.dispatcher.stop()
    assert [message.fields["power_w"] for message in app.on("/live")] == [500]


def test_what_the_simulator_made_says_so_in_every_message(gateway: Gateway, recipient: Connect) -> None:
    _, credentials = gateway.grant({Category.POWER: Granularity.LIVE} | QUARTERLY)
    app = recipient(credentials)
    gateway.connect(SIMULATED)
    gateway.dispatcher.offer(full(10, SIMULATED))
    gateway.dispatcher.offer_row(quarter(1, simulated=True))
    until(lambda: app.on("/live") and app.on("/quarter") and app.on("/consent"))
    assert [message.fields["simulated"] for message in app.messages] == [True] * len(app.messages)


def test_meter_numbers_go_only_where_identity_is_granted(gateway: Gateway, recipient: Connect) -> None:
    power_and_gas = dict.fromkeys((Category.POWER, Category.GAS), Granularity.LIVE)
    anonymous = recipient(gateway.grant(power_and_gas)[1])
    named = recipient(gateway.grant(power_and_gas | {Category.IDENTITY: Granularity.LIVE})[1])
    gateway.connect()
    gateway.dispatcher.offer(full(0))
    (without,), (with_it,) = until(lambda: anonymous.on("/live") and named.on("/live")) and (
        anonymous.on("/live"), named.on("/live"),
    )  # fmt: skip
    for number in (NUMBER, GAS_NUMBER, "MADE-UP"):
        assert number.encode() not in without.payload
    assert (with_it.fields["unique_id"], with_it.fields["external"][0]["unique_id"]) == (NUMBER, GAS_NUMBER)


def test_disclosures_are_counted_when_sent(gateway: Gateway, recipient: Connect) -> None:
    consent, credentials = gateway.grant({Category.POWER: Granularity.LIVE} | QUARTERLY)
    recipient(credentials)
    gateway.connect()
    for n in range(11):
        gateway.offer(full(n))
    gateway.dispatcher.offer_row(quarter(1))
    gateway.settled()
    counted = {sent.category: sent.messages for sent in gateway.disclosures.of(consent.id)}
    assert counted == {Category.POWER: 3, Category.ELECTRICITY: 1}


def test_many_rows_and_their_acknowledgements_never_wait_for_each_other(
    gateway: Gateway, recipient: Connect
) -> None:
    """Acknowledgements come in the MQTT client's thread while the meter's thread still sends."""
    _, credentials = gateway.grant(QUARTERLY | {Category.POWER: Granularity.LIVE}, live_interval_s=1)
    app = recipient(credentials)
    gateway.connect()

    def feed() -> None:
        for n in range(150):
            gateway.dispatcher.offer(full(n))
            gateway.dispatcher.offer_row(quarter(n))

    feeding = threading.Thread(target=feed, daemon=True)
    feeding.start()
    feeding.join(20)
    assert not feeding.is_alive(), "the meter's thread hangs"
    gateway.settled()
    until(lambda: len(app.on("/quarter")) >= 150)
    assert registers(app.on("/quarter")) == [1000 + n / 1000 for n in range(150)]
