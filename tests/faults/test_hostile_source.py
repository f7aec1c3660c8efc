"""A hostile source on the meter's line, through the whole gateway: bounded, told, harmless to the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.history import Period
from gateway.history.recording.plausibility import MOST_DEVICES
from gateway.p1.telegram import serialize
from gateway.p1.values import text_hex
from gateway.simulator import Household, SimulatedMeter
from tests.running import PASSWORD, FedMeter, RunningGateway, until

START = datetime(2026, 11, 10, 21, 50, tzinfo=UTC)
TELEGRAMS = 600


@pytest.fixture
def line() -> Iterator[FedMeter]:
    meter = FedMeter()
    yield meter
    meter.close()


@pytest.fixture
def gateway(tmp_path: Path, line: FedMeter) -> Iterator[RunningGateway]:
    running = RunningGateway(tmp_path, line.address)
    running.history.claim(PASSWORD)
    yield running
    running.close()


def with_another_device(meter: SimulatedMeter, at: datetime, n: int) -> bytes:
    """The home's telegram with a water meter that changes every four telegrams, and codes nobody knows."""
    telegram = meter.telegram_at(at)
    time = next(value for code, value in telegram.lines if code == "0-0:1.0.0")
    device = (
        ("0-4:24.1.0", "(007)"),
        ("0-4:96.1.0", f"({text_hex(f'W{n // 4:07d}')})"),
        ("0-4:24.2.1", f"{time}(00012.345*m3)"),
        *((f"9-9:{n % 250}.{k}.7", "(12345)") for k in range(100)),
    )
    return serialize(replace(telegram, lines=telegram.lines + device))


def test_devices_without_end_are_bounded_told_and_cost_the_homes_own_meters_nothing(
    gateway: RunningGateway, line: FedMeter
) -> None:
    meter = SimulatedMeter(Household(5), START)
    gateway.start()
    line.accept()
    for n in range(TELEGRAMS):
        at = START + timedelta(seconds=10 * n)
        line.send(serialize(meter.telegram_at(at)) if n == 0 else with_another_device(meter, at, n))
    until(lambda: gateway.status()["telegrams"] >= TELEGRAMS - 1, 60)
    status = gateway.status()
    assert gateway.stop() == 0
    assert status["implausible"]["refused"] > 100
    assert "more than the 16 of its kind" in gateway.log()
    opened = gateway.unlock(meter.number)
    assert len(opened.meters) <= 2 + MOST_DEVICES
    last = START + timedelta(seconds=10 * TELEGRAMS)
    usages = opened.usage(Period.QUARTER, START, last)
    assert all(usage.import_wh is not None for usage in usages[1:-1])
