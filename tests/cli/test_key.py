"""Keys and checks by command: beside the running gateway, and where none runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.errors import CannotUnlock
from gateway.folder.data_folder import open_folder
from gateway.history import SealedHistory
from gateway.history.keys.keyring import COST_IN_TESTS
from gateway.operations import Gateway
from gateway.simulator import Household, SimulatedMeter
from tests.history.recording import record, steady, tamper
from tests.made_up import NUMBER
from tests.running import PASSWORD, FedMeter, RunningGateway, until

NEW = "another password"


@pytest.fixture
def line() -> Iterator[FedMeter]:
    meter = FedMeter()
    yield meter
    meter.close()


@pytest.fixture
def gateway(tmp_path: Path, line: FedMeter) -> Iterator[RunningGateway]:
    """Claimed, with some hours of history; not running."""
    gateway = RunningGateway(tmp_path, line.address, broker=False)
    gateway.history.claim(PASSWORD)
    begin = datetime(2026, 6, 10, 12, tzinfo=UTC)
    record(gateway.history, steady(begin, begin + timedelta(hours=3), timedelta(minutes=5)))
    yield gateway
    gateway.close()


def secret_file(folder: Path, secret: str) -> str:
    path = folder / f"secret {abs(hash(secret))}"
    path.write_text(secret + "\n")
    return str(path)


def opens(gateway: RunningGateway, password: str, number: str = NUMBER) -> bool:
    """Whether a gateway that starts now opens for this password."""
    paths = open_folder(gateway.config)
    try:
        SealedHistory(
            paths.history_path,
            paths.keys,
            gateway.config.history.zone,
            COST_IN_TESTS,
        ).unlock(number, password)
    except CannotUnlock:
        return False
    return True


def test_keys_are_renewed_while_no_gateway_runs(gateway: RunningGateway, tmp_path: Path) -> None:
    before = gateway.config.history.device_key.read_bytes()
    done = gateway.command(
        "key", "renew", "--password-file", secret_file(tmp_path, PASSWORD), stdin=NUMBER + "\n"
    )
    assert done.returncode == 0, done.stderr
    assert "recovery code, shown this once" in done.stdout
    assert gateway.config.history.device_key.read_bytes() != before
    assert opens(gateway, PASSWORD)
    code = re.search(r"^  ([A-Z2-7-]+)$", done.stdout, re.MULTILINE)
    assert code is not None
    recovered = gateway.command(
        "key", "recover", "--code-file", secret_file(tmp_path, code[1]),
        "--new-password-file", secret_file(tmp_path, NEW), stdin=NUMBER + "\n",
    )  # fmt: skip
    assert recovered.returncode == 0, recovered.stderr
    assert (opens(gateway, NEW), opens(gateway, PASSWORD)) == (True, False)


def test_the_running_gateway_renews_and_goes_on_recording(
    gateway: RunningGateway, line: FedMeter, tmp_path: Path
) -> None:
    gateway.start()
    line.accept()
    meter = SimulatedMeter(Household(1), datetime(2026, 1, 1, tzinfo=UTC))
    start = datetime(2026, 6, 20, 12, tzinfo=UTC)
    for second in range(5):
        line.send(meter.bytes_at(start + timedelta(seconds=second)))
    until(lambda: gateway.status()["telegrams"] >= 5)
    number = gateway.ask(Gateway.meter_number)  # of the meter that has just replaced the recorded one
    assert number is not None
    renewed = gateway.command("key", "renew", "--password-file", secret_file(tmp_path, PASSWORD))
    assert renewed.returncode == 0, renewed.stderr
    told = json.loads(gateway.command("key", "status", "--json").stdout)
    assert (told["claimed"], told["due"]) == (True, False)
    changed = gateway.command(
        "key", "change-password", "--password-file", secret_file(tmp_path, PASSWORD),
        "--new-password-file", secret_file(tmp_path, NEW),
    )  # fmt: skip
    assert changed.returncode == 0, changed.stderr
    for second in range(5, 10):
        line.send(meter.bytes_at(start + timedelta(seconds=second)))
    until(lambda: gateway.status()["telegrams"] >= 10)
    assert gateway.stop() == 0
    assert opens(gateway, NEW, number)
    whole = gateway.command("history", "verify", "--password-file", secret_file(tmp_path, NEW), stdin=number)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert number not in gateway.log()
    assert PASSWORD not in gateway.log()


@pytest.mark.parametrize("words", [("renew",), ("change-password", "--new-password-file", "NEW")])
def test_a_wrong_password_is_told_in_a_sentence(
    gateway: RunningGateway, tmp_path: Path, words: tuple[str, ...]
) -> None:
    given = [secret_file(tmp_path, NEW) if word == "NEW" else word for word in words]
    wrong = secret_file(tmp_path, "not the password")
    done = gateway.command("key", *given, "--password-file", wrong, stdin=NUMBER + "\n")
    assert done.returncode == 1
    assert "p1-gateway: meter number, password and device key do not open this history" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("running", [True, False])
def test_a_common_password_is_refused_in_a_sentence_and_the_old_one_stays(
    gateway: RunningGateway, tmp_path: Path, running: bool
) -> None:
    if running:
        gateway.start()
    code = tmp_path / "code"
    code.write_text("AAAA-AAAA\n")
    common = secret_file(tmp_path, "welkom1234")
    for words in (
        ("change-password", "--password-file", secret_file(tmp_path, PASSWORD)),
        ("recover", "--code-file", str(code)),
    ):
        done = gateway.command("key", *words, "--new-password-file", common, stdin=NUMBER + "\n")
        assert done.returncode == 1
        assert "p1-gateway: many people use this password" in done.stderr
        assert "Traceback" not in done.stderr
    assert opens(gateway, PASSWORD)


def test_a_second_gateway_on_the_same_folder_is_refused(gateway: RunningGateway) -> None:
    gateway.start()
    second = gateway.command("run")
    assert second.returncode == 1
    assert "another gateway process works with this data folder" in second.stderr
    assert gateway.status()["claimed"]  # the first one still answers


def test_verify_says_what_was_removed_and_fails(gateway: RunningGateway) -> None:
    whole = gateway.command("history", "verify")
    assert (whole.returncode, whole.stdout[:20]) == (0, "The history is whole")
    tamper(gateway.config.history.data_dir / "history.db", "DELETE FROM trace_block WHERE id > 2")
    cut = gateway.command("history", "verify")
    assert cut.returncode == 1
    assert "wrong            2026-06-10: " in cut.stdout
    assert "trace blocks were removed" in cut.stdout
    as_json = gateway.command("history", "verify", "--json")
    assert (as_json.returncode, len(json.loads(as_json.stdout)["findings"])) == (1, 1)


def test_an_older_copy_of_the_history_is_told_at_the_start_and_in_the_status(gateway: RunningGateway) -> None:
    database = gateway.config.history.data_dir / "history.db"
    older = database.read_bytes()
    begin = datetime(2026, 6, 20, 12, tzinfo=UTC)
    record(gateway.history, steady(begin, begin + timedelta(hours=1), timedelta(minutes=5)))
    for file in database.parent.glob("history.db*"):
        file.unlink()
    database.write_bytes(older)
    gateway.start()
    sentence = "an older copy of the history was put in its place: it ends on 2026-06-10"
    assert sentence in gateway.log()
    assert gateway.status()["history_fault"].startswith(sentence)
    assert sentence in gateway.command("status").stdout
