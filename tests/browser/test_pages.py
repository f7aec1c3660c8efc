"""Every page as people see it: on a phone and a desk, in Dutch and English, by day and by night."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import served
from tests.thorough import LONG
from tests.web.home import NOON, PASSWORD, Home, reading

pytestmark = pytest.mark.browser

Looks = tuple[int, str, str]
LOOKS = [
    pytest.param((width, language, scheme), id=f"{width}-{language}-{scheme}")
    for number, (width, language, scheme) in enumerate(
        itertools.product((390, 1280), ("nl", "en"), ("light", "dark"))
    )
    if LONG or number in (0, 3, 5, 6)  # else each pair of two of them once
]


class Visit:
    """One browser window that notes everything that goes wrong in it."""

    def __init__(self, chromium: Any, address: str, looks: Looks, pictures: Path) -> None:
        width, language, scheme = looks
        self.address = address
        self.context = chromium.new_context(
            viewport={"width": width, "height": 844 if width < 800 else 900},
            locale=language,
            color_scheme=scheme,
        )
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self._name = f"{width}-{language}-{scheme}"
        self._pictures = pictures
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.wrong.append(f"script: {error}"))
        self.page.on("requestfailed", self._failed)
        self.context.on("request", self._asked)

    def _said(self, message: Any) -> None:
        if message.type == "error":
            self.wrong.append(f"console: {message.text}")

    def _failed(self, request: Any) -> None:
        # Leaving a page ends what it was asking just then: a new reading, its icon.
        if "ERR_ABORTED" not in str(request.failure):
            self.wrong.append(f"failed: {request.url} {request.failure}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(self.address + "/"):
            self.wrong.append(f"elsewhere: {request.url}")

    def look(self, name: str) -> None:
        """Take the picture, and check what every page must keep to."""
        self.page.screenshot(path=str(self._pictures / f"{name}-{self._name}.png"), full_page=True)
        wide, window = self.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert wide <= window, f"{name} is {wide} wide in a window of {window}"
        assert self.wrong == [], name

    def go(self, path: str) -> None:
        self.page.goto(self.address + path)

    def sign_in(self) -> None:
        self.go("/sign-in")
        self.page.fill("#password", PASSWORD)
        self.press()

    def press(self, button: str = "main .primary") -> None:
        """Click, and wait for the page that follows."""
        with self.page.expect_navigation():
            self.page.click(button)


@pytest.fixture
def visit(chromium: Any, pictures: Path) -> Any:
    visits: list[Visit] = []

    def begin(address: str, looks: Looks) -> Visit:
        visits.append(Visit(chromium, address, looks, pictures))
        return visits[-1]

    yield begin
    for one in visits:
        one.context.close()


Begin = Callable[[str, Looks], Visit]


@pytest.mark.parametrize("looks", LOOKS)
def test_the_claim_shows_well(tmp_path: Path, visit: Begin, looks: Looks) -> None:
    home = Home(tmp_path)
    with served(home) as address:
        window = visit(address, looks)
        window.go("/")
        window.look("claim")
        window.page.fill("#setup_code", home.setup_code.ensure().lower())
        window.page.fill("#password", PASSWORD)
        window.page.fill("#password_again", PASSWORD)
        window.press()
        window.look("claimed")
        window.press()
        window.look("sign-in-without-meter")
        window.context.close()


@pytest.mark.parametrize("looks", LOOKS)
def test_now_and_history_show_well(lived_in: tuple[Home, str], visit: Begin, looks: Looks) -> None:
    _, address = lived_in
    window = visit(address, looks)
    window.go("/sign-in")
    window.look("sign-in")
    window.sign_in()
    window.look("now")
    yesterday = (NOON - timedelta(days=1)).date()
    for name, path in [
        ("day-today", "/history/day"),
        ("day-with-a-gap", f"/history/day?on={yesterday}"),
        ("day-empty", "/history/day?on=2026-01-10"),
        ("month", "/history/month"),
        ("month-before", "/history/month?on=2026-10"),
    ]:
        window.go(path)
        if name == "day-today":
            for table in window.page.query_selector_all("summary"):
                table.click()
        window.look(name)


@pytest.mark.parametrize("looks", LOOKS)
def test_sharing_shows_well_from_the_form_to_the_receipt(
    lived_in: tuple[Home, str], visit: Begin, looks: Looks
) -> None:
    home, address = lived_in
    window = visit(address, looks)
    window.sign_in()
    window.go("/sharing/")
    window.look("sharing")
    window.press(".heading .primary")
    window.look("grant")
    window.page.fill("#recipient", "Home Assistant")
    window.page.fill("#purpose", "Our own display in the kitchen")
    window.page.select_option("#category_power", "live")
    window.page.select_option("#category_gas", "hour")
    window.press()
    window.look("notice")
    window.press()
    window.look("granted")
    window.press()
    window.look("consent")
    window.press(".acts .button")
    window.look("receipt")
    window.press(".back a")
    window.press(".stop")
    window.look("withdrawn")
    assert all(one.terms.recipient != "Home Assistant" or one.ended_at for one in home.sharing.consents())


@pytest.mark.parametrize("looks", LOOKS)
def test_what_is_wrong_shows_well(tmp_path: Path, visit: Begin, looks: Looks) -> None:
    home = Home(tmp_path)
    home.history.claim(PASSWORD)
    home.show(reading(home.clock()))
    home.sharing.stop("page")
    ledger = tmp_path / "ledger"
    ledger.write_bytes(ledger.read_bytes().replace(b'"sequence": 1', b'"sequence": 2'))
    home.open_ledger()
    with served(home) as address:
        window = visit(address, looks)
        window.sign_in()
        window.go("/sharing/")
        window.look("sharing-broken-ledger")
        home.clock.go(minutes=5)
        window.go("/now")
        window.look("now-silent")
        window.go("/sharing/new")
        assert window.page.url.endswith("/sharing/")
        window.context.close()


@pytest.mark.parametrize("looks", LOOKS)
def test_renewed_keys_show_well(tmp_path: Path, visit: Begin, looks: Looks) -> None:
    home = Home(tmp_path)
    home.history.claim(PASSWORD)
    home.clock.go(seconds=(home.history.renewed_at() or 0) - home.clock().timestamp(), days=366)
    home.show(reading(home.clock()))
    with served(home) as address:
        window = visit(address, looks)
        window.sign_in()
        window.look("renewed")
        window.press()
        window.context.close()


def test_now_follows_the_meter_by_itself(tmp_path: Path, visit: Begin) -> None:
    home = Home(tmp_path)
    home.history.claim(PASSWORD)
    home.show(reading(home.clock(), power_import_w=412, power_export_w=0))
    with served(home) as address:
        window = visit(address, (390, "en", "light"))
        window.sign_in()
        assert window.page.inner_text(".big") == "412 W"
        home.show(reading(home.clock(), power_import_w=0, power_export_w=1730))
        window.page.wait_for_selector(".big:has-text('1.73 kW')")
        assert window.page.inner_text(".power h2") == "Exporting to the grid"
        assert window.wrong == []
        window.context.close()


def test_the_language_switch_works_and_is_remembered(lived_in: tuple[Home, str], visit: Begin) -> None:
    _, address = lived_in
    window = visit(address, (390, "en", "light"))
    window.go("/sign-in")
    window.press(".languages [value=nl]")
    assert window.page.get_attribute("html", "lang") == "nl"
    window.sign_in()
    assert window.page.get_attribute("html", "lang") == "nl"
