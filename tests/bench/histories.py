# ruff: noqa: T201 - printing is what it is for
"""The sealed history in figures: bytes written and kept, and how long the owner waits for an answer."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median

from gateway.demo import fill_history
from gateway.history import (
    DeviceKey,
    OpenHistory,
    Period,
    Span,
)
from gateway.history.records.periods import midnight
from gateway.history.records.trace import decode, encode
from gateway.p1 import Reading
from gateway.simulator import Household, SimulatedMeter
from tests.history.noise import noisy_quarter
from tests.history.sealed import sealed
from tests.made_up import PASSWORD, ZONE

DAY_S = 86_400
FLUSH = timedelta(seconds=60)
START = datetime(2026, 11, 11, 23, tzinfo=UTC)  # a local midnight
ROUNDS = 5


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        memory(Path(folder))
    meter = SimulatedMeter(Household(1), START)
    readings = [meter.reading_at(START + timedelta(seconds=second)) for second in range(DAY_S)]
    written_in_a_day(readings)
    thinned()
    with tempfile.TemporaryDirectory() as folder:
        two_years = filled(Path(folder) / "two years", 731, timedelta(minutes=15))
        flat(Path(folder), two_years, readings)
        queries(Path(folder), two_years, readings)


class Kept:
    """A claimed history in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        device_key = DeviceKey.load_or_create(folder / "device.key")
        self.path = folder / "gateway" / "history.db"
        self.history = sealed(self.path, device_key)
        if not self.history.claimed:
            self.history.claim(PASSWORD)

    def record(self, readings: list[Reading], flush: timedelta = FLUSH) -> float:
        """As the daemon does it; returns the seconds of processor time."""
        with closing(self.history.open_writer()) as writer:
            recorder = self.history.recorder(writer.write, flush)
            began = time.process_time()
            for reading in readings:
                recorder.record(reading)
            return time.process_time() - began

    def size(self) -> int:
        return self.path.stat().st_size

    def unlock(self, number: str) -> OpenHistory:
        return self.history.unlock(number, PASSWORD)


def filled(folder: Path, days: int, step: timedelta) -> Kept:
    """So many days of profile rows up to START, a reading each `step`."""
    kept = Kept(folder)
    first = START - timedelta(days=days)
    if step == timedelta(minutes=15):
        fill_history(kept.history, SimulatedMeter(Household(1), first), first, START, lambda part: None)
        return kept
    meter = SimulatedMeter(Household(1), first)
    at = first
    while at < START:
        month = [meter.reading_at(at + n * step) for n in range(30 * int(timedelta(days=1) / step))]
        kept.record(month, timedelta(days=40))
        at += timedelta(days=30)
    return kept


# --- what is written ---------------------------------------------------------------------------------


def written_in_a_day(readings: list[Reading]) -> None:
    """A day at a telegram a second: on an ext4 of its own, where that can be mounted."""
    with tempfile.TemporaryDirectory() as folder, _card(Path(folder)) as (disk, device):
        kept = Kept(disk / "sealed")
        device_before, before = device(), _process_written()
        kept.record(readings)
        own, own_device, size = _process_written() - before, device() - device_before, kept.size()
        device_before, before = device(), _process_written()
        plain_size = _plain(disk / "plain.db", readings)
        plain, plain_device = _process_written() - before, device() - device_before
    print(f"on disk: {size / DAY_S:.2f} bytes a telegram, all in, of a single day; a plain SQLite table of"
          f" the same values {plain_size / DAY_S:.2f}, {plain_size / size:.1f} times as much")  # fmt: skip
    print(f"written in a day: {own / 1e6:.1f} MB by the process, a flush each {FLUSH.seconds} s; the plain"
          f" table with a commit a minute {plain / 1e6:.1f}, {plain / own:.1f} times as much")  # fmt: skip
    if own_device:
        print(f"  at the device, an ext4 on a loop: {own_device / 1e6:.1f} MB;"
              f" the plain table {plain_device / 1e6:.1f}")  # fmt: skip
    else:
        print("  at the device: not known, since no file system can be mounted here")


def _plain(path: Path, readings: list[Reading]) -> int:
    """What most readers keep: a row a telegram, integer columns; a commit a minute."""
    names = list(readings[0].quantities)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute(f"CREATE TABLE reading (at INTEGER PRIMARY KEY, {', '.join(names)})")
        places = ", ".join("?" * (len(names) + 1))
        for first in range(0, len(readings), 60):
            database.execute("BEGIN")
            database.executemany(
                f"INSERT INTO reading VALUES ({places})",  # noqa: S608 - as many as there are columns
                ((int(r.at.timestamp()), *r.quantities.values()) for r in readings[first : first + 60]),
            )
            database.execute("COMMIT")
    return path.stat().st_size


@contextmanager
def _card(folder: Path) -> Iterator[tuple[Path, Callable[[], int]]]:
    """A folder on a file system of its own, and how many bytes its device was written; 0 if there is none."""
    image, disk = folder / "card.img", folder / "card"
    disk.mkdir()
    with image.open("wb") as file:
        file.truncate(200_000_000)
    try:
        subprocess.run(
            ["mkfs.ext4", "-q", "-E", "lazy_itable_init=0", str(image)], check=True, capture_output=True
        )
        subprocess.run(["mount", "-o", "loop", str(image), str(disk)], check=True, capture_output=True)
    except (subprocess.CalledProcessError, FileNotFoundError):
        yield folder, lambda: 0
        return
    found = subprocess.run(
        ["findmnt", "-n", "-o", "SOURCE", str(disk)], check=True, capture_output=True, text=True
    )
    statistics = Path("/sys/block") / Path(found.stdout.strip()).name / "stat"

    def written() -> int:
        subprocess.run(["sync", "-f", str(disk)], check=True)
        return int(statistics.read_text().split()[6]) * 512

    try:
        yield disk, written
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _process_written() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("write_bytes")).split()[1])


def thinned() -> None:
    """How many quarters of restless homes do not fit their block with every second."""
    quarters, lossy = 400, 0
    chance = Random(1)
    spent = time.process_time()
    for number in range(quarters):
        samples = noisy_quarter(
            chance, 0, sun=number % 2 == 1, current_unit_ma=10 if number % 4 > 1 else 1000
        )
        lossy += decode(encode(0, samples), 0).step_s > 1
    spent = time.process_time() - spent
    print(f"trace: {lossy} of {quarters} noisy quarters did not fit with every second;"
          f" {spent / quarters * 1e3:.0f} ms to make, write and read one")  # fmt: skip


# --- flat --------------------------------------------------------------------------------------------


def flat(folder: Path, two_years: Kept, readings: list[Reading]) -> None:
    """The recorder on an empty database, and on one of two years, in turn."""
    spent: dict[str, list[float]] = {"empty": [], "24 months": []}
    hours = readings[:7200]
    for turn in range(ROUNDS):
        for name, times in spent.items():
            copy = folder / f"{name} {turn}"
            if name != "empty":
                shutil.copytree(two_years.folder, copy)
            times.append(Kept(copy).record(hours) / len(hours) * 1e6)
            shutil.rmtree(copy)
    empty, full = (median(of) for of in spent.values())
    print(f"recorder: {empty:.0f} µs of CPU a telegram into an empty database, {full:.0f} into 24 months:"
          f" {full / empty:.2f} times as much (medians of {ROUNDS} rounds in turn)")  # fmt: skip


def memory(folder: Path) -> None:
    """Resident memory over 30 simulated days, a telegram each ten seconds."""
    kept = Kept(folder)
    meter = SimulatedMeter(Household(1), START)
    seen = []
    with closing(kept.history.open_writer()) as writer:
        recorder = kept.history.recorder(writer.write, FLUSH)
        for day in range(30):
            for step in range(8640):
                recorder.record(meter.reading_at(START + timedelta(days=day, seconds=10 * step)))
            seen.append(_resident_mib())
    print(f"recorder's memory: {seen[2]:.1f} MiB resident after 3 simulated days, {seen[14]:.1f} after 15,"
          f" {seen[29]:.1f} after 30: {seen[29] / seen[2]:.2f} times as much")  # fmt: skip


def _resident_mib() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


# --- questions ---------------------------------------------------------------------------------------


def queries(folder: Path, two_years: Kept, readings: list[Reading]) -> None:
    """What the owner asks for: keys not opened yet, and opened."""
    ten_years = filled(folder / "ten years", 3650, timedelta(hours=1))
    for kept in (two_years, ten_years):
        kept.record(readings)
    number = readings[0].meter_number or ""

    def day(of: date) -> datetime:
        return midnight(of, ZONE)

    asked: dict[str, Callable[[OpenHistory], object]] = {
        "a year in months": lambda opened: opened.usage(
            Span.MONTH, day(date(2025, 11, 1)), day(date(2026, 11, 1))
        ),
        "a year in days": lambda opened: opened.usage(
            Period.DAY, day(date(2025, 11, 1)), day(date(2026, 11, 1))
        ),
        "a month in days": lambda opened: opened.usage(
            Period.DAY, day(date(2026, 10, 1)), day(date(2026, 11, 1))
        ),
        "a day's trace, a point a minute": lambda opened: opened.points(START, START + timedelta(days=1), 60),
        "a day's trace, every reading of an hour": lambda opened: opened.points(
            START + timedelta(hours=18), START + timedelta(hours=19), 1
        ),
        "a day's trace, all 86,400 readings": lambda opened: list(
            opened.trace(START, START + timedelta(days=1))
        ),
    }
    print(f"after an unlock (Argon2id apart), 24 months, keys not opened yet / opened; medians of {ROUNDS}:")
    for what, ask in asked.items():
        (cold, warm), (cold_of_ten, warm_of_ten) = (
            _asked(kept, number, ask) for kept in (two_years, ten_years)
        )
        print(f"  {what}: {cold:.1f} / {warm:.1f} ms; in 10 years {cold_of_ten:.1f} / {warm_of_ten:.1f}")


def _asked(kept: Kept, number: str, ask: Callable[[OpenHistory], object]) -> tuple[float, float]:
    cold: list[float] = []
    warm: list[float] = []
    for _ in range(ROUNDS):
        opened = kept.unlock(number)
        for times in (cold, warm):
            began = time.perf_counter()
            ask(opened)
            times.append((time.perf_counter() - began) * 1e3)
    return median(cold), median(warm)
