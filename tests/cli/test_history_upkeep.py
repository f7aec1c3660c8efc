"""What the owner does by command: how long things are kept, a backup, back from it, and erasing all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.folder.checkpoint import beside
from gateway.history import Period
from gateway.simulator import Household, SimulatedMeter
from tests.running import PASSWORD, FedMeter, RunningGateway, until

START = datetime(2026, 11, 10, 22, 50, tzinfo=UTC)
LATER = "another good password"


@pytest.fixture
def line() -> Iterator[FedMeter]:
    meter = FedMeter()
    yield meter
    meter.close()


@pytest.fixture
def meter() -> SimulatedMeter:
    return SimulatedMeter(Household(5), START)


def recorded(folder: Path, line: FedMeter, meter: SimulatedMeter) -> tuple[RunningGateway, str]:
    """A running gateway that has taken half an hour, and its recovery code."""
    folder.mkdir()
    gateway = RunningGateway(folder, line.address)
    code = gateway.history.claim(PASSWORD)
    gateway.start()
    line.accept()
    for minute in range(31):
        line.send(meter.bytes_at(START + timedelta(minutes=minute)))
    until(lambda: gateway.status()["telegrams"] == 31 and not gateway.status()["history_waiting"])
    return gateway, code


def test_a_backup_made_while_it_runs_is_restored_on_another_gateway(
    tmp_path: Path, line: FedMeter, meter: SimulatedMeter
) -> None:
    here, code = recorded(tmp_path / "here", line, meter)
    stick = tmp_path / "stick"
    stick.mkdir()
    (tmp_path / "code").write_text(code + "\n")
    (tmp_path / "password").write_text(LATER + "\n")
    with closing(here):
        made = json.loads(here.command("history", "backup", "--to", str(stick), "--json").stdout)
        assert here.command("history", "erase", "--yes").returncode == 1  # it runs
        here.stop()
        before = here.unlock(meter.number).usage(Period.QUARTER, START, START + timedelta(minutes=30))
    (tmp_path / "there").mkdir()
    with closing(RunningGateway(tmp_path / "there", line.address)) as there:
        options = ("--code-file", str(tmp_path / "code"))
        number = f"{meter.number}\n"
        passwords = ("--new-password-file", str(tmp_path / "password"))
        damaged = stick / "2026-01-01-000000.p1-backup"
        damaged.write_bytes(Path(made["file"]).read_bytes()[:-9])
        refused = there.command("history", "restore", str(damaged), *options, *passwords, stdin=number)
        assert refused.returncode == 1
        assert "is not a whole backup" in refused.stderr
        answer = there.command("history", "restore", made["file"], *options, *passwords, stdin=number)
        assert answer.returncode == 0, answer.stderr
        assert meter.number not in answer.stdout + answer.stderr
        command_finds_no_rollback(there)
        there.reopen()
        opened = there.unlock(meter.number, LATER)
        assert opened.usage(Period.QUARTER, START, START + timedelta(minutes=30)) == before
        assert there.command("history", "verify").returncode == 0
        for _ in range(2):
            there.start()
            line.accept()
            assert there.status()["sharing"] in ("nobody has a consent", "stopped")
            there.stop()
        command_finds_no_rollback(there)
        again = there.command("history", "restore", made["file"], *options, *passwords, stdin=number)
        assert "already has an owner" in again.stderr


def command_finds_no_rollback(gateway: RunningGateway) -> None:
    checked = gateway.command("consent", "verify")
    assert checked.returncode == 0, checked.stderr


def test_a_backup_is_restored_where_it_was_made_after_an_erase_and_is_no_rollback(
    tmp_path: Path, line: FedMeter, meter: SimulatedMeter
) -> None:
    """The broker and the stick remember what was there before, under the same keys."""
    gateway, code = recorded(tmp_path / "here", line, meter)
    (tmp_path / "code").write_text(code + "\n")
    (tmp_path / "password").write_text(LATER + "\n")
    with closing(gateway):
        gateway.command("stop-switch", "sharing", "on")
        made = json.loads(gateway.command("history", "backup", "--to", str(tmp_path), "--json").stdout)
        gateway.stop()
        key = gateway.config.history.device_key
        stick = beside(key).read_bytes()
        assert gateway.command("history", "erase", "--yes").returncode == 0
        assert not beside(key).exists()
        beside(key).write_bytes(stick)  # a stick that was not plugged in at the erase
        gateway.start()
        line.accept()
        gateway.command("stop-switch", "sharing", "on")  # the ledger of the gateway before its restore
        gateway.stop()
        words = ("--code-file", str(tmp_path / "code"), "--new-password-file", str(tmp_path / "password"))
        restored = gateway.command("history", "restore", made["file"], *words, stdin=f"{meter.number}\n")
        assert restored.returncode == 0, restored.stderr
        for _ in range(2):
            gateway.start()
            line.accept()
            assert gateway.status()["sharing"] == "nobody has a consent"
            command_finds_no_rollback(gateway)
            gateway.stop()


def test_retention_is_shown_chosen_and_carried_out_by_the_running_gateway(
    tmp_path: Path, line: FedMeter, meter: SimulatedMeter
) -> None:
    gateway, _ = recorded(tmp_path / "here", line, meter)
    with closing(gateway):
        shown = gateway.command("history", "retention").stdout
        assert "40 days" in shown
        assert "24 months" in shown
        assert gateway.command("history", "retention", "--trace-days", "0").returncode == 1
        chosen = gateway.command("history", "retention", "--contract-start", "2026-11-12", "--json")
        assert json.loads(chosen.stdout) == {
            "trace_days": 40, "profile_months": 24, "max_size_mb": 500, "contract_start": "2026-11-12",
        }  # fmt: skip
        gateway.stop()
        gateway.start()
        line.accept()
        until(lambda: not days_kept(gateway))


def days_kept(gateway: RunningGateway) -> bool:
    report = json.loads(gateway.command("history", "verify", "--json").stdout)
    return bool(report["data_keys"])


def test_erased_the_gateway_has_no_owner_and_nothing_is_left(
    tmp_path: Path, line: FedMeter, meter: SimulatedMeter
) -> None:
    gateway, _ = recorded(tmp_path / "here", line, meter)
    with closing(gateway):
        gateway.stop()
        unsure = gateway.command("history", "erase", stdin="no\n")
        assert unsure.returncode == 1
        assert gateway.history.claimed
        erased = gateway.command("history", "erase", stdin="erase\n")
        assert erased.returncode == 0, erased.stderr
        left = [found.name for found in gateway.config.history.data_dir.iterdir()]
        assert left == ["lock"]
        assert not gateway.config.history.device_key.exists()
