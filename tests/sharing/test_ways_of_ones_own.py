"""A format and a transport that nothing in the gateway knows of: consent works through them all the same."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.consent import Category, Consent, Disclosure, DisclosureLog, Granularity, Ledger, State
from gateway.errors import ConsentError, TransportUnavailable
from gateway.history import DeviceKey
from gateway.operations import Sharing
from gateway.sharing import Credentials, Dispatcher, Message, Outbox, Served, Transport
from tests.made_up import NOON, Clock, MemorySlot, reading, terms
from tests.sharing.test_dispatcher import quarter

SECOND = timedelta(seconds=1)


class Postcards:
    """A format: one line of text on a card, and a card on the door that says who lives there."""

    name = "postcards"
    births = (Message("hall/bell", b"home"),)

    def messages(self, disclosure: Disclosure) -> Sequence[Message]:
        text = " ".join(f"{name}={value}" for name, value in sorted(disclosure.quantities.items()))
        return [Message(f"box/{disclosure.consent_id}", f"{disclosure.granularity}: {text}".encode())]

    def greeting(self, consent: Consent, simulated: bool) -> Sequence[Message]:
        return [Message(f"door/{consent.id}", consent.terms.recipient.encode(), retained=True)]

    def farewell(self, consent: Consent) -> Sequence[Message]:
        return [Message(f"door/{consent.id}", b"", retained=True)]

    def topics(self, consent: Consent) -> Sequence[str]:
        return [f"box/{consent.id}", f"door/{consent.id}"]


@dataclass
class PostOffice:
    """A transport: letter boxes with keys, and a postman who walks only while there is somebody to serve."""

    boxes: dict[str, str] = field(default_factory=dict)  # consent -> the key of its box
    locked: set[str] = field(default_factory=set)
    cards: dict[str, list[bytes]] = field(default_factory=dict)
    doors: dict[str, bytes] = field(default_factory=dict)
    rung: list[tuple[str, bytes]] = field(default_factory=list)
    on_strike: bool = False
    walks: int = 0
    walking: bool = False
    given: list[Hashable] = field(default_factory=list)

    # --- doors

    def admit(self, served: Served) -> Credentials:
        self._work()
        self.boxes[served.consent.id] = key = secrets.token_hex()
        return Credentials({"box": served.consent.id, "key": key}, frozenset({"key"}))

    def suspend(self, served: Served) -> None:
        self._work()
        self.locked.add(served.consent.id)
        self._take(served.format.farewell(served.consent))

    def resume(self, served: Served) -> None:
        self._work()
        self.locked.discard(served.consent.id)

    def cut_off(self, served: Served) -> None:
        self._work()
        self.boxes.pop(served.consent.id, None)
        self._take(served.format.farewell(served.consent))

    def compare(self, lasting: Sequence[Served], paused: Collection[str] = ()) -> list[str]:
        self._work()
        known = {served.consent.id for served in lasting}
        self.boxes = {name: key for name, key in self.boxes.items() if name in known}
        self.locked = {*paused}
        return [name for name in known if name not in self.boxes]

    def _work(self) -> None:
        if self.on_strike:
            raise TransportUnavailable("the post office is on strike")

    # --- delivery

    @property
    def connected(self) -> bool:
        return self.walking

    def serve(self, valid: Sequence[Served]) -> Hashable | None:
        if bool(valid) and not self.walking:
            self.walks += 1
        self.walking = bool(valid)
        return self.walks if self.walking else None

    def deliver(self, served: Served, messages: Sequence[Message], expiry_s: int) -> Hashable:
        self._take(messages)
        self.given.append(object())
        return self.given[-1]

    def show(self, served: Served, messages: Sequence[Message], expiry_s: int) -> None:
        self._take(messages)

    def barrier(self) -> Hashable:
        self.given.append(object())
        return self.given[-1]

    def taken(self) -> Sequence[Hashable]:
        taken, self.given = self.given, []
        return taken

    def started_anew(self, valid: Sequence[Served]) -> Sequence[Served]:
        rung, self.rung = self.rung, []
        return [s for s in valid if any((birth.topic, birth.payload) in rung for birth in s.format.births)]

    def stop(self) -> None:
        self.walking = False

    def _take(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if not message.retained:
                self.cards.setdefault(message.topic, []).append(message.payload)
            elif message.payload:
                self.doors[message.topic] = message.payload
            else:
                self.doors.pop(message.topic, None)

    def read(self, credentials: Credentials) -> list[bytes]:
        """What the recipient finds: nothing without the key, or while the box is locked."""
        name = credentials["box"]
        if self.boxes.get(name) != credentials["key"] or name in self.locked:
            return []
        return self.cards.get(f"box/{name}", [])


class Home:
    """The gateway's side, with nothing but the post."""

    def __init__(self, folder: Path, device_key: DeviceKey, clock: Clock) -> None:
        self.post, self.clock = PostOffice(), clock
        self.ledger = Ledger(folder / "ledger.jsonl", device_key, MemorySlot(), clock)
        self.disclosures = DisclosureLog(MemorySlot(), clock)
        self.outbox = Outbox(MemorySlot(), clock)
        post = Transport("post", self._describe, self.post, self.post)
        self.dispatcher = Dispatcher(
            self.ledger, self.disclosures, self.outbox, {"post": post}, clock,
            formats={"postcards": Postcards()}, monotonic=self._seconds,
        )  # fmt: skip
        self.sharing = Sharing(
            self.ledger, {"post": post}, self.disclosures, clock, self.dispatcher.reconcile,
            formats={"postcards": Postcards()},
        )  # fmt: skip

    def _seconds(self) -> float:
        return (self.clock() - NOON).total_seconds()

    @staticmethod
    def _describe(served: Served) -> Mapping[str, Any]:
        return {"protocol": "post", "box": served.consent.id}

    def say(self, **quantities: Any) -> None:
        """A second passes, and the meter speaks."""
        self.clock.pass_by(seconds=5)
        self.dispatcher.offer(reading(self.clock(), **quantities))


@pytest.fixture
def home(tmp_path: Path, device_key: DeviceKey, clock: Clock) -> Home:
    return Home(tmp_path, device_key, clock)


POWER_AND_REGISTERS = {Category.POWER: Granularity.LIVE, Category.ELECTRICITY: Granularity.QUARTER}


def agreed() -> Any:
    return terms(POWER_AND_REGISTERS, format="postcards", transport="post")


def test_granted_received_paused_resumed_and_withdrawn(home: Home) -> None:
    home.say(power_import_w=100, voltage_l1_mv=230_000)
    assert (home.post.walking, home.post.cards) == (False, {})

    granted = home.sharing.grant(agreed(), "page")
    home.say(power_import_w=200, voltage_l1_mv=230_000)
    home.dispatcher.offer_row(quarter(1))
    assert home.post.read(granted.credentials) == [
        b"live: power_import_w=200",
        b"quarter: energy_import_t1_wh=1000001",
    ]
    assert home.post.doors == {f"door/{granted.consent.id}": b"Energy app"}
    assert home.sharing.receipt(granted.consent.id)["technical"]["protocol"] == "post"

    paused = home.sharing.pause(granted.consent.id, "page")
    home.say(power_import_w=300)
    assert paused.state is State.PAUSED
    assert (home.post.walking, home.post.doors, home.post.read(granted.credentials)) == (False, {}, [])

    home.sharing.resume(granted.consent.id, "page")
    home.say(power_import_w=400)
    assert home.post.read(granted.credentials)[-1] == b"live: power_import_w=400"
    assert b"live: power_import_w=300" not in home.post.read(granted.credentials)

    withdrawn = home.sharing.withdraw(granted.consent.id, "page")
    home.say(power_import_w=500)
    assert withdrawn.cut_off
    assert (home.post.walking, home.post.boxes, home.post.doors) == (False, {}, {})
    assert [card for card in home.post.cards[f"box/{granted.consent.id}"] if b"500" in card] == []


def test_a_consent_for_a_way_that_does_not_exist_is_refused_in_a_sentence(home: Home) -> None:
    for wrong, said in (({"format": "json"}, "format json"), ({"transport": "mqtt"}, "transport mqtt")):
        usual = {"format": "postcards", "transport": "post"}
        with pytest.raises(ConsentError, match=f"the {said} is not known"):
            home.sharing.grant(terms(POWER_AND_REGISTERS, **(usual | wrong)), "page")
    assert home.ledger.consents() == []


def test_while_the_transport_is_away_nothing_is_granted_and_what_is_taken_back_counts(home: Home) -> None:
    home.post.on_strike = True
    with pytest.raises(TransportUnavailable, match="on strike"):
        home.sharing.grant(agreed(), "page")
    home.post.on_strike = False
    kept, paused = (home.sharing.grant(agreed(), "page").consent for _ in range(2))
    home.post.on_strike = True
    home.sharing.pause(paused.id, "page")
    assert not home.sharing.withdraw(kept.id, "page").cut_off
    home.say(power_import_w=1)
    assert home.post.cards == {}
    home.post.on_strike = False
    home.sharing.maintain()
    assert home.post.boxes.keys() == home.post.locked == {paused.id}


def test_a_recipient_that_has_started_anew_is_greeted_again(home: Home) -> None:
    granted = home.sharing.grant(agreed(), "page")
    home.say(power_import_w=1)
    home.post.doors.clear()  # as a program that forgot everything
    home.say(power_import_w=2)
    assert home.post.doors == {}
    home.post.rung.append(("hall/bell", b"home"))
    home.say(power_import_w=3)
    assert home.post.doors == {f"door/{granted.consent.id}": b"Energy app"}


def test_an_app_asks_and_the_owner_decides(home: Home) -> None:
    asked = home.sharing.request(agreed(), "app")
    home.sharing.maintain()
    home.say(power_import_w=1)
    assert home.sharing.consent(asked.id).state is State.REQUESTED
    assert (home.post.boxes, home.post.cards) == ({}, {})

    less = terms({Category.ELECTRICITY: Granularity.DAY}, format="postcards", transport="post")
    granted = home.sharing.accept_request(asked.id, "page", less)
    assert (granted.consent.id, granted.consent.state) == (asked.id, State.GIVEN)
    assert dict(granted.consent.terms.grants) == {Category.ELECTRICITY: Granularity.DAY}
    with pytest.raises(ConsentError, match="decided already"):
        home.sharing.decline(asked.id, "page")

    other = home.sharing.request(agreed(), "app")
    assert home.sharing.decline(other.id, "page").state is State.REFUSED
    assert home.ledger.to_cut_off() == []  # it never was let in
    home.say(power_import_w=2)
    assert home.post.cards == {}


def test_credentials_do_not_show_their_secret_where_they_are_printed(home: Home) -> None:
    granted = home.sharing.grant(agreed(), "page")
    assert granted.credentials["key"] not in repr(granted)
