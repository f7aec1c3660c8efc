"""The claim: once, and only by who has the setup code."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from gateway.operations import SetupCode
from tests.web.browser import Browser
from tests.web.home import METER, NOON, PASSWORD, Home, reading


@pytest.fixture
def visitor(unclaimed: Home) -> Browser:
    return Browser(unclaimed.app())


def claim(visitor: Browser, code: str, password: str = PASSWORD, again: str | None = None) -> int:
    visitor.get("/claim")
    fields = {"setup_code": code, "password": password, "password_again": again or password}
    return visitor.post("/claim", **fields).status_code


@pytest.mark.parametrize("path", ["/", "/now", "/history/day", "/sharing/", "/sign-in", "/no-such-page"])
def test_every_path_of_an_unclaimed_gateway_leads_to_the_claim(visitor: Browser, path: str) -> None:
    answer = visitor.get(path)
    assert (answer.status_code, answer.location) == (303, "/claim")


def test_the_setup_code_makes_the_first_visitor_the_owner(unclaimed: Home, visitor: Browser) -> None:
    code = unclaimed.setup_code.ensure()
    assert claim(visitor, code.lower().replace("-", " ")) == 200
    assert unclaimed.history.claimed
    unclaimed.history.unlock(METER, PASSWORD)


def test_the_recovery_code_is_shown_once_and_is_in_no_later_page(unclaimed: Home, visitor: Browser) -> None:
    visitor.get("/claim")
    shown = visitor.post(
        "/claim", setup_code=unclaimed.setup_code.ensure(), password=PASSWORD, password_again=PASSWORD
    )
    found = re.search(r'class="secret"[^>]*>([^<]+)<', shown.text)
    assert found is not None
    assert len(found[1].strip()) > 20
    again = visitor.post(
        "/claim", setup_code=unclaimed.setup_code.ensure(), password=PASSWORD, password_again=PASSWORD
    )
    assert (again.status_code, again.location) == (303, "/sign-in")
    assert found[1].strip() not in visitor.get("/sign-in").text


def test_a_wrong_setup_code_claims_nothing(unclaimed: Home, visitor: Browser) -> None:
    unclaimed.setup_code.ensure()
    assert claim(visitor, "2222-2222") == 403
    assert not unclaimed.history.claimed


def test_without_a_setup_code_nobody_can_claim(unclaimed: Home, visitor: Browser) -> None:
    assert claim(visitor, "") == 403
    assert not unclaimed.history.claimed


def test_a_guesser_of_setup_codes_must_wait(unclaimed: Home, visitor: Browser) -> None:
    code = unclaimed.setup_code.ensure()
    statuses = [claim(visitor, "2222-2222") for _ in range(6)]
    assert statuses == [403, 403, 403, 403, 429, 429]
    assert claim(visitor, code) == 429
    unclaimed.clock.go(seconds=6)
    assert claim(visitor, code) == 200


@pytest.mark.parametrize(
    ("password", "again", "told"),
    [
        ("short", "short", "at least 10 characters"),
        (PASSWORD, "another password", "not the same"),
        ("password123", "password123", "Many people use this password"),
        (METER, METER, "Many people use this password"),
    ],
)
def test_an_unusable_password_is_refused_and_the_code_stays(
    unclaimed: Home, visitor: Browser, password: str, again: str, told: str
) -> None:
    code = unclaimed.setup_code.ensure()
    unclaimed.show(reading(NOON))
    visitor.get("/claim")
    answer = visitor.post("/claim", setup_code=code, password=password, password_again=again)
    assert answer.status_code == 400
    assert told in answer.text
    assert not unclaimed.history.claimed
    assert unclaimed.setup_code.matches(code)


def test_a_stranger_without_the_setup_code_has_no_password_judged(unclaimed: Home, visitor: Browser) -> None:
    unclaimed.setup_code.ensure()
    assert claim(visitor, "2222-2222", "password123") == 403


def test_no_password_is_ever_shown_again(unclaimed: Home, visitor: Browser) -> None:
    visitor.get("/claim")
    answer = visitor.post("/claim", setup_code="x", password=PASSWORD, password_again=PASSWORD)
    assert PASSWORD not in answer.text


def test_the_setup_code_is_gone_after_the_claim(unclaimed: Home, visitor: Browser) -> None:
    code = unclaimed.setup_code.ensure()
    claim(visitor, code)
    assert not unclaimed.setup_code.matches(code)
    assert not (unclaimed.folder / "setup-code").exists()


def test_a_claimed_gateway_cannot_be_claimed_again(home: Home) -> None:
    code = home.setup_code.ensure()
    visitor = Browser(home.app())
    visitor.get("/sign-in")
    answer = visitor.post("/claim", setup_code=code, password=PASSWORD, password_again=PASSWORD)
    assert (answer.status_code, answer.location) == (303, "/sign-in")


def test_the_setup_code_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "state" / "setup-code"
    code = SetupCode(path).ensure()
    assert re.fullmatch(r"[2-9A-Z]{4}-[2-9A-Z]{4}", code)
    assert SetupCode(path).ensure() == code
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SetupCode(path).matches(f" {code.lower().replace('-', '')} ")
    assert not SetupCode(path).matches(code[:-1])
    assert not SetupCode(path).matches("é" * 8)


def test_an_emptied_setup_code_file_opens_nothing(tmp_path: Path) -> None:
    path = tmp_path / "setup-code"
    path.write_text("")
    assert not SetupCode(path).matches("")
