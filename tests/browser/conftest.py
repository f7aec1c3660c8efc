"""Debian's Chromium before a served page: the sample home is recorded once for all tests of a worker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.consent import (
    Category,
    Granularity,
    Notice,
    Terms,
)
from gateway.web import PageServer
from tests.web.home import NOON, PASSWORD, Home, quarters, reading

CHROMIUM = Path("/usr/bin/chromium")
_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def served(home: Home) -> Iterator[str]:
    """The address of the home's page."""
    server = PageServer(home.app(), home.settings, port=0)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed here")
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=_QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, str]]:
    """A home with five weeks of history, two hours of silence yesterday, and a recipient."""
    home = Home(tmp_path_factory.mktemp("home"))
    home.history.claim(PASSWORD)
    silence = NOON - timedelta(hours=20), NOON - timedelta(hours=18)
    home.record(
        one for one in quarters(NOON - timedelta(days=35), NOON) if not silence[0] < one.at < silence[1]
    )
    home.show(reading(home.clock()))
    grant(home, "Energy advice of the neighbourhood", "Advice on a home battery")
    with served(home) as address:
        yield home, address


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go: the folder that P1_SCREENSHOTS names, else the test's own."""
    folder = Path(os.environ.get("P1_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def grant(home: Home, recipient: str, purpose: str) -> str:
    """A consent under which something was sent; its id."""
    terms = Terms(
        recipient=recipient,
        purpose=purpose,
        grants={Category.ELECTRICITY: Granularity.QUARTER, Category.GAS: Granularity.DAY},
        valid_from=home.clock(),
        valid_until=home.clock() + timedelta(days=200),
        notice=Notice("as shown", "en"),
        format="json",
        transport="mqtt",
    )
    consent = home.sharing.grant(terms, "page").consent
    home.send(consent.id, Category.ELECTRICITY, Category.GAS)
    return consent.id
