"""What the owner asks of the history by command: export, statement, comparison and cost."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.cli.history.compare import _a_year_before
from gateway.simulator import Household, SimulatedMeter
from tests.history.recording import record
from tests.running import PASSWORD, RunningGateway

FIRST = datetime(2025, 11, 9, 23, tzinfo=UTC)
DAYS = 375
TARIFFS = """
[[contract]]
name = "one price"
from = 2025-01-01
electricity = { import = 0.25 }
"""


@pytest.fixture(scope="module")
def meter() -> SimulatedMeter:
    return SimulatedMeter(Household(5), FIRST)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, meter: SimulatedMeter) -> Iterator[RunningGateway]:
    """A gateway that does not run, with a reading every six hours for a year."""
    folder = tmp_path_factory.mktemp("gateway")
    made = RunningGateway(folder, "tcp://127.0.0.1:1", broker=False)
    made.history.claim(PASSWORD)
    every = timedelta(hours=6)
    record(made.history, (meter.reading_at(FIRST + n * every) for n in range(4 * DAYS)), timedelta(days=1))
    (folder / "password").write_text(PASSWORD + "\n")
    yield made
    made.close()


def ask(gateway: RunningGateway, meter: SimulatedMeter, *words: str) -> tuple[int, str, str]:
    """`history …` with the owner's number and password."""
    password = ("--password-file", str(gateway.config_path.with_name("password")))
    done = gateway.command("history", *words, *password, stdin=f"{meter.number}\n")
    assert meter.number not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_a_year_is_exported_by_week_into_a_file_of_the_owners_own(
    gateway: RunningGateway, meter: SimulatedMeter, tmp_path: Path
) -> None:
    output = tmp_path / "year.csv"
    words = (
        "export",
        "--period",
        "week",
        "--from",
        "2025-11-10",
        "--to",
        "2026-11-08",
        "--output",
        str(output),
    )
    status, shown, said = ask(gateway, meter, *words)
    assert (status, shown) == (0, ""), said
    lines = list(csv.DictReader(output.read_text().splitlines()))
    assert len(lines) == 52
    assert all(line["complete"] == "True" for line in lines)
    assert all(float(line["import_kwh"]) > 0 and float(line["gas_m3"]) > 0 for line in lines)
    assert output.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["year.csv"]


@pytest.mark.parametrize(
    "words", [("--period", "telegram"), ("--every", "21600"), ("--every", "60"), ("--period", "quarter")]
)
def test_every_resolution_can_be_exported_as_json_lines(
    gateway: RunningGateway, meter: SimulatedMeter, words: tuple[str, ...]
) -> None:
    days = ("--from", "2026-11-01", "--to", "2026-11-02", "--format", "json")
    status, shown, said = ask(gateway, meter, "export", *words, *days)
    assert status == 0, said
    assert len([json.loads(line) for line in shown.splitlines()]) > 7


def test_a_range_that_cannot_be_and_a_folder_that_is_not_there_are_said(
    gateway: RunningGateway, meter: SimulatedMeter, tmp_path: Path
) -> None:
    for words, wrong in (
        (("--from", "2026-02-02", "--to", "2026-02-01"), "is before the first"),
        (("--from", "2099-01-01", "--to", "2099-02-01"), "has not come yet"),
        (("--from", "yesterday"), "is not a date"),
        (("--output", str(tmp_path / "none" / "file")), "cannot be written"),
    ):
        status, _, said = ask(gateway, meter, "export", *words)
        assert status != 0
        assert wrong in said
        assert "Traceback" not in said


def test_a_statement_has_every_meters_registers(gateway: RunningGateway, meter: SimulatedMeter) -> None:
    status, shown, _ = ask(gateway, meter, "statement", "--on", "2026-03-01")
    assert status == 0
    assert "Registers at the beginning of Sunday 01 March 2026" in shown
    assert meter.number in shown
    assert "read at 2026-03-01 00:00:00" in shown
    status, shown, _ = ask(gateway, meter, "statement", "--on", "2026-03-01", "--json")
    stated = {one["commodity"]: one["registers"] for one in json.loads(shown)["meters"]}
    told = meter.reading_at(datetime(2026, 2, 28, 23, tzinfo=UTC))
    assert stated["electricity"]["import_t1_kwh"] == told.quantities["energy_import_t1_wh"] / 1000
    assert stated["gas"]["gas_m3"] > 0
    status, _, said = ask(gateway, meter, "statement", "--on", "2020-01-01")
    assert (status, "no meter was read on 2020-01-01" in said) == (1, True)


def test_days_are_compared_with_the_same_days_a_year_before(
    gateway: RunningGateway, meter: SimulatedMeter
) -> None:
    words = ("compare", "--from", "2026-11-10", "--to", "2026-11-15")
    status, shown, _ = ask(gateway, meter, *words, "--json")
    assert status == 0
    found = json.loads(shown)
    assert (found["with"], found["complete"]) == ("2025-11-10", True)
    imported = next(line for line in found["amounts"] if line["what"] == "import_kwh")
    assert imported["change"] == pytest.approx(imported["from"] / imported["with"] - 1)
    assert "import kwh" in ask(gateway, meter, *words)[1]
    assert _a_year_before(datetime(2028, 2, 29, tzinfo=UTC).date()).isoformat() == "2027-02-28"


def test_costs_follow_the_contracts_that_were_written_down(
    gateway: RunningGateway, meter: SimulatedMeter, tmp_path: Path
) -> None:
    assert "write your contracts down first" in ask(gateway, meter, "cost")[2]
    (tmp_path / "bad.toml").write_text("x = 1")
    assert gateway.command("history", "tariffs", "set", str(tmp_path / "bad.toml")).returncode == 1
    (tmp_path / "good.toml").write_text(TARIFFS)
    assert "one price" in gateway.command("history", "tariffs", "set", str(tmp_path / "good.toml")).stdout
    assert gateway.command("history", "tariffs", "show").stdout.strip() == TARIFFS.strip()
    days = ("--from", "2026-01-01", "--to", "2026-01-31")
    status, shown, said = ask(gateway, meter, "cost", *days, "--json")
    assert status == 0, said
    month = json.loads(shown)
    usage = ask(gateway, meter, "export", "--period", "month", *days)[1]
    kwh = float(next(csv.DictReader(io.StringIO(usage)))["import_kwh"])
    assert float(month["total"]) == pytest.approx(kwh / 4, abs=0.01)
    assert "EUR" in ask(gateway, meter, "cost", *days)[1]
