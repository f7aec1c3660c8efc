"""The sizes on disk: they tell nothing of the day that lies behind them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.history import SealedHistory
from gateway.history.profile import ROW_BYTES
from gateway.history.seal import TAG_BYTES
from gateway.history.trace import BLOCK_BYTES
from gateway.p1 import Reading
from gateway.simulator import Household, SimulatedMeter
from tests.history.recording import look, record, unlocked
from tests.made_up import NUMBER, ZONE, local, reading

DAY = local("2026-06-10 00:00")
HOUR = timedelta(hours=1)


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
    record(history, varied_day(), flush_interval=2 * HOUR)
    blocks = look(path, "SELECT starts_at, length(sealed) FROM trace_block ORDER BY starts_at, id")
    begins = int(DAY.timestamp())
    assert [at for at, _ in blocks] == list(range(begins, begins + 86_400 + 1, 900))  # one for each quarter
    assert {size for _, size in blocks} == {BLOCK_BYTES + TAG_BYTES}
    rows = look(path, "SELECT DISTINCT length(sealed) FROM profile_row")
    assert rows == [(ROW_BYTES + TAG_BYTES,)]
    assert look(path, "SELECT count(DISTINCT length(sealed)) FROM data_key") == [(1,)]

    opened = unlocked(history, NUMBER)
    steps = {(block.starts_at - begins) // 3600: block.step_s for block in opened.trace(DAY, DAY + 24 * HOUR)}
    assert steps[7] > 1  # thinned, so as to fit
    assert steps[3] == steps[9] == steps[20] == 1
    assert opened.damaged == set()


def test_a_partly_recorded_quarter_takes_as_much_room_as_a_whole_one(
    history: SealedHistory, path: Path
) -> None:
    every_second = [reading(DAY + timedelta(seconds=n), power_import_w=n) for n in range(130)]
    for some in (every_second[:1], every_second[:60], every_second):
        record(history, some)
    assert {size for (size,) in look(path, "SELECT length(sealed) FROM trace_block")} == {
        BLOCK_BYTES + TAG_BYTES
    }


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
