"""What the commands print: nothing unprintable, whatever a meter or a name says; and nobody need listen."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import socket
import struct
import subprocess
import sys
import time
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.output import HUNG_UP, OneLine, PrintableStream
from gateway.control import ControlServer, ask
from gateway.errors import ConfigError, GatewayError, MeterUnavailable
from gateway.operations.remote import answered, may_be_asked
from gateway.p1.checksum import checksum
from gateway.printable import one_line, printable
from gateway.simulator import Household, SimulatedMeter
from tests.running import COMMAND, PASSWORD, FedMeter, RunningGateway, until

HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
CONTROL = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in HIDDEN]
# As a hostile name would use them: colours, the terminal's title, C1, direction, line ends, a lone surrogate.
EVIL = "\x1b[31m\x1b]0;owned\x07\x9b2J\x7f\u202e\u2066\u2028\u2029\u200b\ufeff\x85\x08\r\v\f\0"
NAMEABLE = EVIL.replace("\0", "").replace("\r", "")


def control_in(text: str, allowed: str = "\n\t") -> list[str]:
    return [c for c in text.replace("\r\n", "\n") if c not in allowed and unicodedata.category(c) in HIDDEN]


def test_no_control_character_of_unicode_is_left() -> None:
    assert len(CONTROL) > 2000
    for character in CONTROL:
        assert control_in(printable(f"a{character}b")) == [], hex(ord(character))
        assert control_in(one_line(f"a{character}b"), "\t") == [], hex(ord(character))


@given(st.text(st.characters(codec=None)))
def test_what_is_written_out_stays_so_and_what_can_be_printed_stays_as_it_is(text: str) -> None:
    written = printable(text)
    assert control_in(written) == []
    assert printable(written) == written
    assert (written == text) == (not control_in(text))
    assert "\n" not in one_line(text)


@given(
    st.recursive(
        st.text(st.characters(codec=None)), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_still_says_the_same(value: object) -> None:
    for text in (json.dumps(value, ensure_ascii=False), json.dumps(value, indent=2, ensure_ascii=False)):
        assert control_in(printable(text)) == []
        assert json.loads(printable(text)) == json.loads(text)


@given(st.text(st.characters(codec=None)))
def test_every_error_is_one_printable_line(text: str) -> None:
    for error in (GatewayError(text), ConfigError(f"{text} cannot be used"), MeterUnavailable(text)):
        assert control_in(str(error), "\t") == []


@given(st.text(st.characters(codec=None)))
def test_a_record_is_one_line_of_the_journal_and_its_traceback_is_set_in(text: str) -> None:
    written = io.StringIO()
    printing = logging.StreamHandler(written)
    printing.setFormatter(OneLine("%(levelname)s %(name)s: %(message)s"))
    try:
        dict[str, str]()[text]
    except KeyError:
        failed = sys.exc_info()
    for raised in (None, failed):
        record = logging.LogRecord("peer", logging.ERROR, "", 1, "it says %s", (text,), raised)
        printing.emit(record)
    first, second, *traceback = written.getvalue().removesuffix("\n").split("\n")
    assert first == second
    assert first.startswith("ERROR peer: it says ")
    assert control_in(first, "\t") == []
    assert all(line.startswith("  ") and control_in(line, "\t") == [] for line in traceback)
    assert len(traceback) >= 3


def test_our_own_colours_go_past_the_filter_and_nobody_elses() -> None:
    shown = io.StringIO()
    stream = PrintableStream(shown)
    stream.write(EVIL)
    stream.terminal.write("\x1b[32mgood\x1b[0m")
    assert control_in(shown.getvalue().removesuffix("\x1b[32mgood\x1b[0m")) == []


def evil_telegram() -> bytes:
    """Messages and values full of control characters, in bytes and in hex, under a right checksum."""
    spoken = EVIL.replace("\0", "").encode("utf-8", "surrogatepass").hex().upper()
    raw = EVIL.replace("\r", "").encode("latin-1", "replace")
    lines = [
        b"0-0:96.13.0(" + spoken.encode() + b")",
        b"0-0:96.13.1(" + bytes(range(0x80, 0xA0)).hex().encode() + b")",
        b"0-0:96.1.1(" + bytes(range(1, 32)).hex().encode() + b")",
        b"1-0:99.99.9(" + raw + b")",
        b"1-0:98.98.8(\xc2\x9b31m\xe2\x80\xae)",
    ]
    body = b"/XMX5EVIL\x9b31m\r\n\r\n" + b"\r\n".join(lines) + b"\r\n!"
    plain = body.replace(b"EVIL\x9b31m", b"EVIL")
    return b"".join(one + f"{checksum(one):04X}\r\n".encode() for one in (body, plain))


def run(*words: str, folder: Path, stdin: bytes = b"") -> tuple[int, str]:
    """A real command; what it printed, on both streams."""
    done = subprocess.run(
        [*COMMAND, *words], input=stdin, capture_output=True, timeout=60, check=False, cwd=folder
    )
    return done.returncode, (done.stdout + b"\n" + done.stderr).decode()


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "gateway.toml"
    path.write_text(
        f'[meter]\nsource = "file://{tmp_path}/capture"\n'
        f'[history]\ndata_dir = "{tmp_path}/data"\ndevice_key = "{tmp_path}/device.key"\n'
    )
    (tmp_path / "capture").write_bytes(evil_telegram() * 3)
    return str(path)


@pytest.mark.parametrize(
    "words",
    [
        ("decode", "capture"),
        ("decode", NAMEABLE),
        ("decode", "--timezone", NAMEABLE),
        ("decode", "--key", NAMEABLE),
        ("doctor", "--config", "CONFIG"),
        ("doctor", "--config", NAMEABLE),
        ("status", "--config", NAMEABLE),
        ("run", "--config", NAMEABLE),
        ("consent", "receipt", NAMEABLE, "--config", "CONFIG"),
        ("consent", "withdraw", NAMEABLE, "--config", "CONFIG"),
        ("consent", "grant", "--recipient", NAMEABLE, "--purpose", "x", "--allow", "gas=day"),
        ("consent", "grant", "--recipient", "x", "--purpose", "x", "--allow", NAMEABLE),
        ("history", "export", "--from", NAMEABLE, "--config", "CONFIG"),
        ("history", "backup", "--to", NAMEABLE, "--config", "CONFIG"),
        ("history", "restore", NAMEABLE, "--config", "CONFIG"),
        ("simulate", "--meter", NAMEABLE),
        ("simulate", "--tcp", NAMEABLE),
        ("simulate", "--pty", f"{NAMEABLE}/x"),
        ("simulate", "--fault", NAMEABLE),
        (NAMEABLE,),
        ("decode", f"--{NAMEABLE}"),
    ],
)  # fmt: skip
def test_no_command_prints_a_control_character(tmp_path: Path, config: str, words: tuple[str, ...]) -> None:
    _, printed = run(*(config if word == "CONFIG" else word for word in words), folder=tmp_path)
    assert control_in(printed) == []
    assert "Traceback" not in printed
    assert printed.strip()


def test_what_a_meter_says_is_decoded_and_means_the_same(tmp_path: Path, config: str) -> None:
    done = subprocess.run(
        [*COMMAND, "decode", "capture"], capture_output=True, timeout=60, check=False, cwd=tmp_path
    )
    assert control_in(done.stdout.decode()) == []
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert said[0]["model"] == "XMX5EVIL\x9b31m"
    assert dict(said[0]["unknown"])["1-0:98.98.8"].endswith("\x9b31m\xe2\x80\xae)")


@pytest.mark.parametrize("source", [f"tcp://{NAMEABLE}:2001", f"/dev/{NAMEABLE}", f"{NAMEABLE}://x"])
@pytest.mark.parametrize("words", [("run",), ("doctor", "--json"), ("doctor",), ("status",)])
def test_a_name_in_the_configuration_is_quoted_without_its_control_characters(
    tmp_path: Path, source: str, words: tuple[str, ...]
) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(
        f"[meter]\nsource = {json.dumps(source)}\n[panel]\nenabled = false\n[page]\nport = 0\n"
        f'[history]\ndata_dir = "{tmp_path}/data"\ndevice_key = "{tmp_path}/device.key"\n'
    )
    _, printed = run(*words, "--config", str(path), folder=tmp_path)
    assert control_in(printed) == []
    assert "Traceback" not in printed


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    meter = SimulatedMeter(Household(2), datetime(2026, 11, 9, 23, tzinfo=UTC))
    telegrams = [meter.bytes_at(datetime(2026, 11, 10, 12, 0, s, tzinfo=UTC)) for s in range(60)]
    path = tmp_path / "many"
    path.write_bytes(b"".join(telegrams) * 50)
    return path


@pytest.mark.parametrize(
    ("words", "statuses"),
    [
        (("decode", "many"), {HUNG_UP}),
        (("simulate", "--stdout", "--speed", "0", "--count", "20000"), {0, HUNG_UP}),
        (("simulate", "--list"), {0, HUNG_UP}),
        (("simulate", "--list", "--json"), {0, HUNG_UP}),
        (("--help",), {0, 1, HUNG_UP}),
        (("decode", "--help"), {0, 1, HUNG_UP}),
    ],
)
@pytest.mark.parametrize("read", [0, 10])
@pytest.mark.parametrize("both", [False, True])
def test_a_reader_that_hangs_up_ends_the_command_without_a_complaint(
    tmp_path: Path, capture: Path, words: tuple[str, ...], statuses: set[int], read: int, both: bool
) -> None:
    with subprocess.Popen(
        [*COMMAND, *words],
        cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if both else subprocess.PIPE,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        os.read(running.stdout.fileno(), read)
        running.stdout.close()
        told = b"" if running.stderr is None else running.stderr.read()
        status = running.wait(60)
    assert b"Traceback" not in told
    assert b"BrokenPipe" not in told
    assert b"Exception ignored" not in told
    assert status in statuses


class Room:
    @may_be_asked
    def slow(self) -> None:
        time.sleep(0.3)

    @may_be_asked
    def double(self, n: int) -> int:
        return 2 * n


@contextlib.contextmanager
def serving(path: Path) -> Iterator[ControlServer]:
    running = ControlServer(path, answered(Room()))
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b'{"operation": "ec',
        b'{"operation": "Room.slow"}\n',
        b'{"operation": "Room.double"}\n',
        b"rubbish\n",
    ],
)
@pytest.mark.parametrize("reset", [False, True])
def test_a_caller_that_hangs_up_before_the_answer_is_no_traceback(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], said: bytes, reset: bool
) -> None:
    path = tmp_path / "control.sock"
    with serving(path):
        for _ in range(3):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(path))
                connection.sendall(said)
                if reset:
                    connection.shutdown(socket.SHUT_RD)
        time.sleep(0.6)
        assert ask(path, Room.double, n=1) == 2
    assert capfd.readouterr() == ("", "")


def test_the_running_gateway_logs_no_traceback_when_browsers_and_commands_hang_up(tmp_path: Path) -> None:
    line = FedMeter()
    gateway = RunningGateway(tmp_path, line.address, broker=False)
    try:
        gateway.history.claim(PASSWORD)
        gateway.start()
        for said in (
            b"GET /sign-in HT",
            b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            b"\x16\x03\x01\x9b\n",
            b"",
        ):
            for reset in (False, True):
                connection = socket.create_connection(("127.0.0.1", gateway.page_port))
                connection.sendall(said * 5)
                if reset:  # the kernel answers all that comes with "connection reset"
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()
        control = gateway.config.history.data_dir / "control.sock"
        for _ in range(5):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(control))
                connection.sendall(b'{"operation": "status"}\n')
        with socket.create_connection(("127.0.0.1", gateway.page_port)) as connection:
            connection.sendall(b"GET /%1b%5b31m%c2%9b%0aforged HTTP/1.1\r\nHost: x\x9b\r\n\r\n")
            connection.recv(1000)
        until(lambda: gateway.status()["claimed"])
        assert gateway.stop() == 0
        log = gateway.log_path.read_bytes().decode()
        assert "Traceback" not in log
        assert control_in(log) == []
        assert not [text for text in log.splitlines() if text.startswith("forged")]
    finally:
        gateway.close()
        line.close()
