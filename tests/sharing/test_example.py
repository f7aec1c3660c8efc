"""The example of a subscriber receives what it has consent for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.consent import Category, Granularity
from tests.sharing.conftest import Broker, Gateway
from tests.sharing.recipient import until
from tests.sharing.test_dispatcher import full, quarter

EXAMPLE = Path(__file__).parents[2] / "examples" / "subscriber.py"
BOTH = {Category.POWER: Granularity.LIVE, Category.ELECTRICITY: Granularity.QUARTER}


@pytest.fixture
def subscriber(gateway: Gateway, broker: Broker, tmp_path: Path) -> Iterator[Path]:
    _, given = gateway.grant(BOTH)
    password, said = tmp_path / "password", tmp_path / "said"
    password.write_text(given["password"])
    settings = {
        "P1_HOST": given["host"], "P1_PORT": given["port"], "P1_USERNAME": given["username"],
        "P1_PASSWORD_FILE": str(password),
    }  # fmt: skip
    with said.open("w") as output:
        running = subprocess.Popen([sys.executable, str(EXAMPLE)], env=os.environ | settings, stdout=output)
    yield said
    running.terminate()
    running.wait()


def test_the_example_prints_live_readings_and_rows(gateway: Gateway, subscriber: Path) -> None:
    until(lambda: "connected: Success" in subscriber.read_text())
    gateway.connect()
    until(lambda: "consent {" in subscriber.read_text())
    gateway.offer(full(5))
    gateway.dispatcher.offer_row(quarter(1))
    until(lambda: "quarter {" in subscriber.read_text() and "live {" in subscriber.read_text())
    assert "'power_import_w': 505" in subscriber.read_text()
