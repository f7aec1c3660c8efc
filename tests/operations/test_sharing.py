"""The owner's acts: in the ledger and at the broker, whatever the broker answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.consent import (
    Category,
    DisclosureLog,
    Granularity,
    Ledger,
    State,
)
from gateway.consent.ledger import Event
from gateway.errors import BrokerUnavailable, ConsentError
from gateway.operations import Sharing
from tests.doors import Doors, behind
from tests.made_up import NOON, NUMBER, Clock, terms


@pytest.fixture
def doors() -> Doors:
    return Doors()


@pytest.fixture
def changes() -> list[str]:
    return []


@pytest.fixture
def sharing(
    ledger: Ledger, doors: Doors, disclosures: DisclosureLog, clock: Clock, changes: list[str]
) -> Sharing:
    return Sharing(ledger, behind(doors), disclosures, clock, lambda: changes.append("changed"))


def events(ledger: Ledger) -> list[Event]:
    return [entry.event for entry in ledger._entries]


def test_a_grant_admits_the_recipient_and_is_valid_at_once(
    sharing: Sharing, ledger: Ledger, doors: Doors, changes: list[str]
) -> None:
    granted = sharing.grant(terms(), "page")
    consent, credentials = granted.consent, granted.credentials
    assert ledger.valid(NOON) == [consent]
    assert doors.inside == {consent.id: credentials["password"]}
    assert credentials["topic"] == f"p1/{consent.id}/#"
    assert (consent.state, consent.given_at) == (State.GIVEN, NOON)
    assert changes == ["changed"]


def test_each_grant_has_a_name_and_a_password_of_its_own(sharing: Sharing) -> None:
    both = [sharing.grant(terms(), "page").credentials for _ in range(2)]
    assert len({credentials["username"] for credentials in both}) == 2
    assert len({credentials["password"] for credentials in both}) == 2
    assert all(len(credentials["password"]) >= 24 for credentials in both)


def test_without_the_broker_nothing_is_granted(sharing: Sharing, ledger: Ledger, doors: Doors) -> None:
    doors.away = True
    with pytest.raises(BrokerUnavailable, match="does not answer"):
        sharing.grant(terms(), "page")
    assert ledger.valid(NOON) == []
    assert sharing.consents() == []
    assert events(ledger) == [Event.REQUESTED, Event.REFUSED]


def test_what_the_broker_took_in_half_is_put_out_when_it_answers_again(
    sharing: Sharing, ledger: Ledger, doors: Doors
) -> None:
    doors.away = True
    with pytest.raises(BrokerUnavailable):
        sharing.grant(terms(), "page")
    (refused,) = ledger.consents()
    doors.away, doors.inside = False, {refused.id: "the answer was lost"}
    sharing.maintain()
    assert doors.inside == {}


def test_a_withdrawal_cuts_the_recipient_off(
    sharing: Sharing, ledger: Ledger, doors: Doors, changes: list[str]
) -> None:
    kept = sharing.grant(terms(), "page").consent
    gone = sharing.grant(terms(), "page").consent
    withdrawn = sharing.withdraw(gone.id, "page").consent
    assert (withdrawn.state, withdrawn.ended_at) == (State.WITHDRAWN, NOON)
    assert ledger.valid(NOON) == [kept]
    assert doors.inside.keys() == {kept.id}
    assert events(ledger)[-2:] == [Event.WITHDRAWN, Event.CUT_OFF]
    assert changes == ["changed"] * 3


def test_a_withdrawal_counts_though_the_broker_is_away_and_is_completed_later(
    sharing: Sharing, ledger: Ledger, doors: Doors, read: Callable[[], Ledger]
) -> None:
    consent = sharing.grant(terms(), "page").consent
    doors.away = True
    assert sharing.withdraw(consent.id, "page").consent.state is State.WITHDRAWN
    assert ledger.valid(NOON) == read().valid(NOON) == []
    sharing.maintain()
    assert [consent.id for consent in ledger.to_cut_off()] == [consent.id]
    doors.away = False
    sharing.maintain()
    assert doors.inside == {}
    assert ledger.to_cut_off() == read().to_cut_off() == []
    sharing.maintain()
    assert events(ledger).count(Event.CUT_OFF) == 1


def test_a_full_disk_keeps_nobody_in(
    sharing: Sharing,
    ledger: Ledger,
    doors: Doors,
    path: Path,
    changes: list[str],
    read: Callable[[], Ledger],
) -> None:
    consent = sharing.grant(terms(), "page").consent
    kept = path.rename(path.with_suffix(".kept"))
    path.mkdir()  # nothing can be written there, not even by root
    with pytest.raises(ConsentError, match="cannot be written"):
        sharing.withdraw(consent.id, "page")
    assert doors.inside == {}
    assert ledger.valid(NOON) == []
    assert changes == ["changed"] * 2
    path.rmdir()
    kept.rename(path)
    sharing.maintain()
    assert events(ledger)[-1] is Event.CUT_OFF
    assert read().valid(NOON) == []


def test_the_stop_switch_works_on_a_full_disk(sharing: Sharing, ledger: Ledger, path: Path) -> None:
    sharing.grant(terms(), "page")
    path.rename(path.with_suffix(".kept"))
    path.mkdir()
    with pytest.raises(ConsentError, match="cannot be written"):
        sharing.stop("page")
    assert ledger.valid(NOON) == []


def test_a_grant_that_was_interrupted_leaves_nobody_inside(
    sharing: Sharing, ledger: Ledger, doors: Doors
) -> None:
    ledger.append(Event.REQUESTED, "c-half", terms=terms().as_json())
    doors.inside["c-half"] = "admitted, then the power went"
    sharing.maintain()
    assert doors.inside == {}
    assert ledger.consent("c-half").state is State.REFUSED


def test_a_consent_can_be_withdrawn_only_once(sharing: Sharing) -> None:
    consent = sharing.grant(terms(), "page").consent
    sharing.withdraw(consent.id, "page")
    with pytest.raises(ConsentError, match="has ended already"):
        sharing.withdraw(consent.id, "page")
    with pytest.raises(ConsentError, match="there is no such consent"):
        sharing.withdraw("c0", "page")


def test_an_expired_consent_is_noted_and_cut_off(
    sharing: Sharing, ledger: Ledger, doors: Doors, clock: Clock
) -> None:
    consent = sharing.grant(terms(), "page").consent
    clock.now = NOON + timedelta(days=1)
    sharing.maintain()
    assert doors.inside == {}
    assert events(ledger)[-2:] == [Event.EXPIRED, Event.CUT_OFF]
    assert sharing.consent(consent.id).state is State.EXPIRED
    with pytest.raises(ConsentError, match="has ended already"):
        sharing.withdraw(consent.id, "page")


def test_a_withdrawal_while_the_broker_is_away_is_not_forgotten_by_a_restart(
    sharing: Sharing, doors: Doors, disclosures: DisclosureLog, clock: Clock, read: Callable[[], Ledger]
) -> None:
    consent = sharing.grant(terms(), "page").consent
    doors.away = True
    sharing.withdraw(consent.id, "page")
    doors.away = False
    Sharing(read(), behind(doors), disclosures, clock, lambda: None).maintain()
    assert doors.inside == {}


def test_the_stop_switch_stops_all_sharing_and_starts_it_again(
    sharing: Sharing, ledger: Ledger, changes: list[str]
) -> None:
    consent = sharing.grant(terms(), "page").consent
    for _ in range(2):  # pressing it twice is once
        sharing.stop("button")
    assert (sharing.stopped, ledger.valid(NOON)) == (True, [])
    for _ in range(2):
        sharing.start("page")
    assert (sharing.stopped, ledger.valid(NOON)) == (False, [consent])
    assert events(ledger)[-2:] == [Event.SHARING_STOPPED, Event.SHARING_STARTED]
    assert changes == ["changed"] * 5


def test_with_a_broken_ledger_nothing_is_granted_and_nobody_is_admitted(
    sharing: Sharing, doors: Doors, ledger: Ledger, disclosures: DisclosureLog, clock: Clock,
    read: Callable[[], Ledger],
) -> None:  # fmt: skip
    sharing.grant(terms(), "page")
    ledger._path.write_bytes(ledger._path.read_bytes().replace(b'"sequence": 1', b'"sequence": 3'))
    doors.inside.clear()
    broken = Sharing(read(), behind(doors), disclosures, clock, lambda: None)
    assert broken.fault is not None
    with pytest.raises(ConsentError, match="nothing is shared"):
        broken.grant(terms(), "page")
    assert doors.inside == {}


def test_a_receipt_says_what_was_agreed(sharing: Sharing) -> None:
    agreed = terms({Category.POWER: Granularity.LIVE, Category.GAS: Granularity.DAY})
    consent = sharing.grant(agreed, "page").consent
    receipt = json.loads(json.dumps(sharing.receipt(consent.id)))
    assert receipt["record_id"] == consent.id
    assert receipt["state"] == "given"
    assert receipt["recipient"] == {"name": "Energy app"}
    assert receipt["purpose"] == "show me my usage"
    assert receipt["data"] == [
        {"category": "power", "granularity": "live"},
        {"category": "gas", "granularity": "day"},
    ]
    assert receipt["given_at"] == receipt["valid_from"] == NOON.isoformat()
    assert receipt["valid_until"] == agreed.valid_until.isoformat()
    assert receipt["ended_at"] is None
    assert receipt["notice"] == {
        "text": agreed.notice.text,
        "language": "en",
        "sha256": hashlib.sha256(agreed.notice.text.encode()).hexdigest(),
    }
    assert receipt["technical"]["topic_prefix"] == f"p1/{consent.id}"
    assert consent.id in receipt["withdrawal"]
    for field in ("lawful_basis", "storage_location", "rights", "complaints", "schema_version"):
        assert receipt[field]
    assert [(event["event"], event["method"]) for event in receipt["events"]] == [
        ("requested", "page"),
        ("given", "page"),
    ]


def test_a_receipt_after_a_withdrawal_says_so(sharing: Sharing, clock: Clock) -> None:
    consent = sharing.grant(terms(), "page").consent
    clock.pass_by(hours=2)
    sharing.withdraw(consent.id, "command")
    receipt = sharing.receipt(consent.id)
    assert (receipt["state"], receipt["ended_at"]) == ("withdrawn", clock.now.isoformat())
    assert [event["event"] for event in receipt["events"]][-2:] == ["withdrawn", "cut off"]


def test_neither_receipt_nor_ledger_holds_a_password_or_a_meter_number(
    sharing: Sharing, ledger: Ledger
) -> None:
    both = {Category.IDENTITY: Granularity.LIVE, Category.POWER: Granularity.LIVE}
    granted = sharing.grant(terms(both), "page")
    consent, credentials = granted.consent, granted.credentials
    sharing.withdraw(consent.id, "page")
    for kept in (json.dumps(sharing.receipt(consent.id)), ledger._path.read_text()):
        assert credentials["password"] not in kept
        assert NUMBER not in kept
