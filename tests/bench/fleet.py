# ruff: noqa: T201 - printing is what it is for
"""What a fleet of simulated meters costs, and whether it keeps its time, with readers at all ports.

python -m tests.bench.fleet [METERS] [SECONDS]
"""

from __future__ import annotations

import os
import re
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

from gateway.simulator.dialects import DSMR_5
from gateway.simulator.sending import bytes_per_s
from tests.running import COMMAND

FIRST_PORT = 21000
READY_WITHIN_S = 120
_TIME = re.compile(rb"0-0:1\.0\.0\((\d{12})([SW])\)")
_END = re.compile(rb"!....\r\n")


@dataclass
class Reader:
    """Who reads one meter. `begins_s` is how long after a full second that meter begins to send."""

    begins_s: float
    heard: bytearray = field(default_factory=bytearray)
    telegrams: list[datetime] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)

    def hear(self, chunk: bytes, now: float) -> None:
        self.heard += chunk
        while end := _END.search(self.heard):
            telegram = bytes(self.heard[: end.end()])
            del self.heard[: end.end()]
            at = _time_of(telegram)
            self.telegrams.append(at)
            carried_s = len(telegram) / bytes_per_s(DSMR_5.serial)
            self.late_s.append(now - (at.timestamp() + self.begins_s + carried_s))


def main() -> None:
    meters = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    with fleet(meters) as process_id, ExitStack() as opened:
        readers = [Reader(number / meters) for number in range(meters)]
        with selectors.DefaultSelector() as selector:
            for number, reader in enumerate(readers):
                line = opened.enter_context(connected(FIRST_PORT + number))
                line.setblocking(False)
                selector.register(line, selectors.EVENT_READ, reader)
            listen(selector, 5)  # the meters work out what their registers hold; then they all run
            for reader in readers:
                reader.telegrams.clear()
                reader.late_s.clear()
            began, before = time.monotonic(), cpu_s(process_id)
            listen(selector, seconds)
            took, spent = time.monotonic() - began, cpu_s(process_id) - before
    report(readers, took, spent)


def report(readers: list[Reader], took: float, spent: float) -> None:
    received = sum(len(reader.telegrams) for reader in readers)
    late_ms = [1000 * late for reader in readers for late in reader.late_s]
    hundredths = quantiles(late_ms, n=100)
    print(f"{len(readers)} meters for {took:.0f} s: {received / took:.1f} telegrams a second received")
    print(f"CPU share of the simulator: {100 * spent / took:.1f} % of one core")
    print(
        f"late, behind what the line's speed needs: p50 {hundredths[49]:.1f} ms, p99 {hundredths[98]:.1f} ms"
    )
    print(f"missed telegrams: {sum(map(missed, readers))}")


def missed(reader: Reader) -> int:
    """How many are lacking between the first and the last that came, and meters that never spoke."""
    if not reader.telegrams:
        return 1
    span = reader.telegrams[-1] - reader.telegrams[0]
    return round(span.total_seconds()) + 1 - len(reader.telegrams)


def listen(selector: selectors.BaseSelector, seconds: float) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        for key, _ in selector.select(left):
            line = key.fileobj
            assert isinstance(line, socket.socket)
            key.data.hear(line.recv(65536), time.time())


@contextmanager
def fleet(meters: int) -> Iterator[int]:
    """Run it; gives its process id once it sends."""
    where = ("--tcp", f"127.0.0.1:{FIRST_PORT}")
    command = [*COMMAND, "simulate", "--meters", str(meters), *where, "--quiet"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as started:
        try:
            with connected(FIRST_PORT + meters - 1) as last:
                last.settimeout(READY_WITHIN_S)
                assert last.recv(1), "the fleet hung up"
            yield started.pid
        finally:
            started.terminate()


def connected(port: int) -> socket.socket:
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=5)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def cpu_s(process_id: int) -> float:
    """The processor time that a process has used so far."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _time_of(telegram: bytes) -> datetime:
    found = _TIME.search(telegram)
    assert found
    local = datetime.strptime(found[1].decode(), "%y%m%d%H%M%S").replace(tzinfo=UTC)
    return datetime.fromtimestamp(local.timestamp() - (7200 if found[2] == b"S" else 3600), UTC)


if __name__ == "__main__":
    main()
