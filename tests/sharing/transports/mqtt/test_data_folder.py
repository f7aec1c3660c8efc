"""The whole data folder, as a thief of the card sees it: nothing in it can be read."""

from __future__ import annotations

import logging
import subprocess
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from stat import S_IMODE

import pytest

from gateway.consent import Category, Granularity
from gateway.history import (
    DeviceKey,
    HiddenFile,
    Row,
)
from gateway.history.recording.writer import Batch
from gateway.history.records.varint import varint
from gateway.sharing.transports.mqtt import BrokerSecrets
from tests.history.sealed import sealed
from tests.made_up import GAS_NUMBER, NOON, NUMBER, PASSWORD, reading
from tests.sharing.conftest import OWN, Broker, Gateway

RECIPIENT, PURPOSE = "Stichting Zonnewijzer", "advice on a heat pump"
REGISTER, LITRES, WATTS = 987_654_321, 876_543_219, 765_432
MINUTE = timedelta(minutes=1)


def recorded(folder: Path, device_key: DeviceKey) -> tuple[list[Row], str]:
    """Two hours in the history; returns the rows, and the recovery code."""
    history = sealed(folder / "history.db", device_key)
    code = history.claim(PASSWORD)
    batches: list[Batch] = []
    rows: list[Row] = []
    recorder = history.recorder(batches.append, MINUTE)
    for n in range(120):
        at = NOON + n * MINUTE
        read = reading(at, gas=(at, LITRES), energy_import_t1_wh=REGISTER, power_import_w=WATTS)
        rows += recorder.record(read)
    with closing(history.open_writer()) as writer:
        writer.write(*batches)
    return rows, code


def forms(number: int) -> list[bytes]:
    """A register's value as it might stand in a file."""
    digits = str(number)
    return [
        digits.encode(),
        f"{digits[:-3]}.{digits[-3:]}".encode(),
        *(number.to_bytes(size, order) for size in (4, 8) for order in ("big", "little")),
        varint(number),
    ]


def legible(secrets: list[bytes], file: Path) -> list[bytes]:
    raw = file.read_bytes()
    printable = subprocess.run(
        ["strings", "-a", "-n", "4", str(file)], capture_output=True, check=True
    ).stdout
    wide = subprocess.run(["strings", "-a", "-e", "l", str(file)], capture_output=True, check=True).stdout
    return [secret for secret in secrets if secret in raw or secret in printable or secret in wide]


@pytest.fixture
def filled(
    gateway: Gateway,
    broker: Broker,
    tmp_path: Path,
    device_key: DeviceKey,
    caplog: pytest.LogCaptureFixture,
) -> tuple[list[Path], list[bytes]]:
    """Everything that a gateway keeps, while it runs: the files, and what may not be read in them."""
    caplog.set_level(logging.DEBUG)
    BrokerSecrets.load_or_create(HiddenFile(tmp_path / "hidden" / "broker", device_key))
    rows, code = recorded(tmp_path, device_key)
    everything = dict.fromkeys((Category.ELECTRICITY, Category.GAS, Category.IDENTITY), Granularity.QUARTER)
    _, credentials = gateway.grant(everything, recipient=RECIPIENT, purpose=PURPOSE)
    gateway.connect()
    broker.stop()
    for row in rows:
        gateway.dispatcher.offer_row(row)  # these wait in the outbox
    assert gateway.outbox.waiting()
    gateway.disclosures.save()
    files = [file for file in tmp_path.rglob("*") if file.is_file() and file != broker.folder / "log"]
    secrets = [
        PASSWORD.encode(), code.encode(), code.replace("-", "").encode(), credentials["password"].encode(),
        OWN.publisher.encode(), OWN.administrator.encode(),
        *(written for number in (NUMBER, GAS_NUMBER)
          for written in (number.encode(), number.encode().hex().encode(), number.encode("utf-16-le"))),
        *forms(REGISTER), *forms(LITRES), RECIPIENT.encode(), PURPOSE.encode(),
    ]  # fmt: skip
    return files, secrets


def test_no_number_register_password_recovery_code_recipient_or_purpose_can_be_read_in_any_file(
    filled: tuple[list[Path], list[bytes]],
) -> None:
    files, secrets = filled
    assert {
        "history.db",
        "ledger.jsonl",
        "outbox",
        "newest",
        "disclosures",
        "broker",
        "dynamic-security.json",
    } <= {file.name for file in files}
    assert {file.name: found for file in files if (found := legible(secrets, file))} == {}


def test_the_search_itself_finds_what_is_legible(tmp_path: Path) -> None:
    file = tmp_path / "plain"
    for form in (*forms(REGISTER), NUMBER.encode("utf-16-le")):
        file.write_bytes(b"\0\1" + form + b"\2\0")
        assert legible([form], file) == [form]


def test_every_file_is_for_this_user_only(filled: tuple[list[Path], list[bytes]]) -> None:
    files, _ = filled
    assert {
        file.name: oct(S_IMODE(file.stat().st_mode)) for file in files if file.stat().st_mode & 0o077
    } == {}


def test_what_the_gateway_sends_and_keeps_is_told_to_no_log(
    filled: tuple[list[Path], list[bytes]], caplog: pytest.LogCaptureFixture, broker: Broker
) -> None:
    _, secrets = filled
    said = (
        "\n".join(record.getMessage() for record in caplog.get_records("setup")).encode()
        + broker.log().encode()
    )
    assert b"p1-publisher" in said
    assert b"connected to the MQTT broker" in said
    assert [secret for secret in secrets if len(secret) > 8 and secret in said] == []
