"""Debian's ser2net between a meter and the gateway: raw and telnet, encrypted meters, and who is let in."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import tty
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Self

import pytest

from gateway.errors import GatewayError, ReaderInUse
from gateway.meter import frames, open_source
from gateway.p1 import Frame, Framer
from gateway.p1.cipher import Decryptor, MeterKey, encrypt
from gateway.p1.telegram import Telegram, serialize
from gateway.simulator import DEVELOPMENT_KEY
from tests.ports import free_port
from tests.running import COMMAND, FedMeter, RunningGateway, until

SER2NET = Path("/usr/sbin/ser2net")
RAW, TELNET, RFC2217 = "tcp", "telnet,tcp", "telnet(rfc2217),tcp"
KEY = MeterKey.parse("0F" * 16)
FRAMES = 12

pytestmark = pytest.mark.skipif(not SER2NET.exists(), reason="ser2net is not installed")
in_every_mode = pytest.mark.parametrize("mode", [RAW, TELNET, RFC2217])


class Ser2net:
    """ser2net on a serial port, for one reader at a time as it is by default."""

    def __init__(self, folder: Path, device: str, mode: str) -> None:
        self.port = free_port()
        config = folder / "ser2net.yaml"
        config.write_text(
            "%YAML 1.1\n---\nconnection: &p1\n"
            f"  accepter: {mode},127.0.0.1,{self.port}\n"
            f"  connector: serialdev,{device},115200n81,local\n"
        )
        self._log = (folder / "ser2net.log").open("wb")
        self._process = subprocess.Popen(
            [str(SER2NET), "-n", "-c", str(config)], stdout=self._log, stderr=self._log
        )
        until(self._listens)

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._log.close()

    def _listens(self) -> bool:
        assert self._process.poll() is None
        listening = Path("/proc/net/tcp").read_text()
        return re.search(rf":{self.port:04X} \S+ 0A ", listening) is not None


@contextmanager
def raw_pty() -> Iterator[tuple[int, str]]:
    near, far = os.openpty()
    tty.setraw(far)
    try:
        yield near, os.ttyname(far)
    finally:
        os.close(near)
        os.close(far)


def telegram(number: int) -> bytes:
    text = (b"%06d" % number).hex().upper() * 60
    return serialize(Telegram("XYZ5\\TEST", (("0-0:96.13.0", f"({text})"), ("1-0:1.7.0", "(00.500*kW)"))))


@contextmanager
def reading(address: str, key: MeterKey | None) -> Iterator[tuple[list[Frame], list[GatewayError]]]:
    stop = threading.Event()
    good: list[Frame] = []
    faults: list[GatewayError] = []

    def wait(seconds: float) -> bool:
        return stop.wait(seconds / 20)

    def read() -> None:
        framer = Framer(Decryptor(key))
        good.extend(filter(None, frames(lambda: open_source(address), framer, wait, faults.append)))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield good, faults
    finally:
        stop.set()
        thread.join(5)
        assert not thread.is_alive()


@in_every_mode
@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
def test_every_telegram_is_read(tmp_path: Path, mode: str, key: MeterKey | None) -> None:
    telegrams = [telegram(number) for number in range(FRAMES)]
    sent = telegrams
    if key:
        sent = [bytes(encrypt(one, key, b"XYZ\0\0\0\0\1", n)) for n, one in enumerate(telegrams, 1)]
        assert all(b"\xff" in one for one in sent)
    with (
        raw_pty() as (meter, device),
        Ser2net(tmp_path, device, mode) as server,
        reading(server.address, key) as (good, faults),
    ):
        until(lambda: _is_connected(server.port))
        for one in sent:
            os.write(meter, one)
        until(lambda: len(good) == FRAMES or faults)
    assert not faults
    assert [frame.body for frame in good] == [one[: one.index(b"!") + 1] for one in telegrams]


@in_every_mode
def test_a_simulated_meter_of_luxembourg_is_read(tmp_path: Path, mode: str) -> None:
    link = tmp_path / "meter"
    simulator = subprocess.Popen(
        [*COMMAND, "simulate", "--quiet", "--meter", "lu-smarty", "--speed", "100", "--pty", str(link)]
    )
    try:
        until(link.exists)
        with (
            Ser2net(tmp_path, str(link), mode) as server,
            reading(server.address, DEVELOPMENT_KEY) as (good, faults),
        ):
            until(lambda: good)
            faults.clear()  # ser2net opens the port in mid-telegram
            until(lambda: len(good) > FRAMES)
            assert not faults
    finally:
        simulator.terminate()
        simulator.wait(20)


@in_every_mode
def test_a_second_reader_learns_that_another_is_connected(tmp_path: Path, mode: str) -> None:
    with (
        raw_pty() as (_, device),
        Ser2net(tmp_path, device, mode) as server,
        closing(open_source(server.address)),
        reading(server.address, None) as (_, faults),
    ):
        until(lambda: _is_connected(server.port))
        until(lambda: len(faults) > 1)
    assert {type(fault) for fault in faults} == {ReaderInUse}
    assert "says that another program is connected to it already" in str(faults[0])


def test_daemon_and_doctor_say_that_the_reader_is_in_use(tmp_path: Path) -> None:
    with ExitStack() as open_ones:
        _, device = open_ones.enter_context(raw_pty())
        server = open_ones.enter_context(Ser2net(tmp_path, device, RAW))
        open_ones.enter_context(closing(open_source(server.address)))
        until(lambda: _is_connected(server.port))
        gateway = RunningGateway(tmp_path, server.address, broker=False)
        open_ones.callback(gateway.close)
        listened = gateway.command("doctor")
        gateway.start()
        until(lambda: gateway.status()["fault"])
        asked = gateway.command("doctor")
        for said in (listened.stdout, asked.stdout, gateway.status()["fault"], gateway.log()):
            assert "another program is connected to it already" in " ".join(said.split())
        assert (listened.returncode, asked.returncode) == (1, 1)


def test_a_reader_that_hangs_up_at_once_again_and_again_is_said_to_let_in_one() -> None:
    meter = FedMeter()
    try:
        with reading(meter.address, None) as (_, faults):
            for _ in range(3):
                meter.accept()
                meter.hang_up()
            until(lambda: len(faults) == 3)
    finally:
        meter.close()
    assert {type(fault) for fault in faults} == {ReaderInUse}
    assert "lets in one program only" in str(faults[0])


def _is_connected(port: int) -> bool:
    established = Path("/proc/net/tcp").read_text()
    return re.search(rf"0100007F:{port:04X} \S+ 01 ", established) is not None
