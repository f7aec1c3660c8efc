"""The sizes on disk: they tell nothing of the day that lies behind them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.history import DeviceKey, Period, SealedHistory
from gateway.history.keys.seal import TAG_BYTES
from gateway.history.records.profile import row_bytes
from gateway.history.records.trace import BLOCK_SIZES, COLUMNS
from gateway.p1 import Reading
from gateway.simulator import Household, SimulatedMeter
from gateway.simulator.homes import HOMES, Home
from tests.auc import auc
from tests.history.recording import look, record, unlocked
from tests.history.sealed import sealed
from tests.made_up import NUMBER, PASSWORD, ZONE, local, reading

DAY = local("2026-06-10 00:00")
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
ALL_COLUMNS: dict[str, Any] = dict.fromkeys(COLUMNS, 100)


def restless(chance: random.Random, at: datetime) -> Reading:
    """Values that jump in every column: they do not fit a block at full resolution."""
    powers: dict[str, Any] = {f"power_{way}_w": chance.randrange(20_000) for way in ("import", "export")}
    phases: dict[str, Any] = {
        f"{what}_{phase}_{unit}": chance.randrange(10**6)
        for phase in ("l1", "l2", "l3")
        for what, unit in (("power_import", "w"), ("power_export", "w"), ("voltage", "mv"), ("current", "ma"))
    }
    return reading(at, energy_import_t1_wh=5_000_000, **powers, **phases)


def varied_day() -> Iterator[Reading]:
    """Asleep and still, an hour of restlessness, nobody home, a meter that was silent, an evening."""
    chance = random.Random(1)
    for minute in range(7 * 60):
        yield reading(DAY + timedelta(minutes=minute), energy_import_t1_wh=5_000_000, power_import_w=60)
    for second in range(0, 3600, 2):
        yield restless(chance, DAY + 7 * HOUR + timedelta(seconds=second))
    yield reading(DAY + 12 * HOUR, energy_import_t1_wh=5_000_000)  # four hours of silence before it
    home = SimulatedMeter(Household(3), DAY - timedelta(days=1))
    for step in range(0, 6 * 3600, 10):
        made = home.reading_at(DAY + 18 * HOUR + timedelta(seconds=step))
        yield replace(made, meter_number=NUMBER, mbus=())
    yield reading(DAY + 24 * HOUR, energy_import_t1_wh=9_000_000)


def test_blocks_have_one_size_over_a_day_with_absent_quiet_and_busy_hours(
    history: SealedHistory, path: Path
) -> None:
    record(history, (reading(DAY - 10 * MINUTE + n * SECOND, **ALL_COLUMNS) for n in range(600)))
    record(history, varied_day(), flush_interval=2 * HOUR)
    begins = int(DAY.timestamp())
    blocks = look(
        path,
        "SELECT starts_at, length(sealed) FROM trace_block WHERE starts_at >= ? ORDER BY starts_at, id",
        begins,
    )
    assert [at for at, _ in blocks] == list(range(begins, begins + 86_400 + 1, 900))  # one for each quarter
    assert {size for at, size in blocks if at < begins + 86_400} == {BLOCK_SIZES[-1] + TAG_BYTES}
    rows = look(path, "SELECT DISTINCT length(sealed) FROM profile_row")
    assert rows == [(row_bytes("electricity") + TAG_BYTES,)]
    assert look(path, "SELECT count(DISTINCT length(sealed)) FROM data_key") == [(1,)]

    opened = unlocked(history, NUMBER)
    steps = {(block.starts_at - begins) // 3600: block.step_s for block in opened.trace(DAY, DAY + 24 * HOUR)}
    assert steps[7] > 1  # thinned, so as to fit
    assert steps[3] == steps[9] == steps[20] == 1
    assert opened.damaged == set()


def test_a_partly_recorded_quarter_takes_as_much_room_as_a_whole_one(
    history: SealedHistory, path: Path
) -> None:
    every_second = [reading(DAY + timedelta(seconds=n), power_import_w=n) for n in range(1, 1900)]
    for some in (every_second[:899], every_second[899:900], every_second[900:930], every_second[930:]):
        record(history, some)
    assert look(path, "SELECT DISTINCT length(sealed) FROM trace_block") == [(976 + TAG_BYTES,)]


def test_a_meter_that_speaks_more_often_gets_larger_blocks_at_once_and_smaller_ones_from_the_next_day(
    history: SealedHistory, path: Path
) -> None:
    slow = [reading(DAY + 10 * n * SECOND, power_import_w=n) for n in range(180)]
    fast = [reading(DAY + HOUR + n * SECOND, power_import_w=n) for n in range(1800)]
    slow_again = [reading(DAY + 2 * HOUR + 10 * n * SECOND, power_import_w=n) for n in range(23 * 360)]
    record(history, [*slow, *fast, *slow_again], flush_interval=HOUR)
    sizes = look(path, "SELECT starts_at, length(sealed) FROM trace_block ORDER BY starts_at")
    of_hour = {(at - int(DAY.timestamp())) // 3600: size - TAG_BYTES for at, size in sizes}
    assert [of_hour[hour] for hour in (0, 1, 2, 23, 24)] == [464, 976, 976, 976, 464]


def test_days_with_23_and_25_hours_have_a_block_for_each_quarter(history: SealedHistory, path: Path) -> None:
    for day, quarters in (("2026-03-29", 92), ("2026-10-25", 100)):
        begins = local(f"{day} 00:00")
        ends = (begins + 30 * HOUR).astimezone(ZONE).replace(hour=0)
        record(history, (reading(at, power_import_w=1) for at in (begins, begins + 12 * HOUR, ends)))
        of_day = look(
            path, "SELECT count(*) FROM trace_block JOIN data_key ON data_key.id = data_key_id WHERE day = ?",
            begins.astimezone(ZONE).date().toordinal(),
        )  # fmt: skip
        assert of_day == [(quarters,)]


# --- active against absent -------------------------------------------------------------------------

HOME = replace(HOMES["family"], devices=("gas",))


def days_of(home: Home, seeds: Iterable[int]) -> Iterator[Iterator[Reading]]:
    """A winter's working day in each of these homes, a reading every 20 seconds."""
    begins = local("2026-01-13 00:00")
    for seed in seeds:
        meter = SimulatedMeter(Household(seed, home), begins - timedelta(days=30))
        yield (meter.reading_at(begins + 20 * SECOND * n) for n in range(4321))


def seen_by_a_thief(folder: Path) -> dict[str, list[int]]:
    """All sizes and counts, of files, rows, blocks and keys, and where in the day they lie."""
    path = folder / "history.db"
    files = {file.name: [file.stat().st_size] for file in folder.iterdir() if file.is_file()}
    seen = files | {
        "rows": [n for row in look(
            path, "SELECT period, ends_at / 900, count(*), sum(length(sealed)) FROM profile_row GROUP BY 1, 2"
        ) for n in row],
        "blocks": [n for row in look(
            path, "SELECT starts_at, count(*), sum(length(sealed)) FROM trace_block GROUP BY 1"
        ) for n in row],
        "keys": [n for row in look(path, "SELECT day, length(sealed) FROM data_key") for n in row],
        "remembered": [n for (n,) in look(path, "SELECT length(hidden) FROM daemon_state ORDER BY name")],
        "household": [n for (n,) in look(path, "SELECT length(sealed) FROM meters_record")],
        "pages": look(path, "PRAGMA page_count")[0] + look(path, "PRAGMA freelist_count")[0],
    }  # fmt: skip
    return {name: list(numbers) for name, numbers in seen.items()}


def test_no_size_and_no_count_on_disk_tells_an_active_day_from_an_absent_one(tmp_path: Path) -> None:
    days: dict[bool, list[dict[str, list[int]]]] = {True: [], False: []}
    used: dict[bool, list[int]] = {True: [], False: []}
    for active, home in ((True, HOME), (False, replace(HOME, seldom_used=True))):
        for number, day in enumerate(days_of(home, range(1, 7))):
            folder = tmp_path / f"{active}{number}"
            device_key = DeviceKey.load_or_create(tmp_path / "keys" / folder.name)
            history = sealed(folder / "history.db", device_key)
            history.claim(PASSWORD)
            rows = record(history, day, flush_interval=5 * MINUTE)
            on_days = [row.quantities for row in rows if row.period is Period.DAY]
            counts = [sum(q.get(f"energy_import_t{t}_wh", 0) for t in (1, 2)) for q in on_days]
            used[active].append(max(counts) - min(count for count in counts if count))
            days[active].append(seen_by_a_thief(folder))
    assert min(used[True]) > max(used[False])
    names = set().union(*(day for of in days.values() for day in of))
    for name in names:
        numbers = {active: [day.get(name, []) for day in of] for active, of in days.items()}
        longest = max(len(found) for of in numbers.values() for found in of)
        for at in range(longest):
            both = [
                [float(found[at]) if at < len(found) else -1.0 for found in numbers[who]]
                for who in (True, False)
            ]
            assert auc(*both) <= 0.52, f"{name} tells whether someone was at home"
