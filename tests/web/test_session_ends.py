"""Sessions after the password or the keys were changed: all but the acting one are over, keys forgotten."""

from __future__ import annotations

import gc
from collections.abc import Callable
from datetime import timedelta

import pytest

from gateway.errors import HistoryClosed
from gateway.history.keys.keyring import HouseholdKey
from tests.web.browser import Browser
from tests.web.home import METER, PASSWORD, Home, quarters, reading

NEW = "a quite different password"


def change(home: Home, _code: str) -> None:
    home.history.change_password(METER, PASSWORD, NEW)


def recover(home: Home, code: str) -> None:
    home.history.recover(METER, code, NEW)


def renew(home: Home, _code: str) -> None:
    home.history.renew(METER, PASSWORD, home.clock().timestamp())


ACTS = pytest.mark.parametrize("act", [change, recover, renew])


@pytest.fixture
def code(unclaimed: Home) -> str:
    """The recovery code of a gateway with a day of history."""
    home = unclaimed
    made = home.history.claim(PASSWORD)
    begin = home.clock()
    home.record(quarters(begin - timedelta(days=1), begin))
    home.show(reading(home.clock()))
    return made


@ACTS
def test_every_session_is_over_also_for_who_copied_its_cookie(
    unclaimed: Home, code: str, act: Callable[[Home, str], None]
) -> None:
    home = unclaimed
    app = home.app()
    owner, other = Browser(app), Browser(app, address="192.168.1.9")
    for one in (owner, other):
        assert one.sign_in().status_code == 303
        assert one.get("/history/day").status_code == 200
    stolen = owner.cookie()
    assert stolen is not None
    token = owner.token
    act(home, code)
    thief = Browser(app, address="192.168.1.66")
    thief.client.set_cookie(thief.cookie_name("session"), stolen)
    thief.token = token
    for one in (owner, other, thief):
        assert one.get("/history/day").location == "/sign-in"
        assert one.get("/now.json").status_code == 401
    granted = thief.post("/sharing/grant", recipient="thief", purpose="theft", category_power="live")
    assert granted.status_code in (303, 400)
    assert home.sharing.consents() == []


@ACTS
def test_the_keys_of_all_sessions_are_forgotten(
    unclaimed: Home, code: str, act: Callable[[Home, str], None]
) -> None:
    home = unclaimed
    opened = [home.history.unlock(METER, PASSWORD) for _ in range(3)]
    for one in opened:
        one.registers(home.clock().date())
    act(home, code)
    gc.collect()
    for one in opened:
        held = [found for found in gc.get_referents(one.__dict__) if isinstance(found, HouseholdKey)]
        assert held == []
        with pytest.raises(HistoryClosed):
            one.registers(home.clock().date())


def test_signing_out_forgets_the_keys_at_once(unclaimed: Home, code: str) -> None:
    browser = Browser(unclaimed.app())
    browser.sign_in()
    histories = list(unclaimed.history._opened)
    browser.post("/sign-out")
    assert [one.is_open for one in histories] == [False]


def test_a_renewal_at_the_sign_in_ends_every_other_session_and_the_acting_one_goes_on_under_a_new_id(
    unclaimed: Home, code: str
) -> None:
    home = unclaimed
    app = home.app()
    renewed_at = home.history.renewed_at()
    assert renewed_at is not None
    home.clock.go(seconds=renewed_at - home.clock().timestamp(), days=364, hours=20)
    home.show(reading(home.clock()))
    before = Browser(app)
    before.sign_in()
    home.clock.go(hours=4)
    for _ in range(24):
        home.clock.go(minutes=10)
        before.get("/now")  # it does not idle out
    home.show(reading(home.clock()))
    acting = Browser(app)
    acting.get("/sign-in")
    anonymous = acting.cookie()
    assert acting.sign_in().status_code == 200
    assert acting.get("/history/day").status_code == 200
    assert acting.cookie() != anonymous
    assert before.get("/history/day").location == "/sign-in"
