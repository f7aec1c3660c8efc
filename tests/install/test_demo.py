"""The demo as its user meets it: one command, what it prints, and a second start."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.running import COMMAND, until


class RunningDemo:
    """`p1-gateway demo`, with a few days of history in the place of 24 months."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self._process = subprocess.Popen(
            [*COMMAND, "demo", "--data-dir", str(folder), "--port", str(port), "--days", "2"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def greeting(self) -> str:
        return "".join(until(lambda: any("Ctrl+C" in line for line in self.said) and self.said, 60))

    def ctrl_c(self) -> int:
        self._process.send_signal(signal.SIGINT)
        status = self._process.wait(20)
        self._reader.join()
        return status

    def close(self) -> None:
        if self._process.poll() is None:
            self.ctrl_c()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            self.said.extend(iter(lines.readline, ""))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "demo"


@pytest.fixture
def demo(folder: Path) -> Iterator[RunningDemo]:
    running = RunningDemo(folder, free_port())
    yield running
    running.close()


def received(folder: Path, *, seconds: float) -> str:
    """What the printed mosquitto_sub command shows within some seconds."""
    heard = subprocess.run(
        ["mosquitto_sub", "-W", str(int(seconds))],
        env={**os.environ, "XDG_CONFIG_HOME": str(folder / "recipient")},
        capture_output=True,
        text=True,
        check=False,
    )
    return heard.stdout


def test_the_demo_shows_a_page_and_a_recipient_and_goes_on_where_it_stopped(
    demo: RunningDemo, folder: Path
) -> None:
    greeting = demo.greeting
    assert f"http://127.0.0.1:{demo.port}/" in greeting
    assert f"XDG_CONFIG_HOME={folder}/recipient mosquitto_sub" in greeting
    password = re.search(r"Password +(\S+)", greeting)
    assert password is not None
    with urllib.request.urlopen(f"http://127.0.0.1:{demo.port}/") as page:
        assert page.status == 200
    heard = received(folder, seconds=12)
    assert '/live {"timestamp"' in heard
    messages = heard.splitlines()
    assert all('"simulated":true' in message for message in messages if not message.startswith("p1/status"))
    status = subprocess.run(
        [*COMMAND, "status", "--config", str(folder / "gateway.toml")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "receiving (simulated)" in status.stdout
    assert demo.ctrl_c() == 0

    began = time.monotonic()
    again = RunningDemo(folder, free_port())
    try:
        assert password[1] in again.greeting
        assert "Making" not in again.greeting
        assert time.monotonic() - began < 20
        assert "/live" in received(folder, seconds=12)
    finally:
        again.close()


def test_a_port_in_use_is_told_in_a_sentence(demo: RunningDemo, tmp_path: Path) -> None:
    assert demo.greeting
    second = subprocess.run(
        [*COMMAND, "demo", "--data-dir", str(tmp_path / "other"), "--port", str(demo.port)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert second.returncode == 1
    assert second.stderr == f"p1-gateway: port {demo.port} is in use: choose another one with --port\n"
