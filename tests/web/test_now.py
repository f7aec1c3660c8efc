"""Now: the latest reading in the owner's words, and plain sentences when the meter is silent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.config import PageConfig
from gateway.errors import ChecksumMismatch, MeterUnavailable
from gateway.web.sentences import sentence
from tests.web.browser import Browser
from tests.web.home import PASSWORD, Home, reading


def texts(owner: Browser) -> dict[str, str]:
    answer = owner.get("/now.json").json
    assert answer is not None
    found: dict[str, str] = answer["texts"]
    return found


def test_power_is_shown_as_import_or_export(home: Home, owner: Browser) -> None:
    home.show(reading(home.clock(), power_import_w=412, power_export_w=0))
    assert texts(owner)["power"] == "412 W"
    assert texts(owner)["direction"] == "Importing from the grid"
    home.show(reading(home.clock(), power_import_w=0, power_export_w=1734))
    assert texts(owner)["power"] == "1.73 kW"
    assert texts(owner)["direction"] == "Exporting to the grid"


def test_each_phase_and_todays_totals_are_shown(home: Home, owner: Browser) -> None:
    home.show(
        reading(
            home.clock(),
            power_import_l2_w=0,
            power_export_l2_w=640,
            voltage_l2_mv=231_400,
            current_l2_ma=2780,
        )
    )
    shown = texts(owner)
    assert (shown["l2_power"], shown["l2_voltage"], shown["l2_current"]) == ("-640 W", "231.4 V", "2.8 A")
    assert (shown["import_today"], shown["export_today"], shown["gas_today"]) == ("4.124", "2.610", "1.840")
    assert shown["tariff"] == "Tariff 2"


@pytest.mark.parametrize(
    ("country", "called"),
    [("NL", "Normal tariff"), ("BE", "Low tariff"), ("HU", "Tariff 2"), (None, "Tariff 2")],
)
def test_a_tariff_is_called_what_it_is_called_there(
    home: Home, owner: Browser, country: str | None, called: str
) -> None:
    home.show(replace(reading(home.clock(), tariff=2), country=country))
    assert texts(owner)["tariff"] == called


def test_of_two_gas_meters_the_one_read_last_is_shown(home: Home, owner: Browser) -> None:
    """After a replacement the old one may stay on its channel."""
    shown = reading(home.clock())
    (new,) = shown.mbus
    old = replace(new, channel=2, captured_at=new.captured_at - timedelta(days=9), register=9_999_999)
    before = texts(owner)["gas_register"]
    home.show(replace(shown, mbus=(old, new)))
    assert texts(owner)["gas_register"] == before


def test_what_the_meter_does_not_say_is_a_dash_and_never_zero(home: Home, owner: Browser) -> None:
    sparse = replace(reading(home.clock()), quantities={"power_import_l1_w": 12})
    home.live.show(sparse, {})
    shown = texts(owner)
    for name in ("power", "import_today", "export_today", "gas_today", "tariff", "l1_voltage", "l1_current"):
        assert shown[name] == "—", name


def test_the_page_shows_the_same_words_as_the_script_gets(owner: Browser) -> None:
    page = owner.get("/now").text
    for name, words in texts(owner).items():
        if name != "gas_at" or words:
            assert f'data-live="{name}">{words}<' in page, name


def test_a_silent_meter_says_so_and_what_to_check(home: Home, owner: Browser) -> None:
    assert owner.get("/now.json").json["problem"] == ""  # type: ignore[index]
    home.clock.go(minutes=1)
    home.live.note_fault(MeterUnavailable("/dev/ttyUSB0 was unplugged or closed: check the P1 cable"))
    page = owner.get("/now").text
    assert "The meter has been silent since 23 Nov 2026, 12:00." in page
    assert "Check that the cable is in the meter&#39;s P1 port" in page
    assert 'data-fresh="false"' in page


def test_a_meter_that_never_spoke_is_no_error(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.history.claim(PASSWORD)
    owner = Browser(home.app())
    owner.sign_in(meter_number="E1")
    answer = owner.get("/now")
    assert answer.status_code == 200
    assert "The meter has not said anything yet." in answer.text


def test_damaged_telegrams_are_counted(home: Home, owner: Browser) -> None:
    assert owner.get("/now.json").json["damaged"] == ""  # type: ignore[index]
    for _ in range(3):
        home.live.note_fault(ChecksumMismatch(1, 2))
    assert "3 damaged telegrams were skipped" in owner.get("/now").text


def test_a_simulated_meter_carries_its_badge_and_a_real_one_does_not(home: Home, owner: Browser) -> None:
    assert "Simulated meter" in owner.get("/now").text
    home.show(reading(home.clock(), simulated=False))
    assert "Simulated meter" not in owner.get("/now").text


def test_the_page_is_loaded_anew_when_its_parts_change(home: Home, owner: Browser) -> None:
    before = owner.get("/now.json").json
    home.show(reading(home.clock(), gas=False))
    after = owner.get("/now.json").json
    assert before is not None
    assert after is not None
    assert before["shape"] != after["shape"]


@pytest.mark.parametrize("language", ["nl", "en"])
def test_errors_speak_the_owners_language(tmp_path: Path, language: str) -> None:
    home = Home(tmp_path, PageConfig(language=language))
    with home.app().test_request_context():
        told = sentence(ChecksumMismatch(1, 2))
    assert ("beschadigd" in told) == (language == "nl")
