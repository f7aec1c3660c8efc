"""Signing in and out: three factors, slow guesses, and sessions that end when they should."""

from __future__ import annotations

import gc
import logging
import re
import weakref
from pathlib import Path

import pytest

from gateway.config import PageConfig
from gateway.web.server.sessions import SessionTable, TableSessions
from gateway.web.server.throttle import Throttle, TooManyTries
from tests.web.browser import Browser
from tests.web.home import METER, PASSWORD, Clock, Home, reading

PAGES = ["/", "/now", "/history/", "/history/day", "/history/month", "/sharing/", "/sharing/new"]


def sessions(browser: Browser) -> SessionTable:
    interface = browser.app.session_interface
    assert isinstance(interface, TableSessions)
    return interface.table


def is_signed_in(browser: Browser) -> bool:
    return browser.get("/now").status_code == 200


@pytest.mark.parametrize("path", [*PAGES, "/sharing/c0123456789abcdef", "/no-such-page"])
def test_each_page_needs_a_sign_in(visitor: Browser, path: str) -> None:
    answer = visitor.get(path)
    assert (answer.status_code, answer.location) == (303, "/sign-in")


def test_readings_need_a_sign_in(visitor: Browser) -> None:
    answer = visitor.get("/now.json")
    assert (answer.status_code, answer.text) == (401, "")


def test_the_password_opens_the_page(visitor: Browser) -> None:
    assert visitor.sign_in().location == "/now"
    assert is_signed_in(visitor)


def test_a_wrong_password_is_refused(visitor: Browser) -> None:
    answer = visitor.sign_in("not the password")
    assert answer.status_code == 403
    assert "Check the password" in answer.text
    assert not is_signed_in(visitor)


def test_without_a_meter_the_owner_types_its_number(home: Home) -> None:
    fresh = Home(home.folder)
    fresh.record(iter([reading(fresh.clock())]))
    visitor = Browser(fresh.app())
    assert "meter_number" in visitor.get("/sign-in").text
    assert visitor.sign_in().status_code == 400
    assert visitor.sign_in(meter_number="E0000000000000000").status_code == 403
    assert visitor.sign_in(meter_number=METER.lower()).status_code == 303


def test_with_a_meter_no_number_is_asked(visitor: Browser) -> None:
    assert "meter_number" not in visitor.get("/sign-in").text


def test_who_guesses_passwords_must_wait_longer_each_time(home: Home, visitor: Browser) -> None:
    assert [visitor.sign_in("a wrong guess").status_code for _ in range(5)] == [403] * 4 + [429]
    answer = visitor.sign_in()
    assert answer.status_code == 429, "the right password has to wait as well"
    assert answer.headers["Retry-After"] == "5"
    assert "Wait 5 seconds" in answer.text
    home.clock.go(seconds=5)
    assert visitor.sign_in("a wrong guess").status_code == 403
    assert visitor.sign_in().headers["Retry-After"] == "10"
    home.clock.go(seconds=10)
    assert visitor.sign_in().status_code == 303


def test_another_address_does_not_wait_for_the_guesser(home: Home) -> None:
    app = home.app()
    guesser, owner = Browser(app, "192.168.1.66"), Browser(app, "192.168.1.7")
    for _ in range(6):
        guesser.sign_in("a wrong guess")
    assert owner.sign_in().status_code == 303


def test_many_addresses_together_wait_a_little_and_never_long() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for number in range(20):
        throttle.attempt(f"10.0.0.{number}")
    for number in range(20, 60):
        with pytest.raises(TooManyTries) as refused:
            throttle.attempt(f"10.0.0.{number}")
        assert 1 <= refused.value.wait_s <= 15
        clock.go(seconds=refused.value.wait_s)
        throttle.attempt(f"10.0.0.{number}")


def test_one_computer_with_many_ipv6_addresses_is_one_guesser() -> None:
    throttle = Throttle(Clock())
    for number in range(4):
        throttle.attempt(f"fd00:1:2:3::{number}")
    with pytest.raises(TooManyTries):
        throttle.attempt("fd00:1:2:3:ffff::1")
    throttle.attempt("fd00:1:2:4::1")


def test_the_wait_is_capped_and_forgotten_after_an_hour() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    waits = []
    for _ in range(20):
        try:
            throttle.attempt("192.168.1.66")
        except TooManyTries as refused:
            waits.append(refused.wait_s)
            clock.go(seconds=refused.wait_s)
            throttle.attempt("192.168.1.66")
    assert waits[:3] == [5, 10, 20]
    assert max(waits) == 900
    clock.go(hours=1)
    for _ in range(4):
        throttle.attempt("192.168.1.66")


# --- sessions --------------------------------------------------------------------------------------


def test_the_session_gets_a_new_id_at_sign_in(visitor: Browser) -> None:
    visitor.get("/sign-in")
    before = visitor.cookie()
    visitor.sign_in()
    assert before is not None
    assert visitor.cookie() not in (None, before)
    visitor.client.set_cookie(visitor.cookie_name("session"), before)
    assert not is_signed_in(visitor)


def test_a_cookie_copied_before_sign_out_is_dead_after_it(owner: Browser) -> None:
    copied = owner.cookie()
    assert copied is not None
    assert owner.post("/sign-out").location == "/sign-in"
    assert owner.cookie() is None
    owner.client.set_cookie(owner.cookie_name("session"), copied)
    assert not is_signed_in(owner)
    assert len(sessions(owner)) <= 1, "only the new visitor's"


def test_signing_out_needs_a_post(owner: Browser) -> None:
    assert owner.get("/sign-out").status_code == 405
    assert is_signed_in(owner)


def opened_histories(browser: Browser) -> list[weakref.ref[object]]:
    return [weakref.ref(one.history) for one in sessions(browser)._owners.values() if one.history]


def test_fifteen_idle_minutes_forget_the_open_history(home: Home, owner: Browser) -> None:
    (history,) = opened_histories(owner)
    home.clock.go(minutes=14, seconds=59)
    sessions(owner).sweep()
    assert history() is not None
    home.clock.go(seconds=1)
    sessions(owner).sweep()
    gc.collect()
    assert history() is None, "nobody asked for the session, and yet its key is gone"
    assert not is_signed_in(owner)


def test_what_the_script_asks_does_not_keep_a_session_alive(home: Home, owner: Browser) -> None:
    for _ in range(14):
        home.clock.go(minutes=1)
        assert owner.get("/now.json").status_code == 200
    home.clock.go(minutes=1)
    assert owner.get("/now.json").status_code == 401


def test_who_goes_on_reading_stays_signed_in_until_twelve_hours_have_passed(
    home: Home, owner: Browser
) -> None:
    for _ in range(71):
        home.clock.go(minutes=10)
        assert is_signed_in(owner)
    home.clock.go(minutes=10)
    assert not is_signed_in(owner)


def test_a_flood_of_visitors_fills_no_memory_and_leaves_the_owner_in(owner: Browser) -> None:
    for _ in range(400):
        Browser(owner.app).get("/sign-in")
    assert len(sessions(owner)) <= 257
    assert is_signed_in(owner)


def test_visitors_of_plain_files_get_no_session(visitor: Browser) -> None:
    visitor.get("/static/page.css")
    assert visitor.cookie() is None
    assert len(sessions(visitor)) == 0


def test_the_table_holds_no_token_that_a_browser_could_use(owner: Browser) -> None:
    table = sessions(owner)
    token = owner.cookie()
    assert token is not None
    assert token.encode() not in table._owners
    assert all(len(key) == 32 for key in table._owners)


def test_the_cookie_is_for_this_page_only(visitor: Browser) -> None:
    cookie = visitor.get("/sign-in").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie


def test_behind_https_the_cookie_is_a_host_cookie(tmp_path: Path) -> None:
    home = Home(tmp_path, PageConfig(language="en", https=True))
    home.history.claim(PASSWORD)
    home.show(reading(home.clock()))
    visitor = Browser(home.app(), base="https://localhost")
    answer = visitor.get("/sign-in")
    cookie = answer.headers["Set-Cookie"]
    assert re.match(r"__Host-p1-gateway-[0-9a-f]{8}-session=", cookie)
    assert "Secure" in cookie
    assert "Domain" not in cookie
    assert "max-age=" in answer.headers["Strict-Transport-Security"]
    assert visitor.sign_in().status_code == 303
    assert is_signed_in(visitor)


def test_no_secret_reaches_the_log(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    visitor = Browser(home.app())
    visitor.sign_in("a wrong guess")
    visitor.sign_in()
    token = visitor.cookie()
    assert token is not None
    for secret in (PASSWORD, "a wrong guess", METER, token):
        assert secret not in caplog.text
