"""Sharing: what the owner reads is what is granted, and taking it back is one click."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.config import PageConfig
from gateway.consent import (
    Category,
    DisclosureLog,
    Granularity,
    State,
)
from gateway.errors import (
    ClockBehind,
    ClockFarAhead,
    ClockNotBelieved,
    ClockNotYetSet,
)
from tests.made_up import MemorySlot
from tests.web.browser import Browser
from tests.web.home import PASSWORD, Home, reading

FORM = {
    "recipient": "Energy advice of the neighbourhood",
    "purpose": "Advice on a home battery",
    "category_electricity": "quarter",
    "category_power": "live",
    "live_interval_s": "30",
    "last_day": "2027-05-31",
}


def fill(owner: Browser, **changed: str) -> str:
    """Send the form; the notice's page, with its button."""
    owner.get("/sharing/new")
    answer = owner.post("/sharing/new", **(FORM | changed))
    assert answer.location == "/sharing/new/notice"
    return owner.get("/sharing/new/notice").text


def wish(notice: str) -> str:
    found = re.search(r'name="wish" value="(\w+)"', notice)
    assert found is not None
    return found[1]


def grant(owner: Browser, **changed: str) -> str:
    """Fill in, read, consent; the page with the credentials."""
    answer = owner.post("/sharing/new/consent", wish=wish(fill(owner, **changed)))
    assert answer.status_code == 200
    return answer.text


def test_at_first_nobody_receives_anything(owner: Browser) -> None:
    assert "Nobody receives anything" in owner.get("/sharing/").text


@pytest.mark.parametrize("doubt", [ClockNotYetSet(), ClockBehind(), ClockFarAhead()])
@pytest.mark.parametrize(("language", "words"), [("en", "Nothing is shared"), ("nl", "Er wordt n")])
def test_while_the_clock_is_in_doubt_the_page_says_so_and_nothing_can_be_granted(
    home: Home, owner: Browser, doubt: ClockNotBelieved, language: str, words: str
) -> None:
    grant(owner)
    before = wish(fill(owner))
    home.clock_doubt = doubt
    owner.post("/language", language=language, back="/")
    page = owner.get("/sharing/").text
    assert words in page
    assert ("Sharing is on" in page, "Het delen staat aan" in page) == (False, False)
    answer = owner.post("/sharing/new/consent", wish=before)
    assert answer.status_code == 400
    assert words in answer.text
    assert len(home.sharing.consents()) == 1
    owner.post(f"/sharing/{home.sharing.consents()[0].id}/withdraw")
    assert home.sharing.consents()[0].state is State.WITHDRAWN


def test_nothing_is_chosen_beforehand(owner: Browser) -> None:
    page = owner.get("/sharing/new").text
    assert page.count('<option value="">not shared</option>') == len(Category)
    assert "selected" not in page
    assert "checked" not in page
    assert 'value="2027-11-23"' in page, "twelve months from today"
    assert 'max="2028-11-22"' in page, "24 months at most"


def test_the_notice_says_what_it_means_before_the_consent(home: Home, owner: Browser) -> None:
    page = fill(owner)
    for told in (
        FORM["recipient"],
        FORM["purpose"],
        "electricity registers (kWh) and tariff: <strong>every quarter hour</strong>",
        "power in total (W): <strong>live</strong>",
        "at most one reading every 30 seconds",
        "They could see when you wake, leave, cook and sleep",
        "You can withdraw this consent at any time, with one click",
        "31 May 2027",
    ):
        assert told in page, told
    assert home.sharing.consents() == [], "reading is not consenting"
    assert home.doors.inside == {}


def test_the_consent_grants_what_the_notice_said_and_shows_the_credentials_once(
    home: Home, owner: Browser
) -> None:
    page = grant(owner)
    (consent,) = home.sharing.consents()
    assert consent.state is State.GIVEN
    assert dict(consent.terms.grants) == {
        Category.ELECTRICITY: Granularity.QUARTER,
        Category.POWER: Granularity.LIVE,
    }
    assert consent.terms.live_interval_s == 30
    assert consent.terms.valid_until == datetime(2027, 5, 31, 22, tzinfo=UTC)
    assert "They could see when you wake" in consent.terms.notice.text
    password = home.doors.inside[consent.id]
    for told in ("192.168.1.20", "8883", consent.id, password, f"-t p1/{consent.id}/#"):
        assert told in page, told
    for path in ("/sharing/", f"/sharing/{consent.id}", f"/sharing/{consent.id}/receipt", "/sharing/new"):
        assert password not in owner.get(path).text


def test_sending_the_consent_again_grants_nothing_more(home: Home, owner: Browser) -> None:
    notice = fill(owner)
    owner.post("/sharing/new/consent", wish=wish(notice))
    again = owner.post("/sharing/new/consent", wish=wish(notice))
    assert again.location == "/sharing/new"
    assert len(home.sharing.consents()) == 1


def test_a_button_under_another_notice_grants_nothing(home: Home, owner: Browser) -> None:
    first = fill(owner)
    fill(owner, recipient="Somebody else")
    answer = owner.post("/sharing/new/consent", wish=wish(first))
    assert answer.location == "/sharing/new"
    assert "nothing was granted" in owner.get("/sharing/new").text
    assert home.sharing.consents() == []


def test_without_reading_the_notice_nothing_is_granted(home: Home, owner: Browser) -> None:
    owner.get("/sharing/new")
    owner.post("/sharing/new", **FORM)
    owner.post("/sharing/new/consent", wish="")
    assert home.sharing.consents() == []
    assert owner.get("/sharing/new/notice").status_code == 200


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"recipient": "  "}, "Fill this in."),
        ({"purpose": ""}, "Fill this in."),
        ({"recipient": "x" * 81}, "longer than 80 characters"),
        ({"recipient": "a\u202eb"}, "cannot be printed"),
        ({"category_electricity": "", "category_power": ""}, "at least one kind of reading"),
        ({"category_electricity": "yearly", "category_power": "often"}, "at least one kind of reading"),
        ({"category_power": "", "category_electricity": "", "category_identity": "day"}, "at least one kind"),
        ({"category_identity": "day"}, "Meter numbers go along with readings"),
        ({"live_interval_s": "0"}, "from 1 to 3600"),
        ({"live_interval_s": "²"}, "from 1 to 3600"),
        ({"live_interval_s": "99999999999"}, "from 1 to 3600"),
        ({"last_day": ""}, "Choose a day."),
        ({"last_day": "2026-11-22"}, "has passed already"),
        ({"last_day": "2028-11-23"}, "at most 24 months"),
        ({"last_day": "9999-12-31"}, "at most 24 months"),
    ],
)
def test_a_form_with_a_mistake_comes_back_with_a_sentence(
    home: Home, owner: Browser, changed: dict[str, str], told: str
) -> None:
    owner.get("/sharing/new")
    answer = owner.post("/sharing/new", **(FORM | changed))
    assert answer.status_code == 400
    assert told in answer.text
    assert 'role="alert"' in answer.text
    if "purpose" not in changed:
        assert FORM["purpose"] in answer.text, "what was typed is still there"
    assert home.sharing.consents() == []


def test_the_longest_consent_can_be_given(home: Home, owner: Browser) -> None:
    grant(owner, last_day="2028-11-22")
    assert len(home.sharing.consents()) == 1


def test_what_an_owner_types_is_shown_as_text(owner: Browser) -> None:
    page = grant(owner, recipient='<script>alert("x")</script>')
    assert "<script>alert" not in page + owner.get("/sharing/").text


def test_when_the_broker_is_down_nothing_is_granted_and_the_page_says_so(home: Home, owner: Browser) -> None:
    home.doors.away = True
    answer = owner.post("/sharing/new/consent", wish=wish(fill(owner)))
    assert answer.status_code == 503
    assert "Nothing was granted." in answer.text
    assert home.sharing.consents() == []
    home.doors.away = False
    assert owner.post("/sharing/new/consent", wish=wish(answer.text)).status_code == 200


def test_withdrawing_is_one_click_from_the_list(home: Home, owner: Browser) -> None:
    grant(owner)
    (consent,) = home.sharing.consents()
    page = owner.get("/sharing/").text
    assert f'action="/sharing/{consent.id}/withdraw"' in page
    answer = owner.post(f"/sharing/{consent.id}/withdraw")
    assert answer.status_code == 303
    assert home.sharing.consent(consent.id).state is State.WITHDRAWN
    assert home.doors.inside == {}
    told = owner.get(answer.location).text
    assert "Withdrawn. Nothing is sent to this recipient any more, and it is cut off." in told
    assert "/withdraw" not in told


def test_a_withdrawal_that_the_broker_has_not_confirmed_says_so_until_it_has(
    home: Home, owner: Browser
) -> None:
    grant(owner)
    (consent,) = home.sharing.consents()
    home.doors.away = True
    answer = owner.post(f"/sharing/{consent.id}/withdraw")
    told = owner.get(answer.location).text
    assert "Withdrawn. Nothing is sent from here any more." in told
    assert "and it is cut off" not in told
    for path in ("/sharing/", f"/sharing/{consent.id}"):
        assert "Being cut off" in owner.get(path).text
    home.doors.away = False
    home.sharing.maintain()
    for path in ("/sharing/", f"/sharing/{consent.id}"):
        assert "Being cut off" not in owner.get(path).text
    assert "recipient cut off at the broker" in owner.get(f"/sharing/{consent.id}/receipt").text


def test_an_expired_consent_is_being_cut_off_until_the_broker_confirms(home: Home, owner: Browser) -> None:
    grant(owner)
    (consent,) = home.sharing.consents()
    home.doors.away = True
    home.clock.at = consent.terms.valid_until
    assert home.sharing.is_being_cut_off(consent.id)
    home.sharing.maintain()
    assert home.sharing.is_being_cut_off(consent.id)
    home.doors.away = False
    home.sharing.maintain()
    assert not home.sharing.is_being_cut_off(consent.id)


def test_a_gap_in_the_counts_is_shown_with_those_that_it_concerns(home: Home, owner: Browser) -> None:
    page, slot = MemorySlot(), MemorySlot()
    home.disclosures = DisclosureLog(slot, home.clock, page)
    home.open_ledger()
    grant_again = Browser(home.app())
    grant_again.sign_in()
    grant(grant_again)
    (consent,) = home.sharing.consents()
    home.send(consent.id, Category.POWER)
    home.clock.go(minutes=10)
    home.disclosures = DisclosureLog(slot, home.clock, page)  # the one before was killed
    home.open_ledger()
    visitor = Browser(home.app())
    visitor.sign_in()
    assert "may be incomplete" in visitor.get(f"/sharing/{consent.id}").text


def test_withdrawing_twice_says_that_it_has_ended(home: Home, owner: Browser) -> None:
    grant(owner)
    (consent,) = home.sharing.consents()
    for _ in range(2):
        owner.post(f"/sharing/{consent.id}/withdraw")
    assert "This consent has ended already." in owner.get("/sharing/").text


def test_an_unknown_consent_is_not_found(owner: Browser) -> None:
    owner.get("/sharing/")
    for path in ("/sharing/cffff", "/sharing/cffff/receipt", "/sharing/cffff/receipt.json"):
        assert owner.get(path).status_code == 404
    assert owner.post("/sharing/cffff/withdraw").status_code == 404


def test_the_receipt_states_the_notice_as_it_was_shown(home: Home, owner: Browser) -> None:
    grant(owner)
    (consent,) = home.sharing.consents()
    page = owner.get(f"/sharing/{consent.id}/receipt").text
    file = owner.get(f"/sharing/{consent.id}/receipt.json")
    assert file.headers["Content-Disposition"] == f'attachment; filename="receipt-{consent.id}.json"'
    receipt = json.loads(file.text)
    assert receipt["record_id"] == consent.id
    assert receipt["notice"]["language"] == "en"
    assert receipt["notice"]["sha256"] == hashlib.sha256(consent.terms.notice.text.encode()).hexdigest()
    for told in (
        consent.id,
        FORM["recipient"],
        FORM["purpose"],
        "Autoriteit Persoonsgegevens",
        "(on the page)",
    ):
        assert told in page, told
    assert PASSWORD not in file.text


def test_the_notice_is_kept_in_the_language_that_was_read(home: Home, owner: Browser) -> None:
    owner.get("/sharing/new")
    owner.post("/language", language="nl", back="/sharing/new")
    owner.get("/sharing/new")
    owner.post("/sharing/new", **FORM)
    notice = owner.get("/sharing/new/notice").text
    owner.post("/sharing/new/consent", wish=wish(notice))
    (consent,) = home.sharing.consents()
    assert consent.terms.notice.language == "nl"
    assert "Je kunt deze toestemming op elk moment intrekken" in consent.terms.notice.text


def test_the_stop_switch_stops_and_starts(home: Home, owner: Browser) -> None:
    owner.get("/sharing/")
    owner.post("/sharing/stop")
    assert home.sharing.stopped
    assert "Sharing is stopped" in owner.get("/sharing/").text
    owner.post("/sharing/start")
    assert not home.sharing.stopped


def test_a_broken_ledger_is_said_and_offers_no_grant(tmp_path: Path) -> None:
    home = Home(tmp_path, PageConfig(language="en"))
    home.history.claim(PASSWORD)
    home.show(reading(home.clock()))
    home.sharing.stop("page")
    ledger = tmp_path / "ledger"
    ledger.write_bytes(ledger.read_bytes().replace(b'"sequence": 1', b'"sequence": 2'))
    home.open_ledger()
    owner = Browser(home.app())
    owner.sign_in()
    page = owner.get("/sharing/").text
    assert "The register of consents was altered." in page
    assert "/sharing/new" not in page
    assert owner.get("/sharing/new").location == "/sharing/"
    assert owner.post("/sharing/start").status_code == 303
    assert "The register of consents was altered." in owner.get("/sharing/").text
    fill_anyway = owner.post("/sharing/new", **FORM)
    assert fill_anyway.status_code == 303
    notice = owner.get("/sharing/new/notice").text
    answer = owner.post("/sharing/new/consent", wish=wish(notice))
    assert answer.status_code == 400
    assert "Nothing was granted." in answer.text
    assert home.doors.inside == {}


def test_what_was_rolled_back_is_accepted_on_the_page(home: Home, owner: Browser) -> None:
    grant(owner)
    home.sharing._ledger.close(["ledger"])
    home.open_ledger()
    owner = Browser(home.app())
    owner.sign_in()
    page = owner.get("/sharing/").text
    assert "Older copies of the gateway&#39;s files were put in their place." in page
    assert "/sharing/new" not in page
    assert owner.post("/sharing/accept").location == "/sharing/"
    page = owner.get("/sharing/").text
    assert "Accepted. Sharing is stopped" in page
    assert "/sharing/new" in page
    assert {consent.state for consent in home.sharing.consents()} == {State.WITHDRAWN}
    assert home.doors.inside == {}
    owner.post("/sharing/accept")
    assert "nothing to accept" in owner.get("/sharing/").text


def test_what_was_sent_is_counted_by_day_and_category(home: Home, owner: Browser) -> None:
    grant(owner)
    (consent,) = home.sharing.consents()
    assert "Nothing was sent to this recipient." in owner.get(f"/sharing/{consent.id}").text
    home.send(consent.id, Category.ELECTRICITY)
    home.send(consent.id, Category.ELECTRICITY)
    page = owner.get(f"/sharing/{consent.id}").text
    assert "2026-11-23" in page
    assert "<td>2</td>" in page
    assert "Last sent on 23 Nov 2026, 12:00" in owner.get("/sharing/").text
