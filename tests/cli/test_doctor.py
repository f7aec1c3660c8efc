"""`p1-gateway doctor`, as the owner runs it: a real pty, a real process, plain words and an exit status."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.doctor import judge_status
from gateway.meter import open_source
from gateway.meter.findings import Grade
from gateway.meter.source import SourceKind
from gateway.p1.cipher import MeterKey, encrypt
from gateway.p1.telegram import Telegram, serialize
from tests import made_up
from tests.pty_meter import PtyMeter, nonsense
from tests.running import COMMAND, FedMeter, RunningGateway, until

FAST, SLOW = "115200 8N1", "9600 7E1"
NUMBER = "E0047001234567890"
KEY = "0F" * 16
HDLC = b"\x7e\xa0\x0a" + b"\x01\x02\x01\x10\x5a\x87\x34\x00" + b"\x7e"


def telegram(_: int = 0) -> bytes:
    time = datetime.now(UTC).strftime("%y%m%d%H%M%S")
    lines = (
        ("1-3:0.2.8", "(50)"),
        ("0-0:1.0.0", f"({time}W)"),
        ("0-0:96.1.1", f"({NUMBER.encode().hex().upper()})"),
        ("1-0:1.8.1", "(002074.842*kWh)"),
        ("1-0:1.7.0", "(01.193*kW)"),
    )
    return serialize(Telegram("XYZ5\\TEST", lines))


def encrypted(counter: int) -> bytes:
    return bytes(encrypt(telegram(), MeterKey.parse(KEY), b"XYZ\0\0\0\0\1", counter))


class Doctor:
    """Runs the command on a configuration of its own. `dev` is the machine's /dev as it sees it."""

    def __init__(self, folder: Path) -> None:
        self.port = folder / "port"
        self.dev = folder / "dev"
        self.dev.mkdir()
        self.config = folder / "gateway.toml"
        self._data = folder / "data"
        self.key = folder / "key"

    def ask(self, source: str | Path, more: str = "", seconds: float = 1) -> tuple[int, dict[str, Any], str]:
        """Exit status, findings by subject, and all that was said. Time zone: UTC, so that W is UTC."""
        self.config.write_text(
            f'[meter]\nsource = "{source}"\n{more}\n'
            f'[history]\ndata_dir = "{self._data}"\ndevice_key = "{self._data / "key"}"\ntimezone = "UTC"\n'
        )
        ran = subprocess.run(
            [
                *COMMAND, "doctor", "--json", "--seconds", str(seconds),
                "--config", str(self.config), "--dev", str(self.dev),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )  # fmt: skip
        assert not ran.stderr
        for secret in (NUMBER, KEY, "2074", "1193", "01.193"):
            assert secret not in ran.stdout
        told = json.loads(ran.stdout)
        assert told["ok"] is (ran.returncode == 0)
        return ran.returncode, {one["subject"]: one for one in told["findings"]}, ran.stdout


@pytest.fixture
def doctor(tmp_path: Path) -> Doctor:
    return Doctor(tmp_path)


def wrong(findings: dict[str, Any]) -> dict[str, str]:
    return {
        subject: one["sentence"] + " " + one["remedy"]
        for subject, one in findings.items()
        if one["grade"] == "wrong"
    }


@pytest.mark.parametrize("setting", [FAST, SLOW])
def test_a_good_meter_at_either_speed_is_well(doctor: Doctor, setting: str) -> None:
    with PtyMeter(doctor.port, telegram, setting):
        status, findings, _ = doctor.ask(doctor.port, seconds=5)
    assert (status, wrong(findings)) == (0, {})
    assert findings["speed"]["sentence"] == f"The meter is understood at {setting}."
    assert "the Netherlands, DSMR 5.0" in findings["telegrams"]["sentence"]


@pytest.mark.parametrize(
    ("speaks", "subject", "said"),
    [
        (lambda _: b"", "bytes", "Nothing comes from the meter. Push both ends"),
        (lambda number: nonsense(400, number), "speed", "they make no sense"),
        (lambda _: HDLC, "telegrams", "speaks DLMS in HDLC frames, not P1. It is not supported"),
        (encrypted, "encryption", "no key is configured. Ask the grid operator for the key"),
        (
            lambda number: telegram() if number % 3 else telegram().replace(b"kWh", b"kW\xb2"),
            "damage",
            "altered on the way. As a rule it is the cable or the power supply",
        ),
    ],
    ids=["silence", "nonsense", "hdlc", "encrypted", "damaged"],
)
def test_what_is_wrong_on_the_line_is_said_and_the_status_is_1(
    doctor: Doctor, speaks: Callable[[int], bytes], subject: str, said: str
) -> None:
    with PtyMeter(doctor.port, speaks):
        status, findings, _ = doctor.ask(doctor.port, seconds=1.5)
    assert status == 1
    assert list(wrong(findings)) == [subject]
    assert said in wrong(findings)[subject]


def test_an_encrypted_meter_is_well_with_its_key_and_told_of_a_wrong_one(doctor: Doctor) -> None:
    doctor.key.touch(mode=0o600)
    setting = f'key_file = "{doctor.key}"'
    with PtyMeter(doctor.port, encrypted):
        doctor.key.write_text(KEY)
        assert doctor.ask(doctor.port, setting, 5)[0] == 0
        doctor.key.write_text("0E" * 16)
        status, findings, _ = doctor.ask(doctor.port, setting, 5)
        assert (status, list(wrong(findings))) == (1, ["encryption"])
        doctor.key.chmod(0o604)
        assert "chmod 600" in wrong(doctor.ask(doctor.port, setting, 5)[1])["key"]


def test_a_configured_speed_that_is_wrong_is_said_with_the_right_one(doctor: Doctor) -> None:
    with PtyMeter(doctor.port, telegram, FAST):
        status, findings, _ = doctor.ask(doctor.port, f'serial = "{SLOW}"', 5)
    assert status == 1
    assert f"understood at {FAST}, but {SLOW} is configured" in wrong(findings)["speed"]


def test_a_language_of_another_speed_is_recognised(doctor: Doctor) -> None:
    with PtyMeter(doctor.port, lambda _: HDLC * 9, "2400 8E1"):
        assert "DLMS in HDLC" in wrong(doctor.ask(doctor.port, seconds=2)[1])["telegrams"]


def test_no_port_one_port_and_several(doctor: Doctor) -> None:
    status, findings, _ = doctor.ask("auto")
    assert (status, list(wrong(findings))) == (1, ["port"])
    assert "plug the P1 cable" in wrong(findings)["port"]
    by_id = doctor.dev / "serial" / "by-id"
    by_id.mkdir(parents=True)
    with PtyMeter(by_id / "usb-FTDI_P1_Cable-if00-port0", telegram):
        status, findings, _ = doctor.ask("auto", seconds=5)
        assert (status, wrong(findings)) == (0, {})
        assert str(by_id / "usb-FTDI_P1_Cable-if00-port0") in findings["port"]["sentence"]
        (by_id / "usb-Zigbee_Stick-if00").touch()
        asked = wrong(doctor.ask("auto")[1])["port"]
    assert "only you know" in asked
    assert "(FTDI P1 Cable)" in asked
    assert f'\nsource = "{by_id}/usb-Zigbee_Stick-if00"' in asked


def test_a_port_that_another_program_reads(doctor: Doctor) -> None:
    with PtyMeter(doctor.port, telegram), closing(open_source(str(doctor.port))):
        assert "Another program is reading" in wrong(doctor.ask(doctor.port)[1])["port"]


def test_a_capture_is_judged_whole_and_its_clock_may_be_any(doctor: Doctor, tmp_path: Path) -> None:
    capture = tmp_path / "capture.bin"
    old = Telegram("XYZ5\\TEST", (("0-0:1.0.0", "(200101120000W)"), ("0-0:96.1.1", "(4142)")))
    capture.write_bytes(serialize(old) * 3)
    status, findings, _ = doctor.ask(capture.as_uri())
    assert status == 0
    assert findings["clock"]["grade"] == "ok"
    capture.write_bytes(b"")
    assert doctor.ask(capture.as_uri())[0] == 1


def test_a_mistake_in_the_configuration_is_what_is_wrong(doctor: Doctor) -> None:
    status, findings, _ = doctor.ask("auto", "colour = 1")
    assert (status, list(findings)) == (1, ["configuration"])
    assert "there is no setting in [meter] called colour" in wrong(findings)["configuration"]


def test_in_words_each_finding_has_a_mark_and_what_to_do(doctor: Doctor, tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(f'[meter]\nsource = "{tmp_path}/nowhere"\n[history]\ndata_dir = "{tmp_path}/data"\n')
    ran = subprocess.run(
        [*COMMAND, "doctor", "--config", str(config)], capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 1
    assert ran.stdout.startswith("ok     configuration  ")
    assert "\nwrong  port           There is no" in ran.stdout
    assert ran.stdout.endswith("Something is wrong: see above what to do.\n")
    assert max(map(len, ran.stdout.splitlines())) <= 120


def test_a_web_address_is_answered_with_what_is_possible(doctor: Doctor) -> None:
    status, findings, said = doctor.ask("http://me:hunter2@192.168.1.20/api")
    assert (status, list(wrong(findings))) == (1, ["port"])
    assert "write tcp://host:port" in wrong(findings)["port"]
    assert "hunter2" not in said


def test_what_a_network_reader_damages_or_does_not_send_is_no_cable_of_this_machine(doctor: Doctor) -> None:
    for sent in (b"", telegram() + telegram().replace(b"kWh", b"kW\xb2") + telegram()):
        meter = FedMeter()
        try:
            feeding = threading.Thread(target=meter.send, args=(sent,))  # waits for the doctor to connect
            feeding.start()
            _, findings, said = doctor.ask(meter.address)
            feeding.join()
        finally:
            meter.close()
        assert ("damage" if sent else "bytes") in wrong(findings)
        assert "network reader" in said
        assert not re.search("cable|plug|push", said, re.IGNORECASE)


def test_a_running_gateway_is_asked_and_its_port_left_alone(tmp_path: Path) -> None:
    meter = FedMeter()
    gateway = RunningGateway(tmp_path, meter.address, broker=False)
    try:
        gateway.start()
        meter.accept()
        silent = gateway.command("doctor")
        assert silent.returncode == 1
        assert "The gateway receives nothing from the meter." in silent.stdout
        meter.send(telegram())
        until(lambda: gateway.status()["telegrams"])
        well = gateway.command("doctor")
        assert "Telegrams arrive: 1 since" in well.stdout
        assert well.returncode == 0
        meter.send(telegram().replace(b"kWh", b"kWx"))
        until(lambda: gateway.status()["damaged"])
        assert gateway.command("doctor").returncode == 1
    finally:
        gateway.close()
        meter.close()


@pytest.mark.parametrize(
    ("status", "grades"),
    [
        ({"telegrams": 9}, {"telegrams": Grade.GOOD}),
        (
            {"telegrams": 9999, "faults": {"checksum_mismatch": 1}},
            {"telegrams": Grade.GOOD, "damage": Grade.NOTE},
        ),
        (
            {"telegrams": 90, "faults": {"checksum_mismatch": 4, "telegram_cut": 6}, "fault": "gone"},
            {"telegrams": Grade.GOOD, "fault": Grade.WRONG, "damage": Grade.WRONG},
        ),
        (
            {
                "telegrams": 9999,
                "faults": {"checksum_mismatch": 1},
                "fault": "checksum says no",
                "fault_kind": "checksum_mismatch",
            },
            {"telegrams": Grade.GOOD, "damage": Grade.NOTE},
        ),
        ({"telegrams": 90, "faults": {"malformed_telegram": 50}}, {"telegrams": Grade.GOOD}),
        ({"meter": "silent", "fault": "gone"}, {"telegrams": Grade.WRONG}),
        ({"meter": "silent"}, {"telegrams": Grade.WRONG}),
    ],
)
def test_what_a_running_gateway_says_is_judged(status: dict[str, Any], grades: dict[str, Grade]) -> None:
    findings = judge_status(made_up.status(**status), SourceKind.SERIAL)
    found = {finding.subject: finding.grade for finding in findings}
    assert found == {"gateway": Grade.GOOD, **grades}
