"""The gateway's own clock: what a meter without one says is recorded once that clock can be believed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway import clock, daemon
from gateway.config import BrokerConfig, Config, HistoryConfig, MeterConfig, PageConfig, PanelConfig
from gateway.daemon import Daemon
from gateway.history.keys.keyring import COST_IN_TESTS
from gateway.simulator import Household, SimulatedMeter
from gateway.simulator.dialects import DIALECTS
from tests.made_up import NOON, PASSWORD
from tests.ports import free_port


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A gateway on a capture of a meter that sends no time."""
    meter = SimulatedMeter(Household(3), NOON, DIALECTS["nl-dsmr22"])
    capture = tmp_path / "capture.bin"
    capture.write_bytes(b"".join(meter.bytes_at(NOON + timedelta(seconds=10 * n)) for n in range(3)))
    return Config(
        meter=MeterConfig(source=f"file://{capture}"),
        history=HistoryConfig(data_dir=tmp_path / "folder", device_key=tmp_path / "device.key"),
        broker=BrokerConfig(port=free_port()),
        page=PageConfig(port=free_port()),
        panel=PanelConfig(enabled=False),
    )


def run(config: Config, monkeypatch: pytest.MonkeyPatch, settled: bool) -> tuple[Daemon, int]:
    """Run to the end of the capture; returns how many profile rows were recorded."""
    monkeypatch.setattr(daemon, "clock_is_settled", lambda: settled)
    running = Daemon(replace(config))
    if not running.history.claimed:
        running.history._cost = COST_IN_TESTS
        running.history.claim(PASSWORD)
    running.run()
    return running, running.history.verify().rows


def test_until_the_clock_is_settled_nothing_is_recorded_under_it_and_that_is_said(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, rows = run(config, monkeypatch, settled=False)
    assert rows == 0
    assert running.live.latest().telegrams == 3
    assert running.live.faults()["clock_not_set"] == 3


def test_with_a_settled_clock_a_meter_without_one_is_recorded(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, rows = run(config, monkeypatch, settled=True)
    assert rows > 0
    assert "clock_not_set" not in running.live.faults()


def test_whether_the_clock_is_synchronised_is_known_or_not_but_asking_never_fails() -> None:
    assert clock.is_synchronised() in (True, False)
    assert clock.is_settled() in (True, False)
