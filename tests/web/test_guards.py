"""What guards every page: headers, hosts, CSRF, sizes, and a page without anything inline."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from gateway.web.server.headers import HEADERS
from tests.web.browser import Browser
from tests.web.home import NOON, Home, quarters

OWNER_PAGES = [
    "/now",
    "/now.json",
    "/history/day",
    "/history/month",
    "/sharing/",
    "/sharing/new",
    "/no-such-page",
    "/static/page.css",
]
POSTS = [
    "/sign-out",
    "/language",
    "/sharing/new",
    "/sharing/new/consent",
    "/sharing/stop",
    "/sharing/start",
    "/sharing/c0123456789abcdef/withdraw",
]


class Inline(HTMLParser):
    """Collects what the content security policy forbids, and whatever points elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in given):
            self.found.append(tag)
        self.found += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        for name in ("src", "href", "action"):
            address = given.get(name) or ""
            if re.match(r"[a-z]+:|//", address):
                self.found.append(f"{tag} {name}={address}")


@pytest.fixture
def lived_in(home: Home) -> Home:
    home.record(quarters(NOON - timedelta(hours=14), NOON))
    return home


def test_every_answer_carries_the_security_headers(visitor: Browser, home: Home) -> None:
    paths = [*OWNER_PAGES, "/sign-in", "/claim"]
    answers = [visitor.get(path) for path in paths]
    visitor.sign_in()
    answers += [visitor.get(path) for path in paths]
    answers.append(visitor.post_without_token("/sign-out"))
    answers.append(visitor.get("/", Host="evil.example"))
    for answer in answers:
        for name, value in HEADERS.items():
            assert answer.headers[name] == value, (answer.request.path, name)


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    assert HEADERS["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def test_nothing_personal_is_kept_by_the_browser(owner: Browser) -> None:
    for path in OWNER_PAGES[:-1]:
        assert owner.get(path).headers["Cache-Control"] == "no-store", path


@pytest.mark.parametrize("path", OWNER_PAGES[:-1])
def test_no_page_has_inline_script_or_style_or_an_address_elsewhere(lived_in: Home, path: str) -> None:
    owner = Browser(lived_in.app())
    owner.sign_in()
    seen = Inline()
    seen.feed(owner.get(path).text)
    assert seen.found == []


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "192.168.1.99:8080"])
def test_a_foreign_host_name_is_refused(owner: Browser, host: str) -> None:
    answer = owner.get("/now", Host=host)
    assert answer.status_code == 400
    assert "trusted_hosts" in answer.text
    assert "kWh" not in answer.text


def test_an_unclaimed_gateway_refuses_a_foreign_host_name_too(unclaimed: Home) -> None:
    answer = Browser(unclaimed.app()).get("/", Host="evil.example")
    assert answer.status_code == 400
    assert "Location" not in answer.headers


def test_the_usual_hosts_are_served_with_any_port(owner: Browser) -> None:
    for host in ("localhost:8080", "127.0.0.1:18080", "localhost"):
        assert owner.get("/static/page.css", Host=host).status_code == 200


@pytest.mark.parametrize("path", POSTS)
def test_a_post_without_its_csrf_token_is_refused(owner: Browser, home: Home, path: str) -> None:
    answer = owner.post_without_token(path, language="nl")
    assert answer.status_code == 400
    assert "no longer valid" in answer.text
    assert owner.get("/now").status_code == 200
    assert not home.sharing.stopped


def test_signing_in_without_the_csrf_token_is_refused(visitor: Browser) -> None:
    visitor.get("/sign-in")
    assert visitor.post_without_token("/sign-in", password="x").status_code == 400


def test_a_token_of_another_session_is_refused(home: Home) -> None:
    app = home.app()
    one, other = Browser(app), Browser(app)
    one.sign_in()
    other.sign_in()
    assert one.post_without_token("/sharing/stop", csrf_token=other.token).status_code == 400
    assert not home.sharing.stopped


def test_a_request_that_is_too_large_is_refused(owner: Browser) -> None:
    answer = owner.post("/sharing/new", purpose="x" * 20_000)
    assert answer.status_code == 413


def test_an_unknown_page_says_so_and_offers_a_way_on(owner: Browser) -> None:
    answer = owner.get("/no-such-page")
    assert answer.status_code == 404
    assert "There is no such page." in answer.text
    assert 'href="/"' in answer.text


def test_an_unexpected_error_shows_a_sentence_and_no_traceback(home: Home) -> None:
    app = home.app()

    def broken() -> str:
        raise RuntimeError("the secret is in here")

    app.add_url_rule("/broken", "broken", broken)
    owner = Browser(app)
    owner.sign_in()
    answer = owner.get("/broken")
    assert answer.status_code == 500
    assert "Its log says what." in answer.text
    assert "secret" not in answer.text


def test_debugging_is_off(home: Home) -> None:
    app = home.app()
    assert not app.debug
    assert not app.testing
