"""`p1-gateway simulate`: what its options do, what it says, and that others read what it sends."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import serial
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.history import Period
from gateway.p1 import (
    Decoder,
    Decryptor,
    Frame,
    Framer,
    Reading,
)
from gateway.simulator.dialects import DIALECTS
from gateway.simulator.faults import FAULTS
from gateway.simulator.homes import HOMES
from gateway.simulator.meter import DEVELOPMENT_KEY
from tests.ports import free_port
from tests.running import COMMAND, PASSWORD, RunningGateway, until

START = "2026-01-15T12:00:00"
AT = datetime(2026, 1, 15, 11, tzinfo=UTC)
IMPORT = ("energy_import_t1_wh", "energy_import_t2_wh")
FIXED = ("--start", START, "--installed", "2026-01-15", "--speed", "0")


def simulate(*options: str) -> Result:
    return CliRunner().invoke(main, ["simulate", *options])


def sent_by(*options: str, count: int = 3) -> bytes:
    done = simulate(*FIXED, "--count", str(count), "--stdout", *options)
    assert done.exit_code == 0, done.stderr
    return done.stdout_bytes


def read(sent: bytes) -> list[Reading]:
    found = list(Framer(Decryptor(DEVELOPMENT_KEY)).feed(sent))
    assert all(isinstance(one, Frame) for one in found)
    return [Decoder().decode(one, AT) for one in found if isinstance(one, Frame)]


@contextmanager
def running(*options: str) -> Iterator[subprocess.Popen[str]]:
    command = [*COMMAND, "simulate", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as started:
        try:
            yield started
        finally:
            started.terminate()
            assert started.wait(20) == 0


@pytest.mark.parametrize("name", [*DIALECTS, "nl-dsmr2"])
def test_every_meter_sends_telegrams_that_are_read(name: str) -> None:
    told = read(sent_by("--meter", name))
    assert len(told) == 3
    assert {one.country for one in told} == {DIALECTS.get(name, DIALECTS["nl-dsmr22"]).country}


@pytest.mark.parametrize("name", HOMES)
def test_every_home_has_a_meter(name: str) -> None:
    told = read(sent_by("--home", name))[0]
    assert ("voltage_l3_mv" in told.quantities) == (HOMES[name].phases == 3)
    assert {one.commodity for one in told.mbus} == set(HOMES[name].devices)


def test_the_period_is_the_meters_unless_another_is_wished() -> None:
    for options, period in (((), 1), (("--meter", "nl-dsmr4"), 10), (("--period", "900"), 900)):
        first, second, _ = read(sent_by(*options))
        assert second.at - first.at == timedelta(seconds=period)
        assert first.at == AT


def test_the_same_seed_sends_the_same_and_another_seed_another_home() -> None:
    assert sent_by("--seed", "7") == sent_by("--seed", "7") != sent_by("--seed", "8")


def test_what_is_recorded_is_what_was_sent_and_can_be_decoded(tmp_path: Path) -> None:
    capture = tmp_path / "capture"
    sent = sent_by("--record", str(capture), count=20)
    assert capture.read_bytes() == sent
    again = sent_by("--record", str(capture), count=5)
    assert capture.read_bytes() == sent + again  # added to
    decoded = CliRunner().invoke(main, ["decode", str(capture)])
    assert decoded.exit_code == 0
    assert len(decoded.stdout.splitlines()) == 25


def test_a_recording_replays_in_the_gateway(tmp_path: Path) -> None:
    capture = tmp_path / "capture"
    told = read(sent_by("--record", str(capture), "--period", "60", count=6 * 60 + 1))
    gateway = RunningGateway(tmp_path, f"file://{capture}", broker=False)
    gateway.history.claim(PASSWORD)
    done = subprocess.run([*COMMAND, "run", "--config", str(gateway.config_path)], check=False, timeout=60)
    gateway.close()
    assert done.returncode == 0
    first, last = told[0], told[-1]
    hours = gateway.unlock(str(first.meter_number)).usage(Period.HOUR, first.at, last.at)
    used = sum(last.quantities[name] - first.quantities[name] for name in IMPORT)
    assert [hour.import_wh is not None for hour in hours] == [True] * 6
    assert sum(hour.import_wh or 0 for hour in hours) == used > 0


def test_a_recording_ends_with_a_whole_telegram_wherever_it_is_stopped(tmp_path: Path) -> None:
    """At 9600 baud a telegram is under way most of a second."""
    capture = tmp_path / "capture"
    with running("--meter", "nl-dsmr3", "--record", str(capture), "--pty", str(tmp_path / "meter")):
        until(lambda: capture.exists() and capture.stat().st_size > 100)
    assert len(read(capture.read_bytes())) == 1


def test_bytes_come_as_fast_as_the_meters_line_carries_them(tmp_path: Path) -> None:
    link = tmp_path / "meter"
    with running("--meter", "nl-dsmr3", "--pty", str(link)):
        until(link.exists)
        with serial.Serial(str(link), 9600, timeout=20) as port:
            assert port.read(1) == b"/"
            began = time.monotonic()
            rest = port.read_until(b"!\r\n")
            took = time.monotonic() - began
    assert took == pytest.approx(len(rest) / 960, abs=0.15)


def test_a_serial_port_is_named_and_goes_with_the_simulator(tmp_path: Path) -> None:
    link = tmp_path / "meter"
    with running("--pty", str(link)):
        until(link.exists)
        with serial.Serial(str(link), 115200, timeout=20) as port:
            telegram = port.read_until(b"!") + port.read_until(b"\r\n")
        assert len(read(telegram)) == 1
    assert not link.is_symlink()


def test_it_ends_quietly_when_its_terminal_goes(tmp_path: Path) -> None:
    link = tmp_path / "meter"
    with running("--pty", str(link)) as started:
        until(link.exists)
        started.send_signal(signal.SIGHUP)
        assert started.wait(20) == 0
    assert not link.is_symlink()


def test_a_file_gets_telegrams_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "telegrams"
    for _ in range(2):
        assert simulate(*FIXED, "--count", "2", "--file", str(path)).exit_code == 0
    assert len(read(path.read_bytes())) == 4


def test_a_full_disk_is_a_sentence_and_a_failure(tmp_path: Path) -> None:
    (tmp_path / "full").symlink_to("/dev/full")
    done = simulate(*FIXED, "--quiet", "--count", "2", "--file", str(tmp_path / "full"))
    assert done.exit_code == 1
    assert done.stderr == "p1-gateway: the telegrams cannot be written: No space left on device\n"


def adjacent_ports(number: int) -> int:
    """The first of so many free ports in a row."""
    while True:
        first = free_port()
        with ExitStack() as probes:
            try:
                for port in range(first, first + number):
                    probes.enter_context(socket.create_server(("127.0.0.1", port)))
            except (OSError, OverflowError):
                continue
            return first


def test_many_meters_have_a_port_each_and_a_capture_each(tmp_path: Path) -> None:
    first, number = adjacent_ports(5), 5
    capture, report = tmp_path / "capture", tmp_path / "report"
    where = ("--meters", str(number), "--tcp", f"127.0.0.1:{first}")
    files = ("--record", str(capture), "--report", str(report))
    with running(*where, *files, "--seed", "40", "--quiet") as started:
        numbers = [_first_reading(port).meter_number for port in range(first, first + number)]
        started.send_signal(signal.SIGINT)
        assert started.wait(20) == 0
    assert len(set(numbers)) == number
    said = json.loads(report.read_text())
    for n, one in enumerate(said["meters"]):
        captured = read((tmp_path / f"capture-{first + n}").read_bytes())
        assert {reading.meter_number for reading in captured} == {numbers[n]}
        assert one["telegrams"] == len(captured)
        assert one["seed"] == 40 + n
        assert one["home"] == [*HOMES, *HOMES][n]
        assert one["address"] == f"tcp://127.0.0.1:{first + n}"


def _first_reading(port: int) -> Reading:
    def connected() -> socket.socket | None:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=20)
        except ConnectionRefusedError:
            return None

    sent = b""
    with until(connected) as client:
        while not re.search(rb"!....\r\n", sent):
            sent += client.recv(4096)
    return read(sent)[0]


def test_what_was_injected_is_told_and_is_what_a_reader_rejects(tmp_path: Path) -> None:
    capture, report = tmp_path / "capture", tmp_path / "report"
    faults = ("--fault", "wrong-checksum=0.1", "--fault", "flipped-bits=0.1")
    done = simulate(*FIXED, *faults, "--count", "500", "--file", str(capture), "--report", str(report))
    said = json.loads(report.read_text())
    assert said["telegrams"] == 500
    assert set(said["faults"]) == {"flipped-bits", "wrong-checksum"}
    counts = ", ".join(f"{name} {count}" for name, count in said["faults"].items())
    assert done.stderr.splitlines()[-1] == f"500 telegrams sent; faults: {counts}"
    decoded = CliRunner().invoke(main, ["decode", str(capture)])
    rejected = [line for line in decoded.stderr.splitlines() if line.startswith("rejected: ")]
    # Both may hit one telegram.
    assert 0.8 * sum(said["faults"].values()) < len(rejected) <= sum(said["faults"].values())
    assert len(decoded.stdout.splitlines()) == 500 - len(rejected)


def test_one_line_says_what_runs_where(tmp_path: Path) -> None:
    path = tmp_path / "telegrams"
    done = simulate(*FIXED, "--count", "1", "--file", str(path), "--meter", "nl-dsmr4", "--seed", "3")
    home = HOMES["solar"].title
    assert done.stderr == (
        f"nl-dsmr4, {home}, seed 3: {path}, a telegram every 10 seconds, as fast as possible;"
        " Ctrl+C stops it\nHome Assistant (DSMR): version 4\nESPHome (dsmr): gas_mbus_id: 1\n"
    )
    assert simulate(*FIXED, "--count", "1", "--file", str(path), "--quiet").stderr == ""


def test_the_development_key_is_told_and_ones_own_never() -> None:
    encryption = DEVELOPMENT_KEY.encryption.hex().upper()
    options = (*FIXED, "--count", "1", "--stdout", "--meter", "at-t210")
    assert encryption in simulate(*options).stderr
    assert DEVELOPMENT_KEY.authentication.hex().upper() in simulate(*options).stderr
    own = simulate(*options, "--key", "AB" * 16, "--authentication-key", "CD" * 16)
    assert own.exit_code == 0
    assert not re.search(r"[0-9A-F]{32}|(ab){5}|(cd){5}", own.stderr)


@pytest.mark.parametrize("name", [name for name, dialect in DIALECTS.items() if dialect.encrypted])
def test_an_encrypted_meter_is_read_with_the_key_it_was_given(name: str, tmp_path: Path) -> None:
    keys, capture = tmp_path / "key", tmp_path / "capture"
    keys.write_text(f"{'AB' * 16}\n{'CD' * 16}\n")
    keys.chmod(0o600)
    done = simulate(*FIXED, "--count", "3", "--file", str(capture), "--meter", name, "--key-file", str(keys))
    assert done.exit_code == 0
    for key, status in ((("--key-file", str(keys)), 0), ((), 1)):
        assert CliRunner().invoke(main, ["decode", str(capture), *key]).exit_code == status


MISTAKES: list[tuple[tuple[str, ...], str]] = [
    ((), "choose one of --pty, --tcp, --stdout and --file"),
    (("--stdout", "--file", "x"), "choose one of --pty, --tcp, --stdout and --file"),
    (("--stdout", "--meter", "nl-dsmr9"), "Invalid value for '--meter': 'nl-dsmr9' is not one of"),
    (("--stdout", "--home", "castle"), "Invalid value for '--home': 'castle' is not one of"),
    (("--stdout", "--home", "heat-pump", "--meter", "nl-warmtelink"), "has heat or gas"),
    (("--stdout", "--speed", "-1"), "Invalid value for '--speed'"),
    (("--stdout", "--speed", "nan"), "--speed must be a number, 0 or more"),
    (("--stdout", "--period", "0"), "Invalid value for '--period'"),
    (("--stdout", "--start", "yesterday"), "'yesterday' is not a time such as 2026-01-31T18:00"),
    (("--stdout", "--start", "1999-12-31"), "--start must be a time from 2000 to 2099"),
    (("--stdout", "--installed", "2099-01-01"), "the meter cannot be installed after the first telegram"),
    (("--stdout", "--key", "AB" * 16), "the meter nl-dsmr5 does not encrypt: leave its key out"),
    (("--stdout", "--meter", "at-t210", "--key", "AB"), "it has 2 hexadecimal digits instead of 32"),
    (("--stdout", "--authentication-key", "AB"), "--authentication-key goes with --key"),
    (("--stdout", "--meter", "at-t210", "--key", "AB", "--key-file", "x"), "choose one of --key and --key"),
    (("--stdout", "--meters", "2"), "--meters goes with --tcp: each meter has a port of its own"),
    (("--stdout", "--fault", "gremlins=1"), "gremlins"),
    (("--stdout", "--json"), "--json goes with --list"),
    (("--stdout", "--report", "/nowhere/report"), "/nowhere/report"),
    (("--tcp", "2001"), "--tcp wants HOST:PORT, such as 127.0.0.1:2001"),
]


@pytest.mark.parametrize(("options", "sentence"), MISTAKES)
def test_a_mistake_in_the_options_is_told_in_a_sentence(options: tuple[str, ...], sentence: str) -> None:
    done = simulate("--count", "1", *options)
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--pty", "/nowhere/meter"), "/nowhere/meter cannot be made a link to the pty: No such file"),
        (("--file", "/nowhere/file"), "/nowhere/file cannot be written: No such file or directory"),
        (("--stdout", "--record", "/nowhere/file"), "/nowhere/file cannot be written: No such file"),
        (("--tcp", "192.0.2.1:2001"), "cannot listen on 192.0.2.1:2001: "),
        (("--tcp", "127.0.0.1:65536"), "ports above 65535"),
        (("--stdout", "--meter", "at-t210", "--key-file", "/nowhere/key"), "/nowhere/key"),
    ],
)
def test_what_cannot_be_opened_is_told_in_a_sentence(options: tuple[str, ...], sentence: str) -> None:
    done = simulate("--count", "1", *options)
    assert done.exit_code == 1
    assert done.stderr.startswith("p1-gateway: ")
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_lists_show_every_meter_home_and_fault() -> None:
    shown, said = simulate("--list"), json.loads(simulate("--list", "--json").stdout)
    for known, listed in ((DIALECTS, said["meters"]), (HOMES, said["homes"]), (FAULTS, said["faults"])):
        assert [one["name"] for one in listed] == list(known)
        assert all(re.search(rf"^  {name}  +\S", shown.stdout, re.MULTILINE) for name in known)
    assert max(map(len, shown.stdout.splitlines())) <= 120
    luxembourg: dict[str, Any] = next(one for one in said["meters"] if one["name"] == "lu-smarty")
    assert luxembourg["encrypted"]
    assert luxembourg["line"] == "115200 8N1"
    assert luxembourg["period_s"] == 10


def test_the_help_shows_every_option_under_a_heading_and_examples_that_run() -> None:
    shown = simulate("--help").stdout
    assert shown.index("The meter and its home:") < shown.index("--meter NAME") < shown.index("Time:")
    for command in re.findall(r"^ +p1-gateway simulate (.*)$", shown, re.MULTILINE):
        options = re.sub(r"--(pty|file|tcp) \S+|--meters \d+", "", command).split()
        assert simulate(*options, *FIXED, "--count", "1", "--stdout").exit_code == 0, command


def test_a_reader_that_has_had_enough_ends_it_without_a_word() -> None:
    simulator = subprocess.Popen(
        [*COMMAND, "simulate", "--stdout", "--speed", "0", "--quiet"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with simulator:
        assert simulator.stdout is not None
        assert simulator.stderr is not None
        simulator.stdout.read(100)
        simulator.stdout.close()
        assert simulator.wait(20) == 0
        assert simulator.stderr.read() == b""
