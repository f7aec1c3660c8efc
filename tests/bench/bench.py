# ruff: noqa: T201 - printing is what it is for
"""Figures of this machine, now: each beside a peer or a plain baseline of the same run.

Machines are noisy: rounds of ours and the peer's alternate, and medians are printed.
"""

from __future__ import annotations

import logging
import os
import platform
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.clock import utc_now
from gateway.consent import (
    Category,
    Granularity,
    Notice,
    Terms,
)
from gateway.operations import Sharing
from gateway.simulator import Household, SimulatedMeter
from tests.bench import histories
from tests.bench.decoding import decoding, decrypting, wire_to_reading
from tests.ports import free_port
from tests.running import COMMAND, PASSWORD, FedMeter, Recipient, RunningGateway, until

START = datetime(2026, 11, 11, 23, tzinfo=UTC)  # a local midnight
DAY = 86_400
EVENING = 64_800
DECODED = 1000
CHUNK = 20
PER_SECOND = 2000


def main() -> None:
    logging.disable(logging.CRITICAL)
    meter = SimulatedMeter(Household(1), START)
    telegrams = [meter.bytes_at(START + timedelta(seconds=EVENING + s)) for s in range(DECODED)]
    size, version = len(telegrams[0]), platform.python_version()
    print(f"telegrams: DSMR 5, three phases and gas, {size} bytes each; Python {version}")
    decoding(telegrams)
    decrypting(telegrams)
    wire_to_reading(telegrams)
    with tempfile.TemporaryDirectory() as folder:
        whole_day(Path(folder), meter)
    with tempfile.TemporaryDirectory() as folder:
        resident(Path(folder))
    histories.main()


def whole_day(folder: Path, meter: SimulatedMeter) -> None:
    """A day of telegrams through the daemon: decoded, sealed, published to a real Mosquitto.

    They come as fast as the card and the broker can be expected to follow: nothing may be dropped.
    """
    with closing(FedMeter()) as line, closing(RunningGateway(folder, line.address)) as gateway:
        gateway.history.claim(PASSWORD)
        process_id = gateway.start()
        line.accept()
        given = gateway.ask(Sharing.grant, terms=_terms(), method="command").credentials
        until(lambda: gateway.status()["transports"]["mqtt"] == "connected")
        names = (given["username"], given["password"], given["topic"])
        with closing(Recipient(gateway.broker_port, *names, folder)) as recipient:
            before, written = _cpu_s(process_id), _written(process_id)
            for first in range(0, DAY, CHUNK):
                began = time.monotonic()
                line.send(
                    b"".join(meter.bytes_at(START + timedelta(seconds=first + s)) for s in range(CHUNK))
                )
                time.sleep(max(0.0, began + CHUNK / PER_SECOND - time.monotonic()))
            until(
                lambda: gateway.status()["telegrams"] == DAY and not gateway.status()["history_waiting"], 60
            )
            spent, written = _cpu_s(process_id) - before, _written(process_id) - written
            time.sleep(1)
            received = len(recipient.messages)
        dropped = gateway.status()["history_dropped"]
        gateway.stop()
    print(
        f"the whole way: {spent / DAY * 1e6:.0f} µs of CPU a telegram, decoded, sealed and published"
        f" ({DAY} telegrams, {received} messages received, {dropped} batches dropped)"
    )
    print(f"written by the whole process, the outbox too: {written / 1e6:.1f} MB in that day")


def resident(folder: Path) -> None:
    """The daemon as it runs: page served, broker connected, a telegram each second."""
    address = f"127.0.0.1:{free_port()}"
    with (
        _simulator("--tcp", address),
        closing(RunningGateway(folder, f"tcp://{address}")) as gateway,
    ):
        gateway.history.claim(PASSWORD)
        process_id = gateway.start()
        gateway.ask(Sharing.grant, terms=_terms(), method="command")
        until(lambda: gateway.status()["transports"]["mqtt"] == "connected")
        for _ in range(20):
            with urllib.request.urlopen(f"http://127.0.0.1:{gateway.page_port}/") as answer:
                answer.read()
        time.sleep(10)
        status = Path(f"/proc/{process_id}/status").read_text()
        telegrams = gateway.status()["telegrams"]
    kib = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    print(f"resident: {kib / 1024:.0f} MiB, page and broker connected, after {telegrams} telegrams")


def _terms() -> Terms:
    now = utc_now()
    grants = {Category.POWER: Granularity.LIVE, Category.ELECTRICITY: Granularity.QUARTER}
    return Terms(
        "bench", "measure", grants, now, now + timedelta(days=1), Notice("", "en"), "json", "mqtt", 5
    )


@contextmanager
def _simulator(*options: str) -> Iterator[None]:
    started = subprocess.Popen([*COMMAND, "simulate", *options], stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        started.terminate()
        started.wait(20)


def _written(process_id: int) -> int:
    """How many bytes a process has written to disks so far."""
    lines = Path(f"/proc/{process_id}/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("write_bytes")).split()[1])


def _cpu_s(process_id: int) -> float:
    """The processor time that a process and its threads have used so far."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
