"""The whole way with real parts: simulator, pty, gateway, Mosquitto, recipient, commands."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.clock import utc_now
from gateway.consent import DisclosureLog
from gateway.folder.data_folder import open_folder
from gateway.sharing.transports.mqtt import BrokerSecrets
from gateway.sharing.transports.mqtt.access import ManagedAccess
from gateway.simulator import Household, SimulatedMeter
from tests import made_up
from tests.running import COMMAND, PASSWORD, FedMeter, Recipient, RunningGateway, Visitor, until


@contextmanager
def simulator(link: Path) -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen([*COMMAND, "simulate", "--pty", str(link), "--seed", "4"])
    try:
        until(link.exists)
        yield started
    finally:
        started.terminate()
        assert started.wait(10) == 0


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[RunningGateway]:
    running = RunningGateway(tmp_path, str(tmp_path / "meter"))
    running.history.claim(PASSWORD)
    yield running
    running.close()


@pytest.fixture
def fed(tmp_path: Path) -> Iterator[tuple[RunningGateway, FedMeter]]:
    """A running gateway without a broker, and the meter that the test feeds it from."""
    line = FedMeter()
    running = RunningGateway(tmp_path, line.address, broker=False)
    running.history.claim(PASSWORD)
    running.start()
    line.accept()
    yield running, line
    running.close()
    line.close()


def test_a_telegram_goes_from_the_serial_line_to_the_one_who_has_consent(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    with simulator(tmp_path / "meter"):
        gateway.start()
        until(lambda: gateway.status()["telegrams"] >= 2)
        assert gateway.status()["transports"]["mqtt"] == "not connected"  # nobody has a consent

        granted = gateway.command(
            "consent", "grant", "--recipient", "Energy app", "--purpose", "plan the day",
            "--allow", "power=live", "--interval", "5", "--yes", "--json",
        )  # fmt: skip
        consent = json.loads(granted.stdout)
        topic = f"p1/{consent['username']}/live"
        with closing(
            Recipient(
                gateway.broker_port, consent["username"], consent["password"], consent["topic"], tmp_path
            )
        ) as recipient:
            until(lambda: len(recipient.of(topic)) >= 3, seconds=30)
            withdrawn_at = time.monotonic()
            assert gateway.command("consent", "withdraw", consent["consent"]).returncode == 0
            # The command itself takes most of this time to start.
            assert recipient.wait_until_gone(10) - withdrawn_at < 5

        arrived = recipient.of(topic)
        for (earlier, _), (later, _) in pairwise(arrived):
            assert later - earlier > 4.5  # the meter's seconds are exact, their arrival is not
        for _, message in arrived:
            assert message["simulated"] is True
            assert set(message) == {"timestamp", "simulated", "power_w", "power_import_w", "power_export_w"}
        until(lambda: gateway.status()["transports"]["mqtt"] == "not connected")

        receipt = json.loads(gateway.command("consent", "receipt", consent["consent"]).stdout)
        assert [event["event"] for event in receipt["events"]] == [
            "requested",
            "given",
            "withdrawn",
            "cut off",
        ]
        assert consent["password"] not in gateway.log()


def test_a_withdrawal_while_the_broker_hangs_lets_one_live_message_through_at_most(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    with simulator(tmp_path / "meter"):
        gateway.start()
        until(lambda: gateway.status()["telegrams"] >= 2)
        consent = grant(gateway, interval=1)
        topic = f"p1/{consent['username']}/live"
        with closing(recipient_of(gateway, consent, tmp_path)) as recipient:
            until(lambda: len(recipient.of(topic)) >= 3, seconds=30)
            with gateway.broker_hanging():
                time.sleep(6)
                before = len(recipient.of(topic))
                told = gateway.command("consent", "withdraw", consent["consent"])
                assert told.returncode == 0
                assert "nothing more is sent from here" in told.stdout
                assert "tried again until it is done" in told.stdout
                assert "being cut off" in gateway.command("consent", "list").stdout
                assert connections_to(gateway.broker_port, gateway.pid) <= 1  # the administrator's tries
                time.sleep(2)
            recipient.wait_until_gone(15)
            assert len(recipient.of(topic)) - before <= 1
        until(lambda: "being cut off" not in gateway.command("consent", "list").stdout)
        listed = json.loads(gateway.command("consent", "list", "--json").stdout)
        assert [(one["state"], one["being_cut_off"]) for one in listed] == [("withdrawn", False)]


def test_the_page_says_what_a_withdrawal_has_done_and_what_it_still_tries(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    with simulator(tmp_path / "meter"):
        gateway.start()
        until(lambda: gateway.status()["telegrams"] >= 2)
        consent = grant(gateway, interval=1)
        page = Visitor(gateway.page_port)
        page.post("/sign-in", password=PASSWORD)
        with gateway.broker_hanging():
            time.sleep(2)
            told = page.post(f"/sharing/{consent['consent']}/withdraw")
            assert "Withdrawn. Nothing is sent from here any more." in told
            assert "Being cut off" in told
        until(lambda: "Being cut off" not in page.get(f"/sharing/{consent['consent']}"))


def grant(gateway: RunningGateway, interval: int) -> dict[str, str]:
    granted = gateway.command(
        "consent", "grant", "--recipient", "Energy app", "--purpose", "plan the day",
        "--allow", "power=live", "--interval", str(interval), "--yes", "--json",
    )  # fmt: skip
    credentials: dict[str, str] = json.loads(granted.stdout)
    return credentials


def recipient_of(gateway: RunningGateway, consent: dict[str, str], folder: Path) -> Recipient:
    return Recipient(gateway.broker_port, consent["username"], consent["password"], consent["topic"], folder)


def connections_to(port: int, pid: int) -> int:
    """How many sockets this process has open to a port of this machine."""
    listed = subprocess.run(["ss", "-Htnp"], capture_output=True, text=True, check=True).stdout
    return sum(line.split()[4].endswith(f":{port}") and f"pid={pid}," in line for line in listed.splitlines())


def test_a_gateway_that_is_killed_loses_a_second_of_its_counts_at_most_and_marks_the_gap(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    with simulator(tmp_path / "meter"):
        gateway.start()
        until(lambda: gateway.status()["telegrams"] >= 2)
        consent = grant(gateway, interval=1)
        topic = f"p1/{consent['username']}/live"
        with closing(recipient_of(gateway, consent, tmp_path)) as recipient:
            until(lambda: len(recipient.of(topic)) >= 5, seconds=30)
            gateway.kill()
            time.sleep(0.5)
            arrived = len(recipient.of(topic))
        paths = open_folder(gateway.config)
        log = DisclosureLog(paths.hidden("disclosures"), utc_now, paths.hidden("disclosures-since"))
        (counted,) = log.of(consent["consent"])
        assert arrived - 1 <= counted.messages <= arrived + 1
        assert len(log.gaps()) == 1


def test_who_could_enter_the_broker_without_a_consent_is_put_out_at_the_start(
    gateway: RunningGateway,
) -> None:
    paths = open_folder(gateway.config)
    own = BrokerSecrets.load_or_create(paths.hidden("broker"))
    access = ManagedAccess("127.0.0.1", gateway.broker_port, own.administrator)
    access.admit(made_up.served())
    gateway.start()

    def known() -> bool:
        return made_up.consent().id in (paths.broker / "dynamic-security.json").read_text()

    assert known()
    until(lambda: not known())
    assert gateway.broker_uid != 0


def test_a_line_that_is_cut_off_and_comes_back_is_read_on(gateway: RunningGateway, tmp_path: Path) -> None:
    gateway.start()
    until(lambda: "there is no" in gateway.log())
    with simulator(tmp_path / "meter"):
        until(lambda: gateway.status()["telegrams"] >= 1)
    until(lambda: gateway.status()["fault"] is not None)
    with simulator(tmp_path / "meter"):
        until(lambda: gateway.status()["fault"] is None, seconds=30)


def test_history_is_exported_with_the_owners_password_and_not_without(
    fed: tuple[RunningGateway, FedMeter], tmp_path: Path
) -> None:
    gateway, line = fed
    begin = datetime(2026, 11, 9, 23, tzinfo=UTC)
    meter = SimulatedMeter(Household(2), begin)
    times = [begin + timedelta(minutes=15 * n) for n in range(4 * 24 + 1)]
    line.send(b"".join(map(meter.bytes_at, times)))
    until(lambda: gateway.status()["telegrams"] == len(times))
    gateway.stop()

    words = ("history", "export", "--period", "hour", "--from", "2026-11-10", "--to", "2026-11-10")
    password = tmp_path / "password"
    password.write_text(PASSWORD + "\n")
    exported = gateway.command(*words, "--password-file", str(password), stdin=meter.number + "\n")
    hours = list(csv.DictReader(io.StringIO(exported.stdout)))
    assert exported.returncode == 0
    assert len(hours) == 24
    used = meter.reading_at(times[-1]).quantities, meter.reading_at(times[0]).quantities
    registers = ("energy_import_t1_wh", "energy_import_t2_wh")
    expected = sum(used[0][name] - used[1][name] for name in registers)
    assert sum(float(hour["import_kwh"]) for hour in hours) == pytest.approx(expected / 1000)

    password.write_text("another password\n")
    refused = gateway.command(*words, "--password-file", str(password), stdin=meter.number + "\n")
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr.splitlines()[-1].startswith("Meter number")
    assert "do not open this history together" in refused.stderr


def test_without_a_broker_a_consent_is_refused_in_a_sentence_and_reading_goes_on(
    fed: tuple[RunningGateway, FedMeter],
) -> None:
    gateway, line = fed
    refused = gateway.command(
        "consent", "grant", "--recipient", "app", "--purpose", "x", "--allow", "gas=day", "--yes"
    )
    assert refused.returncode == 1
    assert refused.stderr.startswith("p1-gateway: the MQTT broker at 127.0.0.1")
    assert "Traceback" not in refused.stderr
    meter = SimulatedMeter(Household(2), datetime(2026, 11, 9, 23, tzinfo=UTC))
    line.send(meter.bytes_at(datetime(2026, 11, 10, 12, tzinfo=UTC)))
    until(lambda: gateway.status()["telegrams"] == 1)


def test_an_hour_of_telegrams_is_made_and_decoded() -> None:
    made = subprocess.run(
        [*COMMAND, "simulate", "--count", "3600", "--speed", "0", "--stdout"],
        stdout=subprocess.PIPE,
        check=True,
    )
    decoded = subprocess.run([*COMMAND, "decode"], input=made.stdout, capture_output=True, check=True)
    readings = [json.loads(text) for text in decoded.stdout.splitlines()]
    assert len(readings) == 3600
    assert {reading["simulated"] for reading in readings} == {True}
    assert decoded.stderr == b""


def test_decode_tells_what_it_rejects_and_why(tmp_path: Path) -> None:
    meter = SimulatedMeter(Household(2), datetime(2026, 11, 9, 23, tzinfo=UTC))
    telegrams = [meter.bytes_at(datetime(2026, 11, 10, 12, 0, s, tzinfo=UTC)) for s in range(4)]
    damaged = telegrams[1].replace(b"kWh", b"kVh", 1)
    stream = b"\x00noise" + telegrams[0] + damaged + telegrams[2][:300] + telegrams[3]
    decoded = subprocess.run([*COMMAND, "decode"], input=stream, capture_output=True, check=False)
    assert decoded.returncode == 1
    assert len(decoded.stdout.splitlines()) == 2
    told = decoded.stderr.decode().splitlines()
    assert told[0].startswith("rejected: checksum says")
    assert told[1] == "rejected: the telegram was cut off after 300 bytes"
    assert told[2] == "5 bytes belonged to no telegram"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[meter\n", "is not valid TOML"),
        ('[meter]\nsorce = "x"\n', "did you mean source?"),
        ("[page]\nport = 99999\n", "page.port must be from 1 to 65535"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_told_in_one_sentence(
    tmp_path: Path, text: str, sentence: str
) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(text)
    run = subprocess.run(
        [*COMMAND, "run", "--config", str(path)], capture_output=True, text=True, check=False, timeout=30
    )
    assert run.returncode == 1
    assert sentence in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_a_device_key_that_is_not_plugged_in_is_asked_for_and_not_made_anew(
    gateway: RunningGateway,
) -> None:
    key = gateway.config.history.device_key
    unplugged = key.rename(key.with_suffix(".elsewhere"))
    for words in (("run",), ("consent", "list")):
        told = gateway.command(*words)
        assert told.returncode == 1
        assert told.stderr == f"p1-gateway: the device key {key} cannot be read: No such file or directory\n"
    assert not key.exists()
    unplugged.rename(key)
    assert gateway.command("consent", "list").returncode == 0


def test_commands_say_so_when_the_gateway_does_not_run(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(f'[history]\ndata_dir = "{tmp_path}"\ndevice_key = "{tmp_path / "key"}"\n')
    asked = subprocess.run(
        [*COMMAND, "status", "--config", str(path)], capture_output=True, text=True, check=False, timeout=30
    )
    assert asked.returncode == 1
    assert asked.stderr == "p1-gateway: the gateway is not running (or uses another data folder)\n"
