"""The page's fixtures: a home, a visitor's browser, the owner's browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.web.browser import Browser
from tests.web.home import PASSWORD, Home, reading


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Claimed, with a meter that spoke just now."""
    home = Home(tmp_path)
    home.history.claim(PASSWORD)
    home.show(reading(home.clock()))
    return home


@pytest.fixture
def unclaimed(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def visitor(home: Home) -> Browser:
    return Browser(home.app())


@pytest.fixture
def owner(visitor: Browser) -> Browser:
    visitor.sign_in()
    return visitor
