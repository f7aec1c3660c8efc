"""The simulated meter's wire: pty, TCP and stream, and the pace at which it sends."""

import io
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import serial

from gateway.errors import ConfigError
from gateway.p1 import Frame, Framer
from gateway.simulator import Household, SimulatedMeter
from gateway.simulator.line import PtyLine, StreamLine, TcpLine, run

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
TELEGRAM = SimulatedMeter(Household(1), START).bytes_at(START)


class Stopwatch:
    """A clock that only waiting moves; each telegram takes `cost` seconds to make."""

    def __init__(self, cost: float = 0.0, stop_at: float = 1e9) -> None:
        self.now = 100.0
        self.sent: list[tuple[float, datetime]] = []
        self._cost, self._stop_at = cost, stop_at

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return self.now >= self._stop_at

    def bytes_at(self, at: datetime) -> bytes:
        self.sent.append((self.now, at))
        self.now += self._cost
        return TELEGRAM


def paced(
    watch: Stopwatch, start: datetime, speed: float, count: int | None, period_s: int = 1
) -> list[float]:
    """The seconds after the beginning at which the telegrams were sent."""
    began = watch.now
    line = StreamLine(io.BytesIO())
    run(
        watch, line, start,
        wait=watch.wait, clock=watch.clock, speed=speed, count=count, period_s=period_s,
    )  # fmt: skip
    return [round(now - began, 6) for now, _ in watch.sent]


def test_telegrams_come_at_whole_seconds_without_drift() -> None:
    watch = Stopwatch(cost=0.3)
    assert paced(watch, START + timedelta(milliseconds=250), 1, 4) == [0.75, 1.75, 2.75, 3.75]
    assert [at for _, at in watch.sent] == [START + timedelta(seconds=n) for n in (1, 2, 3, 4)]


def test_speed_and_period_stretch_the_pace() -> None:
    assert paced(Stopwatch(), START, 100, 3, period_s=10) == [0, 0.1, 0.2]


def test_speed_zero_never_waits() -> None:
    watch = Stopwatch()
    assert paced(watch, START, 0, 3) == [0, 0, 0]
    assert watch.sent[-1][1] == START + timedelta(seconds=2)


def test_it_stops_when_told() -> None:
    assert len(paced(Stopwatch(stop_at=103.5), START, 1, None)) == 4


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


def test_a_tcp_address_in_use_is_told() -> None:
    with closing(TcpLine("127.0.0.1", 0)) as line, pytest.raises(ConfigError, match="cannot listen"):
        TcpLine("127.0.0.1", line.port)
