"""A disk that is full, read-only or slow: the port goes on, nothing stored is lost, and it is said."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.history import DeviceKey, Period, SealedHistory, keys_beside
from gateway.history.keys.keyring import COST_IN_TESTS
from gateway.history.recording.writer import Batch
from gateway.history.storage.store import Store
from gateway.simulator import Household, SimulatedMeter
from tests.history.recording import steady, unlocked
from tests.made_up import NOON, PASSWORD, ZONE
from tests.running import FedMeter, RunningGateway, until

START = datetime(2026, 11, 10, 22, 50, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SIZE = 1_500_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of a megabyte and a half."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "p1-test", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a file system can only be mounted by root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def line() -> Iterator[FedMeter]:
    meter = FedMeter()
    yield meter
    meter.close()


@pytest.fixture
def gateway(small_disk: Path, line: FedMeter) -> Iterator[RunningGateway]:
    running = RunningGateway(small_disk, line.address, broker=False)
    running.history.claim(PASSWORD)
    with closing(running):
        yield running


class Fed:
    """A meter that sends a telegram a minute, as fast as it is asked to."""

    def __init__(self, line: FedMeter, gateway: RunningGateway) -> None:
        self.meter = SimulatedMeter(Household(5), START)
        self._line = line
        self._gateway = gateway
        self.sent = 0

    def send(self, telegrams: int) -> None:
        for _ in range(telegrams):
            self._line.send(self.meter.bytes_at(START + self.sent * MINUTE))
            self.sent += 1
        until(lambda: self._gateway.status()["telegrams"] == self.sent)

    def rows(self) -> int:
        opened = self._gateway.unlock(self.meter.number)
        return sum(
            len(opened.rows(Period.QUARTER, START - MINUTE * 60, START + MINUTE * 600, one))
            for one in opened.meters
        )


def settled(gateway: RunningGateway) -> bool:
    return bool(gateway.status()["history_waiting"] == 0)


def test_on_a_full_disk_it_goes_on_reading_says_so_and_writes_all_when_there_is_room(
    gateway: RunningGateway, line: FedMeter, small_disk: Path
) -> None:
    gateway.start()
    line.accept()
    fed = Fed(line, gateway)
    fed.send(20)
    until(lambda: settled(gateway))
    kept = fed.rows()
    filling = small_disk / "filling"
    with filling.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    fed.send(120)  # the port is read on
    until(lambda: gateway.status()["history_waiting"] > 0)
    until(lambda: _said(gateway))
    assert fed.rows() >= kept
    filling.unlink()
    until(lambda: settled(gateway), 60)
    assert gateway.status()["history_dropped"] == 0
    assert gateway.stop() == 0
    assert fed.rows() - kept == 16  # eight quarters of two meters
    assert gateway.command("history", "verify").returncode == 0


def _said(gateway: RunningGateway) -> bool:
    return bool(gateway.status()["faults"].get("history_error"))


class Card:
    """An ext4 file system on a loop device, that can be made to fail as a worn card does."""

    def __init__(self, folder: Path) -> None:
        self._image = folder / "card.img"
        self.folder = folder / "card"
        self.folder.mkdir()
        with self._image.open("wb") as file:
            file.truncate(24_000_000)
        _run("mkfs.ext4", "-q", str(self._image))
        self.mount()

    def mount(self) -> None:
        _run("mount", "-o", "loop,errors=remount-ro", str(self._image), str(self.folder))

    def fail(self) -> None:
        """The kernel finds an error and lets nothing more be written."""
        try:
            device = Path(_run("findmnt", "-n", "-o", "SOURCE", str(self.folder)).strip()).name
            Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("test")
        except OSError:
            pytest.skip("the kernel lets no file system fail on purpose here")

    def repair(self) -> None:
        self.unmount()
        subprocess.run(["e2fsck", "-f", "-y", str(self._image)], capture_output=True, check=False)
        self.mount()

    def unmount(self) -> None:
        subprocess.run(["umount", str(self.folder)], capture_output=True, check=True)


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Card]:
    try:
        made = Card(tmp_path)
    except (subprocess.CalledProcessError, FileNotFoundError):
        pytest.skip("a file system can only be mounted by root, on a machine with loop devices")
    yield made
    made.unmount()


def test_on_a_card_that_became_read_only_it_goes_on_reading_says_so_and_loses_nothing_stored(
    card: Card, line: FedMeter
) -> None:
    with closing(RunningGateway(card.folder, line.address, broker=False)) as gateway:
        gateway.history.claim(PASSWORD)
        gateway.start()
        line.accept()
        fed = Fed(line, gateway)
        fed.send(40)
        until(lambda: settled(gateway))
        kept = fed.rows()
        os.sync()  # what the test itself has written
        card.fail()
        fed.send(30)  # the port is read on
        until(lambda: _said(gateway))
        gateway.kill()
    card.repair()
    gateway.start()
    line.accept()
    assert fed.rows() == kept
    assert gateway.command("history", "verify").returncode == 0
    gateway.stop()


def test_on_a_read_only_disk_it_does_not_start_and_says_why(card: Card, line: FedMeter) -> None:
    gateway = RunningGateway(card.folder, line.address, broker=False)
    gateway.history.claim(PASSWORD)
    os.sync()
    card.fail()
    started = gateway.command("run")
    assert started.returncode == 1
    assert "Read-only file system" in started.stderr or "readonly" in started.stderr
    assert "Traceback" not in started.stderr


class SlowCard:
    """Each commit takes `seconds`."""

    def __init__(self, store: Store) -> None:
        self.seconds = 0.3
        store._db.set_trace_callback(self._traced)

    def _traced(self, statement: str) -> None:
        if statement == "COMMIT":
            time.sleep(self.seconds)


def test_a_card_that_takes_seconds_for_each_write_never_keeps_the_port_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = SealedHistory(
        tmp_path / "folder" / "history.db",
        keys_beside(tmp_path / "folder" / "history.db", DeviceKey.load_or_create(tmp_path / "key")),
        ZONE,
        COST_IN_TESTS,
    )
    history.claim(PASSWORD)
    faults: list[str] = []
    writing = history.writer_thread(lambda fault: faults.append(str(fault)))
    card = SlowCard(writing._writer.store)
    history.start(writing)
    recorder = history.recorder(writing.submit, MINUTE)
    waits = []
    for one in steady(NOON, NOON + timedelta(hours=20), MINUTE):
        began = time.monotonic()
        recorder.record(one)
        waits.append(time.monotonic() - began)
    # No reading waited for a write; one or another did for a busy machine.
    assert sorted(waits)[-20] < card.seconds / 4
    assert writing.dropped > 0  # 1,200 batches do not fit the queue: they are counted and said
    assert "the disk is too slow or full" in faults[0]
    card.seconds = 0.0
    writing.drain()
    writing.stop()
    assert history.verify().findings == ()
    assert unlocked(history).meters


def test_batches_that_were_given_up_leave_what_is_stored_whole(tmp_path: Path) -> None:
    history = SealedHistory(
        tmp_path / "folder" / "history.db",
        keys_beside(tmp_path / "folder" / "history.db", DeviceKey.load_or_create(tmp_path / "key")),
        ZONE,
        COST_IN_TESTS,
    )
    history.claim(PASSWORD)
    batches: list[Batch] = []
    recorder = history.recorder(batches.append, MINUTE)
    for one in steady(NOON, NOON + timedelta(hours=2), MINUTE):
        recorder.record(one)
    with closing(history.open_writer()) as writer:
        for batch in batches[:30] + batches[60:]:
            writer.write(batch)
    assert history.verify().findings == ()
