"""Telegrams that say something impossible, through the whole gateway: nobody is told, nothing is kept."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.history import Period
from gateway.p1.obis import BY_QUANTITY
from gateway.p1.telegram import serialize
from gateway.p1.values import value_text
from gateway.simulator import Household, SimulatedMeter
from tests.running import PASSWORD, FedMeter, Recipient, RunningGateway, until

START = datetime(2026, 11, 10, 21, 50, tzinfo=UTC)
T1 = BY_QUANTITY["energy_import_t1_wh"]
MINUTES = 40


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


def told(meter: SimulatedMeter, at: datetime, t1: int) -> bytes:
    """A telegram with this register, and a checksum that fits it."""
    telegram = meter.telegram_at(at)
    lines = tuple((code, value_text(T1, t1) if code == T1.code else value) for code, value in telegram.lines)
    return serialize(replace(telegram, lines=lines))


def test_a_damaged_telegram_and_a_replaced_meter_reach_neither_recipient_nor_history(
    gateway: RunningGateway, line: FedMeter, tmp_path: Path
) -> None:
    meter = SimulatedMeter(Household(5), START)
    times = [START + timedelta(minutes=n) for n in range(MINUTES)]
    true = [meter.reading_at(at).quantities["energy_import_t1_wh"] for at in times]
    # A damaged one at a quarter's end, right after a kill; another meter under the number at 22:20.
    stated = [7 if at.minute == 0 else wh - (true[30] - 15 if n >= 30 else 0)
              for n, (at, wh) in enumerate(zip(times, true, strict=True))]  # fmt: skip
    gateway.start()
    line.accept()
    granted = gateway.command(
        "consent", "grant", "--recipient", "app", "--purpose", "test", "--allow", "electricity=live",
        "--interval", "1", "--yes", "--json",
    )  # fmt: skip
    consent = json.loads(granted.stdout)
    with closing(
        Recipient(gateway.broker_port, consent["username"], consent["password"], consent["topic"], tmp_path)
    ) as recipient:
        until(lambda: gateway.status()["transports"]["mqtt"] == "connected")
        for n, at in enumerate(times):
            if n == 10:
                until(lambda: gateway.status()["telegrams"] == 10 and not gateway.status()["history_waiting"])
                gateway.kill()
                gateway.start()
                line.accept()
                until(lambda: gateway.status()["transports"]["mqtt"] == "connected")
            if n == MINUTES - 1:  # the interval holds by arrival, too
                until(lambda: gateway.status()["telegrams"] == MINUTES - 12)
                time.sleep(1.5)
            line.send(told(meter, at, stated[n]))
        until(lambda: gateway.status()["telegrams"] == MINUTES - 11)
        status = gateway.status()
        until(lambda: any(message["energy_import_t1_kwh"] < 1 for _, message in recipient.of(
            f"p1/{consent['username']}/live")))  # fmt: skip
        received = [message["energy_import_t1_kwh"] for _, message in recipient.of(
            f"p1/{consent['username']}/live")]  # fmt: skip
    assert gateway.stop() == 0
    assert status["implausible"] == {
        "held": 5, "dropped": 1, "epochs": 1, "impossible": 0, "refused": 0,
    }  # fmt: skip
    assert status["damaged"] == 1
    assert 0.007 not in received
    log = gateway.log()
    assert log.count("a reading that the telegrams around it contradict was left out") == 1
    assert log.count("usage is counted from there") == 1
    assert meter.number not in log
    opened = gateway.unlock(meter.number)
    usages = opened.usage(Period.QUARTER, START, times[-1])
    # 21:45 began late, 22:00 was read a minute late, and in 22:15 the registers began anew.
    known = [usage.quantities.get("energy_import_t1_wh") for usage in usages]
    assert known == [true[11] - true[0], true[25] - true[11], None]
