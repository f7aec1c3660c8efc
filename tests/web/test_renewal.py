"""At the first sign-in after a year the keys are renewed, and the owner is shown the new code."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import CannotUnlock, HistoryClosed
from gateway.history import Period
from tests.web.browser import Browser
from tests.web.home import METER, PASSWORD, Home, quarters, reading

_CODE = re.compile(r'translate="no">([A-Z2-7-]+)<')


@pytest.fixture
def year_later(home: Home) -> Home:
    """A history of a day, and a year gone by since."""
    begin = home.clock()
    home.record(quarters(begin - timedelta(days=1), begin))
    renewed_at = home.history.renewed_at()
    assert renewed_at is not None
    home.clock.go(seconds=renewed_at - begin.timestamp(), days=366)
    home.show(reading(home.clock()))
    return home


def test_the_new_recovery_code_is_shown_once_and_the_owner_is_signed_in(year_later: Home) -> None:
    visitor = Browser(year_later.app())
    answer = visitor.sign_in()
    assert answer.status_code == 200
    assert "the old recovery code opens nothing any more" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    found = _CODE.search(answer.text)
    assert found is not None
    assert visitor.get("/now").status_code == 200
    assert visitor.get("/history/day").status_code == 200
    year_later.history.recover(METER, found[1], "another password")
    again = Browser(year_later.app()).sign_in("another password")
    assert (again.status_code, again.location) == (303, "/now")


def test_who_was_signed_in_before_is_out(year_later: Home) -> None:
    opened = year_later.history.unlock(METER, PASSWORD)
    (meter, _) = opened.meters
    first, last = year_later.clock() - timedelta(days=800), year_later.clock()
    assert opened.rows(Period.HOUR, first, last, meter) != []
    assert Browser(year_later.app()).sign_in().status_code == 200
    with pytest.raises(HistoryClosed):
        opened.rows(Period.HOUR, first, last, meter)


def test_before_the_year_is_over_nothing_is_renewed(home: Home) -> None:
    renewed_at = home.history.renewed_at()
    assert Browser(home.app()).sign_in().status_code == 303
    assert home.history.renewed_at() == renewed_at


def test_a_wrong_password_renews_nothing(year_later: Home) -> None:
    renewed_at = year_later.history.renewed_at()
    assert Browser(year_later.app()).sign_in("not the password").status_code == 403
    assert year_later.history.renewed_at() == renewed_at


def test_a_renewal_that_fails_keeps_nobody_out_and_is_tried_again(year_later: Home) -> None:
    refuse = "CREATE TRIGGER refuse BEFORE UPDATE ON household BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    with closing(sqlite3.connect(year_later.folder / "history.db")) as database:
        database.execute(refuse)
    visitor = Browser(year_later.app())
    assert visitor.sign_in().status_code == 303
    assert visitor.get("/now").status_code == 200
    with closing(sqlite3.connect(year_later.folder / "history.db")) as database:
        database.execute("DROP TRIGGER refuse")
    assert "recovery code" in Browser(year_later.app()).sign_in().text


def test_it_is_told_in_dutch(year_later: Home) -> None:
    visitor = Browser(year_later.app())
    visitor.get("/sign-in")
    visitor.post("/language", language="nl", back="/sign-in")
    answer = visitor.sign_in()
    assert "met de oude herstelcode gaat niets meer open" in answer.text
    assert "Ik heb hem opgeschreven: ga verder" in answer.text


def test_the_device_key_is_another_one_afterwards(year_later: Home, tmp_path: Path) -> None:
    before = (tmp_path / "device.key").read_bytes()
    Browser(year_later.app()).sign_in()
    assert (tmp_path / "device.key").read_bytes() != before
    with pytest.raises(CannotUnlock):
        year_later.history.unlock(METER, "not the password")
