"""The owner is never kept out: guessers, floods of visitors and dripping connections, on the real server."""

from __future__ import annotations

import http.client
import re
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from waitress.channel import HTTPChannel

from gateway.config import PageConfig
from gateway.page import PageServer
from gateway.page.connections import HEADER_WITHIN_S, Connections
from tests.page.browser import Browser
from tests.page.home import PASSWORD, Home

WITHIN_S = 2.0
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Visitor:
    """A browser at an address of this machine, on a real connection for each request."""

    def __init__(self, port: int, address: str) -> None:
        self._port, self._address = port, address
        self.cookies: dict[str, str] = {}
        self.token = ""

    def ask(self, method: str, path: str, **fields: str) -> int:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._port, timeout=WITHIN_S, source_address=(self._address, 0)
        )
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, path, urllib.parse.urlencode(fields), headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        found = _TOKEN.search(text)
        self.token = found[1] if found else self.token
        return answer.status

    def sign_in(self, password: str = PASSWORD) -> int:
        self.ask("GET", "/sign-in")
        return self.ask("POST", "/sign-in", csrf_token=self.token, password=password)


@pytest.fixture
def port(home: Home) -> Iterator[int]:
    server = PageServer(home.app(), PageConfig(), port=0)
    server.start()
    yield server.port
    server.stop()


@contextmanager
def in_the_background(*acts: Callable[[], object]) -> Iterator[None]:
    """Each act again and again, in a thread of its own."""
    stop = threading.Event()

    def repeat(act: Callable[[], object]) -> None:
        while not stop.is_set():
            try:
                act()
            except OSError:  # refused or hung up on: what an attacker has to expect
                time.sleep(0.05)

    threads = [threading.Thread(target=repeat, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


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
    for _ in range(int(WITHIN_S) + 1):
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
        guesser.client.set_cookie("p1-gateway-browser", f"browser{n}.{'0' * 64}")
        status = guesser.sign_in("a wrong guess").status_code
    assert status == 429


def test_a_known_browser_is_known_after_a_restart_and_opens_nothing_by_itself(home: Home) -> None:
    owner = Browser(home.app())
    owner.sign_in()
    mark = owner.cookie("p1-gateway-browser")
    assert mark is not None
    again = Browser(home.app())
    again.client.set_cookie("p1-gateway-browser", mark)
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


def dripping(port: int, address: str, head: bytes) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), source_address=(address, 0))
    line.sendall(head)
    return line


DRIPS = {
    "nothing": b"",
    "a header": b"GET /sign-in HTTP/1.1\r\nHost: local",
    "a body": b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\na=",
}


@pytest.mark.parametrize("addresses", [1, 30])
@pytest.mark.parametrize("kind", DRIPS)
def test_dripping_connections_keep_nobody_out(port: int, kind: str, addresses: int) -> None:
    lines = [dripping(port, f"127.0.1.{1 + n % addresses}", DRIPS[kind]) for n in range(110)]

    def drip() -> None:
        for line in lines:
            try:
                line.sendall(b"a" if DRIPS[kind] else b"")
            except OSError:
                continue
        time.sleep(0.2)

    try:
        with in_the_background(drip):
            owner = Visitor(port, "127.0.0.9")
            for _ in range(3):
                began = time.monotonic()
                assert owner.ask("GET", "/sign-in") == 200
                assert time.monotonic() - began < WITHIN_S
    finally:
        for line in lines:
            line.close()


def test_guessers_on_real_connections_leave_the_owner_a_thread_and_a_turn(port: int) -> None:
    owner = Visitor(port, "127.0.0.9")
    assert owner.sign_in() == 303
    assert owner.ask("POST", "/sign-out", csrf_token=owner.token) in (303, 400)
    guessers = [Visitor(port, f"127.0.2.{n + 1}") for n in range(12)]
    with in_the_background(*(lambda g=g: g.sign_in("a wrong guess") for g in guessers)):
        time.sleep(0.5)
        owner.cookies.pop("p1-gateway-session", None)
        began = time.monotonic()
        assert owner.sign_in() == 303
        assert time.monotonic() - began < 2 * WITHIN_S


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
