"""What other software must be told of each meter: the table holds, is printed, and stands in the README."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import pytest

from gateway.errors import ConfigError
from gateway.p1.reading import MonthDemand, PowerFailure
from gateway.simulator import Household, SimulatedMeter
from gateway.simulator.dialects import DIALECTS, telegram_bytes
from gateway.simulator.homes import HOMES
from gateway.simulator.readers import (
    ESPHOME_LONGEST,
    NEEDS,
    esphome_settings,
    hints,
    table,
)

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 11, 26, 9, tzinfo=UTC)
FIRST_BYTE_WITHIN_S = 3.0


@pytest.mark.parametrize("name", DIALECTS)
def test_the_longest_telegram_fits_what_esphome_is_told(name: str) -> None:
    dialect, longest = DIALECTS[name], 0
    for home in HOMES.values():
        try:
            known = SimulatedMeter(Household(1, home), AT - timedelta(days=1), dialect).known_at(AT)
        except ConfigError:
            continue
        assert known is not None
        texts = dict(known.texts) | ({"message": "x" * 60} if "message" in dialect.named else {})
        full = replace(
            known,
            texts=MappingProxyType(texts),
            demand_history=(MonthDemand(AT, AT, 2000),) * 13 if "demand_history" in dialect.named else (),
            failures=(PowerFailure(AT, 600),) * 10 if "failures" in dialect.named else (),
        )
        longest = max(longest, len(telegram_bytes(dialect, full)))
    bound = NEEDS[name].longest
    assert longest <= (bound or ESPHOME_LONGEST)
    assert bound is None or longest > ESPHOME_LONGEST


def test_every_meter_is_in_the_table() -> None:
    assert list(NEEDS) == list(DIALECTS)


def test_the_readme_says_the_same() -> None:
    text = (ROOT / "README.md").read_text()
    for name, version, settings in table():
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{name}` |")]
        assert f"| {version} |" in row
        for setting in settings.split(", "):
            named, _, value = setting.partition(": ")
            assert settings == "none" or (named in row and (value in row or value.startswith("the key")))


@pytest.mark.parametrize("name", ["nl-dsmr22", "nl-dsmr3", "nl-dsmr40", "nl-dsmr4"])
def test_where_a_reader_asks_more_than_a_pty_has_the_network_is_named(name: str) -> None:
    over_pty, over_tcp = (next(hints(DIALECTS[name], {}, kind)) for kind in ("pty", "tcp"))
    assert "over --tcp only" in over_pty
    assert "--tcp" not in over_tcp


def test_a_homes_channels_are_told() -> None:
    told = esphome_settings(DIALECTS["nl-dsmr5"], {"heat": 1, "water": 2, "cooling": 3})
    assert told == ["thermal_mbus_id: 1", "water_mbus_id: 2"]


@pytest.mark.parametrize(
    "options",
    [
        *(("--meter", name) for name in ("nl-dsmr3", "be-fluvius-21", "lu-smarty", "hu-eon", "se-h1")),
        *(("--home", name) for name in ("battery", "electric-car")),
        ("--speed", "0"),
        ("--period", "3600"),
        ("--start", "2090-01-01"),
        ("--start", "2000-01-03"),
        ("--fault", "sag=300", "--fault", "power-failure=2"),
    ],
    ids=" ".join,
)
def test_the_first_byte_comes_within_three_seconds(options: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "gateway", "simulate", "--quiet", "--stdout", *options]
    began = time.process_time(), time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as simulator:
        assert simulator.stdout is not None
        assert simulator.stdout.read(1)
        took_s = time.monotonic() - began[1]
        used_s = _cpu_s(simulator.pid)
        simulator.kill()
    # What it computed counts: on a machine that others use as well, the clock says little.
    assert used_s < FIRST_BYTE_WITHIN_S, f"{used_s:.1f} s of CPU, {took_s:.1f} s in all"


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
