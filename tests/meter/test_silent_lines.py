"""Real lines that fall silent while open: a pty, a peer that is alive but mute, one that vanished."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.errors import GatewayError, LineSilent, NoTelegram
from gateway.meter import MeterLine, frames
from gateway.meter.watch import Patience
from gateway.p1 import Frame, Framer
from gateway.p1.telegram import Telegram, serialize
from tests.ports import free_port
from tests.pty_meter import PtyMeter, nonsense
from tests.running import COMMAND, FedMeter, until

FAST, SLOW = "115200 8N1", "9600 7E1"
LINES = tuple((f"1-0:{code}.7.0", "(00.500*kW)") for code in range(1, 40))
GOOD = serialize(Telegram("XYZ5\\TEST", LINES))
# A twentieth of the usual.
PATIENCE = Patience(report=1.5, reopen=3, longest=12, pause=1)


@contextmanager
def reading(address: str) -> Iterator[tuple[list[Frame], list[GatewayError]]]:
    """A thread that reads an address as the daemon does; it stops within a few seconds."""
    stop = threading.Event()
    good: list[Frame] = []
    faults: list[GatewayError] = []
    line = MeterLine(address, patience=PATIENCE)

    def read() -> None:
        for frame in frames(line.open, Framer(), stop.wait, faults.append, line.watch):
            if frame:
                good.append(frame)
                line.settle()

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield good, faults
    finally:
        stop.set()
        began = time.monotonic()
        thread.join(10)
        assert time.monotonic() - began < 3


def test_a_serial_port_that_falls_silent_is_opened_anew_and_its_speed_sought_again(tmp_path: Path) -> None:
    speaks = threading.Event()
    speaks.set()
    with (
        PtyMeter(tmp_path / "port", lambda _: GOOD if speaks.is_set() else b"", SLOW) as meter,
        reading(str(tmp_path / "port")) as (good, faults),
    ):
        until(lambda: len(good) > 3)
        faults.clear()
        speaks.clear()
        until(lambda: len(faults) > 1)
        assert [type(fault) for fault in faults] == [LineSilent, LineSilent]
        assert "opened anew" not in str(faults[0])
        assert "opened anew: check that both ends of the P1 cable are in" in str(faults[1])
        until(lambda: meter.asked == [FAST, SLOW, FAST])
        meter.setting = FAST
        before = len(good)
        speaks.set()
        until(lambda: len(good) > before)


def test_a_peer_that_is_alive_but_mute_is_said_to_be_and_read_again_when_it_speaks() -> None:
    port = free_port()
    peer = subprocess.Popen([*COMMAND, "simulate", "--quiet", "--tcp", f"127.0.0.1:{port}"])
    try:
        with reading(f"tcp://127.0.0.1:{port}") as (good, faults):
            until(lambda: good)
            faults.clear()
            peer.send_signal(signal.SIGSTOP)
            until(lambda: len(faults) > 2)  # its kernel goes on accepting connections
            assert {type(fault) for fault in faults} == {LineSilent}
            assert "check that the network reader is connected to the meter" in str(faults[0])
            before = len(good)
            peer.send_signal(signal.SIGCONT)
            until(lambda: len(good) > before)
    finally:
        peer.send_signal(signal.SIGCONT)
        peer.terminate()
        peer.wait(20)


def test_a_peer_that_sends_no_telegram_is_said_to_and_opened_anew() -> None:
    meter = FedMeter()
    try:
        with reading(meter.address) as (_, faults):
            meter.accept()
            deadline = time.monotonic() + 20
            while len(faults) < 2:
                assert time.monotonic() < deadline
                meter.send(nonsense(50))
                time.sleep(0.2)
            assert {type(fault) for fault in faults} == {NoTelegram}
            assert "the line is opened anew" in str(faults[1])
            meter.accept()
            meter.send(GOOD)
    finally:
        meter.close()


# Run in a network of its own, whose only interface is switched off as by a cable that is pulled.
_VANISHING = """
import fcntl, socket, struct, sys, threading
from gateway.meter import MeterLine, frames
from gateway.p1 import Framer
from tests.meter.test_silent_lines import GOOD, PATIENCE

def switch(flags):
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", flags))

switch(1)
server = socket.create_server(("127.0.0.1", 0))
line = MeterLine(f"tcp://127.0.0.1:{server.getsockname()[1]}", patience=PATIENCE)
stop = threading.Event()

def on_fault(fault):
    print(type(fault).__name__, fault, flush=True)
    if "no connection" in str(fault):
        stop.set()

peers = []

def serve():
    peers.append(server.accept()[0])
    peers[0].sendall(GOOD)

threading.Thread(target=serve).start()
for frame in frames(line.open, Framer(), stop.wait, on_fault, line.watch):
    if frame:
        print("read", flush=True)
        switch(0)
"""


def test_a_peer_that_vanishes_without_a_word_is_noticed() -> None:
    own_network = ["unshare", "--map-root-user", "--net"]
    if subprocess.run([*own_network, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine allows no network of one's own")
    ran = subprocess.run(
        [*own_network, sys.executable, "-c", _VANISHING],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    said = [line.split()[0] for line in ran.stdout.splitlines()]
    assert said == ["read", "LineSilent", "LineSilent", "MeterUnavailable"]
