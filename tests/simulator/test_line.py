"""The simulated meter's wire: pty, TCP, stream and file, with readers of every kind."""

import io
import os
import socket
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import serial

from gateway.errors import ConfigError, GatewayError
from gateway.p1 import Frame, Framer
from gateway.simulator import Household, SimulatedMeter
from gateway.simulator.line import (
    PtyLine,
    RecordedLine,
    StreamLine,
    TcpLine,
    appended,
    run,
)

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
TELEGRAM = SimulatedMeter(Household(1), START).bytes_at(START)


def test_a_stream_gets_the_telegrams_that_a_gateway_reads() -> None:
    stream = io.BytesIO()
    meter = SimulatedMeter(Household(1), START)
    run(meter, StreamLine(stream), START, wait=lambda _: False, clock=time.monotonic, speed=0, count=50)
    assert all(isinstance(found, Frame) for found in Framer().feed(stream.getvalue()))
    assert stream.getvalue().count(b"!") == 50


def test_a_closed_pipe_ends_it_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as stream:  # noqa: PTH123 - a file descriptor
        meter = SimulatedMeter(Household(1), START)
        run(meter, StreamLine(stream), START, wait=lambda _: False, clock=time.monotonic, speed=0)


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    with appended(full) as stream, pytest.raises(GatewayError, match="cannot be written: No space left"):
        StreamLine(stream).send(TELEGRAM)


def test_a_file_is_written_at_its_end(tmp_path: Path) -> None:
    for _ in range(2):
        with appended(tmp_path / "telegrams") as stream:
            StreamLine(stream).send(TELEGRAM)
            assert (tmp_path / "telegrams").read_bytes().endswith(TELEGRAM)  # at once: others follow it
    assert (tmp_path / "telegrams").read_bytes() == TELEGRAM * 2


def test_a_file_may_be_a_serial_port(pty: PtyLine, tmp_path: Path) -> None:
    """As when a USB adapter plays the meter for another machine."""
    near, far = os.openpty()
    with os.fdopen(near, "rb", buffering=0) as reader:
        tty.setraw(far)
        with appended(Path(os.ttyname(far))) as stream:
            StreamLine(stream).send(TELEGRAM)
            assert reader.read(len(TELEGRAM)) == TELEGRAM
    os.close(far)


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere" / "file", Path("nul\0")):
        with pytest.raises(ConfigError, match="cannot be written"):
            appended(path)


def test_a_capture_holds_what_was_sent_read_or_not(tmp_path: Path) -> None:
    capture, link = tmp_path / "capture", tmp_path / "recorded"
    for _ in range(2):  # a second run adds to it
        with appended(capture) as stream, closing(RecordedLine(PtyLine(link), stream)) as line:
            for n in range(40):  # far more than a pty holds
                line.send(b"%04d" % n * 200)
                line.unplug()
        assert not link.is_symlink()
    assert capture.read_bytes() == b"".join(b"%04d" % n * 200 for n in range(40)) * 2


@pytest.fixture
def pty(tmp_path: Path) -> Iterator[PtyLine]:
    with closing(PtyLine(tmp_path / "meter")) as line:
        yield line


def opened(link: Path) -> serial.Serial:
    return serial.Serial(str(link), 115200, timeout=2, exclusive=True)


def test_pyserial_opens_the_pty_again_and_again(pty: PtyLine, tmp_path: Path) -> None:
    for _ in range(3):
        with opened(tmp_path / "meter") as port:
            pty.send(TELEGRAM)
            assert port.read(len(TELEGRAM)) == TELEGRAM


def test_an_unread_pty_drops_telegrams_and_serves_new_ones_later(pty: PtyLine, tmp_path: Path) -> None:
    for _ in range(40):  # far more than a pty holds
        assert pty.send(TELEGRAM)
    with opened(tmp_path / "meter") as port:
        pty.send(TELEGRAM)
        assert port.read(len(TELEGRAM)) == TELEGRAM


def test_an_unread_pty_keeps_what_is_new_rather_than_what_is_old(pty: PtyLine, tmp_path: Path) -> None:
    for n in range(40):  # far more than a pty holds
        pty.send(b"%03d\n" % n * 250)
    with os.fdopen(os.open(tmp_path / "meter", os.O_RDONLY | os.O_NOCTTY), "rb", buffering=0) as reader:
        kept = reader.read(4096)
    assert int(kept[:3]) > 20


def test_a_pty_delivers_every_byte_to_a_reader_that_keeps_up(pty: PtyLine, tmp_path: Path) -> None:
    everything = bytearray()
    with opened(tmp_path / "meter") as port:
        sender = threading.Thread(target=lambda: [pty.send(TELEGRAM) for _ in range(40)])
        sender.start()
        while len(everything) < 40 * len(TELEGRAM):
            chunk = port.read(max(1, port.in_waiting))
            assert chunk
            everything += chunk
        sender.join()
    assert everything == TELEGRAM * 40


def test_an_unplugged_pty_is_gone_for_its_reader_and_comes_back_under_its_name(
    pty: PtyLine, tmp_path: Path
) -> None:
    with opened(tmp_path / "meter") as port:
        pty.unplug()
        pty.unplug()  # each second that it lasts
        assert not (tmp_path / "meter").is_symlink()
        with pytest.raises(serial.SerialException):
            port.read(1)
    pty.send(b"")
    with opened(tmp_path / "meter") as port:
        pty.send(TELEGRAM)
        assert port.read(len(TELEGRAM)) == TELEGRAM


def test_the_link_goes_with_the_line_and_never_replaces_a_file(tmp_path: Path) -> None:
    link = tmp_path / "meter"
    PtyLine(link).close()
    assert not link.is_symlink()
    link.write_text("mine")
    with pytest.raises(ConfigError, match="cannot be made a link"):
        PtyLine(link)
    assert link.read_text() == "mine"


def connected(line: TcpLine) -> socket.socket:
    return socket.create_connection(("127.0.0.1", line.port), timeout=2)


def received(client: socket.socket, length: int) -> bytes:
    got = b""
    while len(got) < length:
        chunk = client.recv(length - len(got))
        if not chunk:
            break
        got += chunk
    return got


def test_every_tcp_client_gets_whole_telegrams() -> None:
    with closing(TcpLine("127.0.0.1", 0)) as line, connected(line) as early:
        line.send(TELEGRAM)
        with connected(line) as late:
            line.send(TELEGRAM)
            assert received(early, 2 * len(TELEGRAM)) == TELEGRAM * 2
            assert received(late, len(TELEGRAM)) == TELEGRAM


def test_a_gone_tcp_client_does_not_hurt_the_others() -> None:
    with closing(TcpLine("127.0.0.1", 0)) as line, connected(line) as stays:
        leaves = connected(line)
        line.send(TELEGRAM)
        leaves.close()
        for _ in range(5):
            line.send(TELEGRAM)
        assert received(stays, 6 * len(TELEGRAM)) == TELEGRAM * 6


def test_a_slow_tcp_client_loses_telegrams_and_the_others_none() -> None:
    with closing(TcpLine("127.0.0.1", 0)) as line, connected(line) as fast, connected(line) as slow:
        count = 8000
        got = 0
        began = time.monotonic()
        for _ in range(count):
            line.send(TELEGRAM)
            got += len(received(fast, len(TELEGRAM)))
        assert got == count * len(TELEGRAM)
        assert time.monotonic() - began < 20
        slow.settimeout(0.1)
        late = bytearray()
        with suppress(TimeoutError):
            while chunk := slow.recv(1 << 20):
                late += chunk
                line.send(b"")  # what waits for the slow one goes on
    found = list(Framer().feed(bytes(late)))
    assert 0 < len(found) < count
    assert all(isinstance(frame, Frame) for frame in found)


def test_a_tcp_client_that_comes_in_the_middle_of_a_telegram_gets_the_next() -> None:
    with closing(TcpLine("127.0.0.1", 0)) as line, connected(line) as early:
        line.send(TELEGRAM[:100])
        with connected(line) as late:
            line.send(TELEGRAM[100:], begins=False)
            line.send(b"next")
            assert received(early, len(TELEGRAM) + 4) == TELEGRAM + b"next"
            assert received(late, 4) == b"next"


def test_an_unplugged_tcp_line_hangs_up_and_comes_back_at_its_port() -> None:
    with closing(TcpLine("127.0.0.1", 0)) as line:
        with connected(line) as client:
            line.send(TELEGRAM)
            assert received(client, len(TELEGRAM)) == TELEGRAM
            line.unplug()
            line.unplug()
            assert client.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            connected(line)
        line.send(b"")
        with connected(line) as client:
            line.send(TELEGRAM)
            assert received(client, len(TELEGRAM)) == TELEGRAM


def test_a_tcp_line_listens_on_ipv6() -> None:
    with closing(TcpLine("::1", 0)) as line, socket.create_connection(("::1", line.port), 2) as client:
        line.send(TELEGRAM)
        assert received(client, len(TELEGRAM)) == TELEGRAM


@pytest.mark.parametrize("host", ["no.such.name.invalid", "x" * 80, "192.0.2.1"])
def test_a_tcp_address_that_cannot_be_is_told(host: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot listen on .*: \w"):
        TcpLine(host, 0)


def test_a_tcp_address_in_use_is_told() -> None:
    with closing(TcpLine("127.0.0.1", 0)) as line, pytest.raises(ConfigError, match="cannot listen"):
        TcpLine("127.0.0.1", line.port)
