"""The owner is never kept out: what guessers, floods of visitors and slow connections meet."""

from __future__ import annotations

from typing import Any

from waitress.channel import HTTPChannel

from gateway.web.server.connections import HEADER_WITHIN_S, Connections
from tests.web.browser import Browser
from tests.web.home import PASSWORD, Home

WITHIN_S = 2


def test_sixty_addresses_that_guess_all_the_time_keep_no_browser_of_the_owner_out(home: Home) -> None:
    app = home.app()
    known, unknown = Browser(app), Browser(app, "192.168.1.8")
    known.sign_in()
    known.post("/sign-out")
    guessers = [Browser(app, f"10.0.0.{n}") for n in range(60)]
    for _ in range(8):  # each tries again as soon as it may, and a bit more often
        for guesser in guessers:
            guesser.sign_in("a wrong guess")
        home.clock.go(seconds=1)
    assert known.sign_in().status_code == 303
    statuses = []
    for _ in range(WITHIN_S + 1):
        statuses.append(unknown.sign_in().status_code)
        for guesser in guessers:
            guesser.sign_in("a wrong guess")
        home.clock.go(seconds=1)
    assert 303 in statuses


def test_a_known_browser_waits_for_its_own_wrong_tries(home: Home) -> None:
    app = home.app()
    known = Browser(app)
    known.sign_in()
    known.post("/sign-out")
    assert [known.sign_in("a wrong guess").status_code for _ in range(5)] == [403] * 4 + [429]


def test_a_made_up_mark_is_no_known_browser(home: Home) -> None:
    app = home.app()
    guesser = Browser(app)
    for n in range(5):
        guesser.client.set_cookie(guesser.cookie_name("browser"), f"browser{n}.{'0' * 64}")
        status = guesser.sign_in("a wrong guess").status_code
    assert status == 429


def test_a_known_browser_is_known_after_a_restart_and_opens_nothing_by_itself(home: Home) -> None:
    owner = Browser(home.app())
    owner.sign_in()
    mark = owner.cookie("browser")
    assert mark is not None
    again = Browser(home.app())
    again.client.set_cookie(again.cookie_name("browser"), mark)
    assert again.get("/now").location == "/sign-in"
    for n in range(40):
        Browser(again.app, f"10.0.1.{n}").sign_in("a wrong guess")
    assert again.sign_in().status_code == 303


def test_a_flood_of_visitors_takes_nobodys_form(home: Home) -> None:
    app = home.app()
    owner = Browser(app)
    owner.get("/sign-in")
    for n in range(300):
        Browser(app, f"10.0.{n // 250}.{n % 250}").get("/sign-in")
    assert owner.post("/sign-in", password=PASSWORD).status_code == 303


def test_a_visitors_form_is_worth_nothing_with_another_visitors_cookie(home: Home) -> None:
    app = home.app()
    one, other = Browser(app), Browser(app)
    one.get("/sign-in")
    other.get("/sign-in")
    other.token = one.token
    assert other.post("/sign-in", password=PASSWORD).status_code == 400


def test_a_header_that_comes_too_slowly_is_hung_up_on() -> None:
    class Clock:
        now = 0.0

        def __call__(self) -> float:
            return self.now

    class Channel(HTTPChannel):
        def __init__(self, request: Any, requests: list[Any]) -> None:
            self.request, self.requests, self.addr, self.closed = request, requests, ("10.0.0.1", 1), False

        def handle_close(self) -> None:
            self.closed = True

    class Request:
        headers_finished = False

    slow, answering, fresh = Channel(Request(), []), Channel(None, [object()]), Channel(None, [])
    clock = Clock()
    connections = Connections({1: slow, 2: answering, 3: fresh}, True, clock)
    for _ in range(int(HEADER_WITHIN_S * 5) + 10):
        clock.now += 0.25
        connections.look()
    assert (slow.closed, answering.closed, fresh.closed) == (True, False, False)
