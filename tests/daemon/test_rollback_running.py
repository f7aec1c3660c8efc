"""Rolled-back files, against the real daemon, broker and commands."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.operations import Keys
from gateway.simulator import Household, SimulatedMeter
from tests.running import PASSWORD, FedMeter, RunningGateway, until
from tests.sharing.recipient import Recipient as Client
from tests.thorough import times

START = datetime(2026, 11, 10, 12, 5, tzinfo=UTC)
GRANT = ("consent", "grant", "--recipient", "app", "--purpose", "test", "--allow", "power=live", "--yes",
         "--json")  # fmt: skip


@pytest.fixture
def line() -> Iterator[FedMeter]:
    meter = FedMeter()
    yield meter
    meter.close()


@pytest.fixture
def gateway(tmp_path: Path, line: FedMeter) -> Iterator[RunningGateway]:
    """A running gateway that has recorded some minutes."""
    found = RunningGateway(tmp_path, line.address)
    found.history.claim(PASSWORD)
    meter = SimulatedMeter(Household(5), START)
    with closing(found):
        found.start()
        line.accept()
        for minute in range(4):
            line.send(meter.bytes_at(START + timedelta(minutes=minute)))
        until(lambda: found.status()["telegrams"] == 4 and not found.status()["history_waiting"])
        yield found


def command(gateway: RunningGateway, *words: str) -> str:
    done = gateway.command(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def begin_again(gateway: RunningGateway, line: FedMeter) -> None:
    gateway.start()
    line.accept()


def may_enter(gateway: RunningGateway, credentials: dict[str, str]) -> bool:
    client = Client(gateway.broker_port, credentials["username"], credentials["password"])
    try:
        return client.refusal is None
    finally:
        client.close()


def test_a_withdrawal_is_not_undone_by_ledger_marker_and_broker_file_of_before(
    gateway: RunningGateway, line: FedMeter, tmp_path: Path
) -> None:
    data, older = gateway.config.history.data_dir, tmp_path / "older"
    given = json.loads(command(gateway, *GRANT))
    gateway.stop()
    with gateway.broker_stopped():
        shutil.copytree(data, older)
    begin_again(gateway, line)
    command(gateway, "consent", "withdraw", given["consent"])
    gateway.stop()
    with gateway.broker_stopped() as clients:
        shutil.copy(older / "ledger.jsonl", data / "ledger.jsonl")
        shutil.copy(older / "hidden" / "ledger-newest", data / "hidden" / "ledger-newest")
        shutil.copy(older / "broker" / clients.name, clients)
    assert may_enter(gateway, given)
    for _ in range(2):
        begin_again(gateway, line)
        assert gateway.status()["consents"] == 0
        assert "an older copy was put in the place of the register of consents" in gateway.status()["sharing"]
        assert gateway.command(*GRANT).returncode == 1
        assert "an older copy" in gateway.command("consent", "verify").stderr
        doctor = " ".join(gateway.command("doctor").stdout.split())
        assert "wrong consents An older copy was put in the place of the register of consents" in doctor
        assert "an older copy" in gateway.command("history", "verify").stdout
        assert gateway.stop() == 0
    begin_again(gateway, line)
    assert "p1-gateway consent list" in command(gateway, "consent", "accept", "--yes")
    assert "nothing to accept" in gateway.command("consent", "accept", "--yes").stderr
    until(lambda: not may_enter(gateway, given))
    gateway.kill()
    begin_again(gateway, line)
    assert gateway.status()["sharing"] == "stopped"
    command(gateway, "consent", "verify")
    assert json.loads(command(gateway, "consent", "list", "--json"))[0]["state"] == "withdrawn"
    command(gateway, "stop-switch", "sharing", "off")
    assert may_enter(gateway, json.loads(command(gateway, *GRANT)))
    assert gateway.status()["consents"] == 1


def test_an_older_database_with_its_anchor_and_the_old_password_in_it_is_found(
    gateway: RunningGateway, line: FedMeter, tmp_path: Path
) -> None:
    data, older = gateway.config.history.data_dir, tmp_path / "older"
    gateway.stop()
    shutil.copytree(data, older)
    begin_again(gateway, line)
    number = SimulatedMeter(Household(5), START).number
    gateway.ask(Keys.change_password, number=number, password=PASSWORD, new_password="another good password")
    gateway.stop()
    for name in ("history.db", "hidden/newest-data-keys", "hidden/checkpoint"):
        shutil.copy(older / name, data / name)
    begin_again(gateway, line)
    assert "an older copy was put in the place of the history" in gateway.status()["sharing"]
    command(gateway, "consent", "accept", "--yes")
    assert gateway.status()["sharing"] == "stopped"
    command(gateway, "history", "verify")


def test_killed_at_any_moment_nothing_is_taken_for_a_rollback(
    gateway: RunningGateway, line: FedMeter
) -> None:
    for number in range(times(usual=2, long=20)):
        acting = threading.Thread(
            target=gateway.command, args=("stop-switch", "sharing", "off" if number % 2 else "on")
        )
        acting.start()
        time.sleep(0.4 + 0.05 * (number % 6))  # the command begins to act at some moment of these
        gateway.kill()
        acting.join()
        begin_again(gateway, line)
        assert gateway.status()["sharing"] in ("stopped", "nobody has a consent")
        assert gateway.command("consent", "verify").returncode == 0
