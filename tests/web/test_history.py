"""History: what was measured as it was, what was not as missing, and days as long as they are."""

from __future__ import annotations

import re
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.config import PageConfig
from tests.web.browser import Browser
from tests.web.home import NOON, PASSWORD, Home, quarters, reading

_ROW = re.compile(r"<tr[^>]*><th scope=\"row\">(.*?)</th>(.*?)</tr>", re.DOTALL)


def table(page: str, caption: str) -> dict[str, list[str]]:
    """The rows of the table with this caption: their cells by their label."""
    body = page.split(f"<caption>{caption}</caption>")[1].split("</table>", maxsplit=1)[0]
    return {
        re.sub(r"<.*?>", "", label).strip(): re.findall(r"<td>(.*?)</td>", cells)
        for label, cells in _ROW.findall(body)
    }


def owner_of(home: Home) -> Browser:
    owner = Browser(home.app())
    assert owner.sign_in().status_code == 303
    return owner


@pytest.fixture
def recorded(home: Home) -> Home:
    """Yesterday and today, but for two hours of yesterday's afternoon."""
    silence = NOON - timedelta(hours=20), NOON - timedelta(hours=18)
    home.record(
        one for one in quarters(NOON - timedelta(hours=40), NOON) if not silence[0] < one.at < silence[1]
    )
    return home


def test_a_day_shows_its_quarters_as_chart_and_as_table(recorded: Home) -> None:
    page = owner_of(recorded).get("/history/day").text
    rows = table(page, "Electricity per quarter hour, in kWh")
    assert next(iter(rows)) == "00:00"
    assert list(rows)[-2:] == ["11:45", "Total"], "what has not happened yet is not in the table"
    before, after = (
        reading(NOON - timedelta(seconds=30, hours=1)),
        reading(NOON - timedelta(seconds=30, minutes=45)),
    )
    used = sum(
        after.quantities[f"energy_import_{t}_wh"] - before.quantities[f"energy_import_{t}_wh"]
        for t in ("t1", "t2")
    )
    assert rows["11:00"][0] == f"{used / 1000:.3f}"
    assert page.count("<svg") == 4, "electricity and gas, each for a phone and for a desk"


def test_missing_quarters_are_shown_as_missing_and_never_as_zero(recorded: Home) -> None:
    page = owner_of(recorded).get("/history/day?on=2026-11-22").text
    rows = table(page, "Electricity per quarter hour, in kWh")
    assert rows["17:00"] == ["—", "—"]
    assert rows["15:00"][0] != "—"
    assert re.search(r"\d+ quarter hours were not measured", page)
    assert "Not measured" in page
    assert len(rows) == 96 + 1


def test_a_day_without_anything_says_so_and_shows_no_zeros(recorded: Home) -> None:
    page = owner_of(recorded).get("/history/day?on=2026-03-01").text
    assert "Nothing was recorded on this day." in page
    assert "<svg" not in page
    assert "0.000" not in page


def test_a_month_shows_its_days_and_today_so_far(recorded: Home) -> None:
    page = owner_of(recorded).get("/history/month").text
    rows = table(page, "Use per day")
    assert rows["Fri 20"] == ["—", "—", "—"]
    assert "Sat 21*" in rows, "it was measured from the evening on"
    assert rows["Sun 22"][0] != "—"
    assert rows["Mon 23 so far"] == ["4.124", "2.610", "1.840"]
    assert "Tue 24" not in rows


def test_simulated_rows_carry_the_badge(recorded: Home) -> None:
    owner = owner_of(recorded)
    assert "Simulated meter" in owner.get("/history/day").text
    assert "Simulated meter" not in owner.get("/history/day?on=2026-03-01").text


@pytest.mark.parametrize(
    ("day", "hours", "labels"),
    [
        ("2026-03-29", 23, ["01:45 CET", "03:00 CEST"]),
        ("2026-10-25", 25, ["02:00 CEST", "02:00 CET"]),
        ("2026-10-24", 24, ["02:00"]),
    ],
)
def test_days_have_23_24_or_25_hours(tmp_path: Path, day: str, hours: int, labels: list[str]) -> None:
    begin = datetime.fromisoformat(day).replace(tzinfo=UTC) - timedelta(hours=3)
    home = Home(tmp_path, at=begin + timedelta(days=3))
    home.history.claim(PASSWORD)
    home.record(quarters(begin, begin + timedelta(hours=32), 900))
    home.show(reading(home.clock()))
    page = owner_of(home).get(f"/history/day?on={day}").text
    rows = table(page, "Electricity per quarter hour, in kWh")
    assert len(rows) == hours * 4 + 1
    assert set(labels) <= set(rows)
    assert all(cells[0] != "—" for cells in rows.values())


def test_numbers_use_the_languages_own_sign(tmp_path: Path) -> None:
    home = Home(tmp_path, PageConfig(language="nl"))
    home.history.claim(PASSWORD)
    home.record(quarters(NOON - timedelta(hours=2), NOON))
    home.show(reading(home.clock()))
    rows = table(owner_of(home).get("/history/day").text, "Elektriciteit per kwartier, in kWh")
    assert re.fullmatch(r"\d+,\d{3}", rows["11:00"][0])


def test_one_steps_from_day_to_day_but_not_into_the_future(recorded: Home) -> None:
    owner = owner_of(recorded)
    today = owner.get("/history/day").text
    assert 'href="?on=2026-11-22"' in today
    assert 'rel="next"' not in today
    assert 'href="?on=2026-11-23"' in owner.get("/history/day?on=2026-11-22").text


@pytest.mark.parametrize("on", ["tomorrow", "2026-11-24", "0001-01-01", "9999-12-31", "2026-13-01", ""])
@pytest.mark.parametrize("view", ["day", "month"])
def test_a_day_that_cannot_be_shown_gives_today(recorded: Home, view: str, on: str) -> None:
    answer = owner_of(recorded).get(f"/history/{view}?on={on}")
    assert answer.status_code == 200
    assert 'value="2026-11' in answer.text


def test_an_altered_history_is_said_to_be_altered(recorded: Home) -> None:
    with sqlite3.connect(recorded.folder / "history.db") as database:
        database.execute("UPDATE profile_row SET sealed = zeroblob(length(sealed)) WHERE id % 7 = 0")
    database.close()
    page = owner_of(recorded).get("/history/day").text
    assert "altered and" in page
    assert "—" in page


def test_tables_have_a_caption_and_scopes_and_charts_a_name(recorded: Home) -> None:
    page = owner_of(recorded).get("/history/day").text
    assert page.count("<table") == page.count("<caption>") == 2
    assert '<th scope="col">' in page
    assert 'role="img" aria-label="Chart of electricity import and export"' in page
    assert "<details>" in page
