"""Real lines: a pty that is pulled out, a TCP peer that vanishes, a port that is not there."""

import os
import select
import socket
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from gateway.errors import (
    ConfigError,
    GatewayError,
    MeterUnavailable,
    TelegramCut,
)
from gateway.meter import Source, frames, open_source
from gateway.p1 import Frame, Framer
from gateway.p1.telegram import Telegram, serialize

GOOD = serialize(Telegram("XYZ5\\TEST", (("1-0:1.7.0", "(00.500*kW)"),)))
Watch = tuple[list[Frame], list[GatewayError], Callable[[Callable[[], bool]], None]]


class Cable:
    """A pty under a steady name, that can be pulled out and plugged in."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self._ends: tuple[int, int] = (-1, -1)

    def plug_in(self) -> None:
        _, far = self._ends = os.openpty()
        tty.setraw(far)
        self.link.symlink_to(os.ttyname(far))

    def pull_out(self) -> None:
        self.link.unlink()
        for end in self._ends:
            os.close(end)

    def send(self, chunk: bytes) -> None:
        os.write(self._ends[0], chunk)

    def send_until(self, met: Callable[[], bool]) -> None:
        """Send telegrams until one arrives: what is sent before the port is open may be lost."""
        deadline = time.monotonic() + 8
        while not met():
            assert time.monotonic() < deadline
            self.send(GOOD)
            time.sleep(0.01)
        self.is_read()

    def is_read(self) -> None:
        """Wait until the reader has taken what was sent."""
        deadline = time.monotonic() + 5
        while select.select([self._ends[1]], [], [], 0)[0]:
            assert time.monotonic() < deadline
            time.sleep(0.005)


@contextmanager
def reading(address: str) -> Iterator[Watch]:
    """A thread that reads an address, with short delays, as the daemon would."""
    stop = threading.Event()
    good: list[Frame] = []
    faults: list[GatewayError] = []

    def read() -> None:
        def wait(seconds: float) -> bool:
            return stop.wait(seconds / 50)

        good.extend(filter(None, frames(lambda: open_source(address), Framer(), wait, faults.append)))

    def until(met: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 8
        while not met():
            assert time.monotonic() < deadline, (good, faults)
            time.sleep(0.005)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield good, faults, until
    finally:
        stop.set()
        began = time.monotonic()
        thread.join(5)
        assert not thread.is_alive()
        assert time.monotonic() - began < 2.5


@pytest.mark.parametrize("settings", ["115200 8N1", "9600 7E1"])
def test_a_telegram_is_delivered_promptly(tmp_path: Path, settings: str) -> None:
    cable = Cable(tmp_path / "port")
    cable.plug_in()
    with closing(open_source(str(cable.link), settings)) as source:
        began = time.monotonic()
        cable.send(GOOD)
        got = b""
        while len(got) < len(GOOD):
            got += source.read() or b""
        assert got == GOOD
        assert time.monotonic() - began < 0.5
    cable.pull_out()


def test_a_pty_is_opened_again_and_again_with_a_parity_that_it_cannot_have(tmp_path: Path) -> None:
    cable = Cable(tmp_path / "port")
    cable.plug_in()
    for _ in range(3):
        open_source(str(cable.link), "9600 7E1").close()
    cable.pull_out()


def test_a_quiet_port_gives_nothing_for_about_a_second(tmp_path: Path) -> None:
    cable = Cable(tmp_path / "port")
    cable.plug_in()
    with closing(open_source(str(cable.link))) as source:
        began = time.monotonic()
        assert source.read() == b""
        assert 0.5 < time.monotonic() - began < 2
    cable.pull_out()


def test_a_port_pulled_out_in_mid_telegram_is_read_again_by_itself(tmp_path: Path) -> None:
    cable = Cable(tmp_path / "port")
    cable.plug_in()
    with reading(str(cable.link)) as (good, faults, until):
        cable.send_until(lambda: len(good) > 0)
        faults.clear()
        cable.send(GOOD[:40])
        cable.is_read()
        assert not faults
        cable.pull_out()
        until(lambda: len(faults) > 1)
        assert [type(fault) for fault in faults[:2]] == [MeterUnavailable, TelegramCut]
        before = len(good)
        cable.plug_in()
        cable.send_until(lambda: len(good) > before)
        assert sum(isinstance(fault, TelegramCut) for fault in faults) == 1
    cable.pull_out()


def test_an_absent_port_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MeterUnavailable, match=r"there is no .*nowhere: plug in the P1 cable"):
        open_source(str(tmp_path / "nowhere"))


def test_a_port_that_another_program_reads_says_so(tmp_path: Path) -> None:
    cable = Cable(tmp_path / "port")
    cable.plug_in()
    with (
        closing(open_source(str(cable.link))),
        pytest.raises(MeterUnavailable, match="another program is reading"),
    ):
        open_source(str(cable.link))
    cable.pull_out()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_port_without_permission_says_which_group_to_join(tmp_path: Path) -> None:
    (tmp_path / "port").touch(mode=0)
    with pytest.raises(MeterUnavailable, match=r"no permission .*dialout"):
        open_source(str(tmp_path / "port"))


def test_a_file_is_no_serial_port(tmp_path: Path) -> None:
    (tmp_path / "port").touch()
    with pytest.raises(MeterUnavailable, match="is not a serial port"):
        open_source(str(tmp_path / "port"))


def test_an_absent_capture_says_so(tmp_path: Path) -> None:
    with pytest.raises(MeterUnavailable, match=r"capture .* cannot be opened"):
        open_source((tmp_path / "nothing").as_uri())


@pytest.mark.parametrize("address", ["tcp://", "tcp://host", "tcp://:2000", "tcp://host:99999", "tcp://[::1"])
def test_an_address_that_names_no_peer_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="no address of a meter"):
        open_source(address)


@pytest.mark.parametrize("settings", ["115200", "fast 8N1", "9600 8X1", "9600 7E1 more"])
def test_unusable_serial_settings_are_refused(settings: str) -> None:
    with pytest.raises(ConfigError, match="no serial setting"):
        open_source("/dev/null", settings)


def test_a_tcp_peer_that_vanishes_in_mid_telegram_and_returns_is_read_again() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(5)
    port = server.getsockname()[1]
    with reading(f"tcp://127.0.0.1:{port}") as (good, faults, until):
        peer, _ = server.accept()
        peer.sendall(GOOD + GOOD[:40])
        until(lambda: len(good) == 1)
        server.close()
        peer.close()
        until(lambda: any("no connection" in str(fault) for fault in faults))
        assert [type(fault) for fault in faults[:2]] == [MeterUnavailable, TelegramCut]
        assert "closed the connection" in str(faults[0])
        with socket.create_server(("127.0.0.1", port)) as again:
            again.settimeout(5)
            peer, _ = again.accept()
            with peer:
                peer.sendall(GOOD)
                until(lambda: len(good) == 2)


def test_a_quiet_tcp_peer_gives_nothing_for_about_a_second() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with closing(open_source(address)) as source:
            assert source.read() == b""


def test_a_program_that_takes_bytes_away_without_a_lock_is_named_as_a_cause(tmp_path: Path) -> None:
    cable = Cable(tmp_path / "port")
    cable.plug_in()
    other = os.open(cable.link, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    stop = threading.Event()

    def take() -> None:
        while not stop.is_set():
            with suppress(BlockingIOError):
                os.read(other, 4096)

    def send() -> None:
        while not stop.wait(0.002):
            cable.send(GOOD)

    threads = [threading.Thread(target=take), threading.Thread(target=send)]
    with closing(open_source(str(cable.link))) as source:
        for thread in threads:
            thread.start()
        try:
            with pytest.raises(MeterUnavailable, match="stop any other program that reads it"):
                read_for(source, 10)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    os.close(other)
    cable.pull_out()


def read_for(source: Source, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        source.read()
