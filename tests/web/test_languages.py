"""Languages: the owner's choice, else the browser's, else the setting's; and nothing untranslated."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from gateway.config import PageConfig
from tests.web.browser import Browser
from tests.web.home import Home

ROOT = Path(__file__).parents[2]
SPEAKING = ("gateway/web", "gateway/consent", "gateway/quantities.py")
TRANSLATIONS = ROOT / "gateway/web/translations"
DUTCH = TRANSLATIONS / "nl/LC_MESSAGES"


def catalogue(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


@pytest.mark.parametrize(
    ("setting", "browser", "chosen", "shown"),
    [
        ("nl", "", "", "nl"),
        ("en", "", "", "en"),
        ("nl", "en-GB,en;q=0.9", "", "en"),
        ("en", "nl-BE,nl;q=0.9,en;q=0.8", "", "nl"),
        ("nl", "de-DE,de;q=0.9", "", "nl"),
        ("nl", "nl", "en", "en"),
        ("en", "en", "nl", "nl"),
    ],
)
def test_the_language_is_the_owners_else_the_browsers_else_the_settings(
    tmp_path: Path, setting: str, browser: str, chosen: str, shown: str
) -> None:
    home = Home(tmp_path, PageConfig(language=setting))
    visitor = Browser(home.app())
    asked = {"Accept-Language": browser} if browser else {}
    visitor.get("/claim", **asked)
    if chosen:
        assert visitor.post("/language", language=chosen, back="/claim").location == "/claim"
    page = visitor.get("/claim", **asked).text
    assert f'<html lang="{shown}">' in page
    assert ("Instelcode" in page) == (shown == "nl")


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example", "/\\evil.example", "evil", "", "/a\r\nSet-Cookie: x"]
)
def test_the_switch_leads_to_no_other_place(visitor: Browser, back: str) -> None:
    visitor.get("/sign-in")
    assert visitor.post("/language", language="nl", back=back).location == "/"


def test_an_unknown_language_is_refused(visitor: Browser) -> None:
    visitor.get("/sign-in")
    assert visitor.post("/language", language="../../etc").status_code == 400


def test_each_page_speaks_dutch(home: Home) -> None:
    owner = Browser(home.app())
    owner.sign_in()
    owner.post("/language", language="nl", back="/")
    for path, told in [
        ("/now", "Levert terug aan het net"),
        ("/history/day", "maandag 23 november 2026"),
        ("/history/month", "november 2026"),
        ("/sharing/", "Stopschakelaar"),
        ("/sharing/new", "niet gedeeld"),
        ("/no-such-page", "Die pagina bestaat niet."),
    ]:
        assert told.lower() in owner.get(path).text.lower(), path


def test_everything_the_page_says_is_translated_and_nothing_is_left_over(tmp_path: Path) -> None:
    template = tmp_path / "page.pot"
    command = ["-q", "extract", "-F", str(TRANSLATIONS / "babel.cfg"), "-k", "N_", "-o", str(template)]
    subprocess.run(
        [
            sys.executable,
            "-m",
            "babel.messages.frontend",
            *command,
            "gateway/web",
            "gateway/consent",
            "gateway/quantities.py",
        ],
        cwd=ROOT,
        check=True,
    )
    said = {message.id for message in catalogue(template) if message.id}
    dutch = {message.id: message for message in catalogue(DUTCH / "messages.po") if message.id}
    assert said - set(dutch) == set(), "not in the catalogue"
    assert set(dutch) - said == set(), "said nowhere any more"
    for message in dutch.values():
        words = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(words), message.id
        assert not message.fuzzy, message.id
        assert list(message.check()) == [], message.id


def test_the_compiled_catalogue_is_up_to_date() -> None:
    with (DUTCH / "messages.mo").open("rb") as file:
        compiled = read_mo(file)
    assert words(compiled) == words(catalogue(DUTCH / "messages.po"))


def words(catalogue: Catalog) -> dict[tuple[str, ...], tuple[str, ...]]:
    """From what is said to its translations: the plural forms behind each other."""
    return {_all(message.id): _all(message.string) for message in catalogue if message.id}


def _all(forms: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    return (forms,) if isinstance(forms, str) else tuple(forms or ())
