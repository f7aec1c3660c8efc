"""New epochs and damage, from the telegram to what the owner reads: never a negative or absurd usage."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.history import (
    DeviceKey,
    Period,
    Plausibility,
    Recorder,
    Row,
    SealedHistory,
    Span,
    keys_beside,
)
from gateway.history.keys.keyring import COST_IN_TESTS
from gateway.history.queries.export import of_usage
from gateway.history.recording.writer import Batch
from gateway.p1 import Reading
from tests.history.recording import MINUTE, unlocked
from tests.made_up import NOON, NUMBER, PASSWORD, ZONE, local, reading
from tests.thorough import times

QUARTER, HOUR, DAY = timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)
OLD = 1_234_567


class Gateway:
    """What the daemon does with a reading, without its threads; it can be stopped, and killed."""

    def __init__(self, history: SealedHistory) -> None:
        self._history = history
        self._batches: list[Batch] = []
        self.rows: list[Row] = []
        self.shown: list[Mapping[str, int]] = []
        self.latest: Reading | None = None
        self._start()

    def _start(self) -> None:
        self.plausibility = Plausibility()
        self._recorder: Recorder = self._history.recorder(self._batches.append, MINUTE, self.plausibility)

    def take(self, one: Reading) -> None:
        for judged in self.plausibility.judge(one):
            self.rows += self._recorder.record(*judged)
            self.shown.append(self._recorder.usage_today())
            self.latest = judged.reading

    def take_all(self, readings: Iterable[Reading]) -> None:
        for one in readings:
            self.take(one)

    def stop(self) -> None:
        if self.latest is not None:
            self._recorder.flush(self.latest.at)
        self.kill()

    def kill(self) -> None:
        """What was not handed over yet is lost."""
        if self._batches:
            with closing(self._history.open_writer()) as writer:
                writer.write(*self._batches)
            self._batches.clear()
        self._start()


@pytest.fixture
def gateway(history: SealedHistory) -> Gateway:
    return Gateway(history)


def minutes(first: datetime, last: datetime, register: int, **more: Any) -> list[Reading]:
    """A telegram each minute from `first` up to `last`: 10 Wh in each."""
    return [
        reading(first + n * MINUTE, energy_import_t1_wh=register + 10 * n, **more)
        for n in range(int((last - first) / MINUTE))
    ]


def usages(history: SealedHistory, period: Period, first: datetime, last: datetime) -> list[int | None]:
    return [usage.import_wh for usage in unlocked(history).usage(period, first, last)]


@pytest.mark.parametrize("level", [15, OLD + 1_000_000], ids=["replaced", "jumped by 1000 kWh"])
def test_usage_over_a_new_epoch_is_unknown_and_counts_on_both_sides_of_it(
    history: SealedHistory, gateway: Gateway, level: int
) -> None:
    midnight = local("2026-06-10 00:00")
    changed = midnight + 10 * HOUR + 20 * MINUTE
    gateway.take_all(minutes(midnight, changed, OLD))
    gateway.take_all(minutes(changed, midnight + DAY + HOUR, level))
    gateway.stop()
    ten, eleven = midnight + 10 * HOUR, midnight + 11 * HOUR
    assert usages(history, Period.QUARTER, ten, eleven) == [150, None, 150, 150]
    assert usages(history, Period.HOUR, ten - HOUR, eleven + HOUR) == [600, 450, 600]
    (day,) = unlocked(history).usage(Period.DAY, midnight, midnight + DAY)
    assert (day.import_wh, day.complete) == (24 * 600 - 150, False)
    hours = unlocked(history).usage(Period.HOUR, midnight, midnight + DAY)
    assert [usage.complete for usage in hours] == [True] * 10 + [False] + [True] * 13
    whole = of_usage(unlocked(history), Span.QUARTER, midnight, midnight + DAY)
    known = [line["import_kwh"] for line in csv.DictReader(whole.csv_lines())]
    assert known == ["0.15"] * 41 + [""] + ["0.15"] * 54


def test_rows_of_every_period_in_which_registers_began_anew_say_so(
    history: SealedHistory, gateway: Gateway
) -> None:
    begin = local("2026-06-30 21:00")
    gateway.take_all(minutes(begin, begin + HOUR, OLD))
    gateway.kill()
    gateway.take_all(minutes(begin + HOUR, begin + 2 * HOUR, OLD + 40_000))
    gateway.kill()  # and the month's row is the first after that
    gateway.take_all(minutes(begin + 2 * HOUR, begin + 4 * HOUR, OLD + 40_600))
    anew = [(row.period, row.ends_at - begin) for row in gateway.rows if row.new_epoch]
    assert anew == [
        (Period.QUARTER, HOUR), (Period.HOUR, HOUR), (Period.DAY, 3 * HOUR), (Period.MONTH, 3 * HOUR)
    ]  # fmt: skip
    assert not any("demand_w" in row.quantities for row in gateway.rows if row.new_epoch)
    after = [row for row in gateway.rows if row.ends_at == begin + HOUR + QUARTER]
    assert [row.quantities["demand_w"] for row in after] == [600]


def test_a_month_with_a_replaced_meter_is_what_its_days_and_hours_tell(
    history: SealedHistory, gateway: Gateway
) -> None:
    first, last = local("2026-06-01 00:00"), local("2026-07-01 00:00")

    def hourly(begin: datetime, end: datetime, register: int) -> list[Reading]:
        return [
            reading(begin + n * HOUR, energy_import_t1_wh=register + 500 * n)
            for n in range(int((end - begin) / HOUR))
        ]

    changed = local("2026-06-17 14:00")
    gateway.take_all(hourly(first, changed, OLD) + hourly(changed, last + 2 * HOUR, 0))
    gateway.stop()
    (month,) = unlocked(history).usage(Period.MONTH, first, last)
    assert (month.import_wh, month.complete) == (30 * 24 * 500 - 500, False)


def test_todays_usage_is_unknown_once_registers_began_anew_until_the_next_midnight(gateway: Gateway) -> None:
    midnight = local("2026-06-10 00:00")
    gateway.take_all(minutes(midnight, midnight + HOUR, OLD))
    assert gateway.shown[-1] == {"energy_import_t1_wh": 590}
    gateway.take_all(minutes(midnight + HOUR, midnight + 2 * HOUR, OLD + 150_000))
    assert gateway.shown[-1] == {}
    gateway.take_all(minutes(midnight + DAY, midnight + DAY + HOUR, OLD + 160_000))
    assert gateway.shown[-1] == {"energy_import_t1_wh": 590}


@pytest.mark.parametrize("level", [30, 6_000_000], ids=["replaced", "jumped by 1000 m3"])
def test_a_gas_meter_replaced_under_its_number_leaves_the_electricity_as_it_is(
    history: SealedHistory, gateway: Gateway, level: int
) -> None:
    captured = {0: 5_000_000, 1: 5_000_400, 2: level, 3: level + 400, 4: level + 900}
    midnight = local("2026-06-10 00:00")
    for minute in range(26 * 60):
        gas = (midnight + minute // 60 * HOUR, captured[min(minute // 60, 4)])
        gateway.take(reading(midnight + minute * MINUTE, energy_import_t1_wh=OLD + minute, gas=gas))
    gateway.stop()
    (day,) = unlocked(history).usage(Period.DAY, midnight, midnight + DAY)
    assert (day.import_wh, day.of("gas"), day.complete) == (24 * 60, 1300, False)
    found = unlocked(history).usage(Period.HOUR, midnight, midnight + 4 * HOUR)
    assert [(usage.import_wh, usage.of("gas")) for usage in found] == [
        (60, 400), (60, None), (60, 400), (60, 500)
    ]  # fmt: skip
    assert [usage.complete for usage in found] == [True, False, True, True]


@pytest.mark.parametrize("wrong", [3, 8_234_567], ids=["fallen", "absurd"])
def test_a_damaged_telegram_at_the_end_of_a_quarter_and_after_a_restart_leaves_no_trace(
    history: SealedHistory, gateway: Gateway, wrong: int
) -> None:
    telegrams = minutes(NOON, NOON + HOUR + 2 * MINUTE, OLD)
    for n, one in enumerate(telegrams):
        if n in (15, 30):
            gateway.kill()
            one = reading(one.at, energy_import_t1_wh=wrong)  # noqa: PLW2901 - the damage
        gateway.take(one)
    gateway.stop()
    found = unlocked(history).usage(Period.QUARTER, NOON, NOON + HOUR)
    assert [usage.import_wh for usage in found] == [160, 150, 140, 150], (
        "the reading after it is a minute late"
    )
    blocks = unlocked(history).trace(NOON, NOON + 2 * HOUR)
    assert len({sample.at for block in blocks for sample in block.samples}) == len(telegrams) - 2


def test_readings_that_wait_for_confirmation_over_midnight_give_the_rows_of_their_own_time(
    gateway: Gateway,
) -> None:
    midnight = local("2026-06-10 00:00")
    gateway.take_all(minutes(midnight - HOUR, midnight, OLD))
    gateway.take_all(minutes(midnight, midnight + 10 * MINUTE, 15))
    anew = {row.period: (row.read_at, row.quantities["energy_import_t1_wh"]) for row in gateway.rows[4:]}
    assert anew[Period.DAY] == (midnight, 15)


def test_a_memory_of_an_older_version_still_loads(history: SealedHistory) -> None:
    batches: list[Batch] = []
    recorder = history.recorder(batches.append, MINUTE)
    for one in minutes(NOON, NOON + HOUR, OLD):
        recorder.record(one)
    memory = json.loads(json.dumps(batches[-1].memory))
    del memory["plausibility"]
    for profile in memory["profiles"].values():
        del profile["broken"]
    plausibility = Plausibility()
    after = Recorder(batches.append, ZONE, MINUTE, memory, plausibility)
    (judged,) = plausibility.judge(reading(NOON + HOUR, energy_import_t1_wh=OLD + 600))
    assert [row.new_epoch for row in after.record(*judged)] == [False, False]


def test_rows_that_an_older_version_wrote_over_a_jump_show_no_absurd_usage(history: SealedHistory) -> None:
    batches: list[Batch] = []
    recorder = history.recorder(batches.append, MINUTE)  # nothing judged, as it was before
    for one in [*minutes(NOON, NOON + HOUR, OLD), *minutes(NOON + HOUR, NOON + 2 * HOUR, OLD + 1_000_000)]:
        recorder.record(one)
    recorder.flush(NOON + 2 * HOUR)
    with closing(history.open_writer()) as writer:
        writer.write(*batches)
    assert usages(history, Period.QUARTER, NOON + 2 * QUARTER, NOON + HOUR + QUARTER) == [150, None, 150]


# --- whatever happens --------------------------------------------------------------------------


class World:
    """A home with two tariffs and gas, and all that can go wrong on the way to its gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.true_at = self.at = local("2026-06-09 18:00")
        self.first_at = self.at
        self.registers = [OLD, 500_000, 4_000_000]
        self.used = [0, 0, 0]
        self.gas_number = "G1"
        self.jumps = 0
        self.shifted = timedelta(0)

    def step(self, happening: str, size: int) -> None:
        getattr(self, happening)(size)

    def live(self, size: int) -> None:
        """Some telegrams, one, ten or 900 seconds apart."""
        every = (1, 10, 60, 900)[size % 4]
        for _ in range(1 + size % 30):
            self.pass_time(every, watts=size % 20_000)
            self.tell()

    def silence(self, size: int) -> None:
        self.pass_time(size % 400_000, watts=400)

    def pass_time(self, seconds: int, watts: int) -> None:
        self.true_at += timedelta(seconds=seconds)
        used = (watts * seconds // 3600, watts * seconds // 7200, seconds // 3)
        for n, amount in enumerate(used):
            self.registers[n] = (self.registers[n] + amount) % 10**9
            self.used[n] += amount

    def tell(self, damaged: Mapping[int, int] | None = None, **more: Any) -> None:
        """A telegram; `damaged` are the registers that are not as they should be."""
        t1, t2, gas = (dict(enumerate(self.registers)) | dict(damaged or {})).values()
        at = self.true_at + self.shifted
        captured_at = at.replace(minute=at.minute // 5 * 5, second=0)
        self.gateway.take(
            reading(
                at,
                energy_import_t1_wh=t1,
                energy_import_t2_wh=t2,
                gas=(captured_at, gas),
                gas_number=self.gas_number,
                **{"power_import_w": 400, **more},
            )
        )

    def damage(self, size: int) -> None:
        """One telegram, in which a register is far from what it should be."""
        which = size % 3
        wrong = self.registers[which] + (-1) ** size * (5_000_000 + size)
        self.pass_time(10, watts=400)
        self.tell({which: wrong % 10**9})

    def damage_anything(self, size: int) -> None:
        self.pass_time(10, watts=400)
        self.tell({size % 3: size * 997 % 10**9})

    def absurd_power(self, size: int) -> None:
        self.pass_time(10, watts=400)
        self.tell(power_import_w=150_000 + size)

    def replace(self, size: int) -> None:
        """The electricity meter, under the same number."""
        self.registers[:2] = self.elsewhere(size), self.elsewhere(size // 2)

    def replace_gas(self, size: int) -> None:
        self.registers[2] = self.elsewhere(size)

    def swap_gas(self, size: int) -> None:
        self.gas_number = f"G{size % 3}"
        self.registers[2] = self.elsewhere(size)

    def elsewhere(self, size: int) -> int:
        """Far from where any register was: no telegram can tell a small jump from use."""
        self.jumps += 1
        return self.jumps * 70_000_000 % 900_000_000 + size

    def roll_over(self, _: int) -> None:
        if self.registers[0] < 950_000_000:
            self.registers[0] = 10**9 - 100

    def shift_clock(self, size: int) -> None:
        self.shifted = timedelta(seconds=(-1) ** size * (size % 200_000))

    def restart(self, _: int) -> None:
        self.gateway.stop()

    def kill(self, _: int) -> None:
        self.gateway.kill()


HONEST = ["live", "live", "live", "silence", "damage", "absurd_power", "replace", "replace_gas", "swap_gas",
          "roll_over", "restart", "kill"]  # fmt: skip
sizes = st.integers(0, 900_000)


def happenings(of: list[str], most: int) -> st.SearchStrategy[list[tuple[str, int]]]:
    return st.lists(st.tuples(st.sampled_from(of), sizes), min_size=3, max_size=most)


class Told:
    """A world, and all that its owner and recipients get to see of it."""

    def __init__(self, folder: Path, steps: list[tuple[str, int]]) -> None:
        history = SealedHistory(
            folder / "history.db",
            keys_beside(folder / "history.db", DeviceKey.load_or_create(folder / "key")),
            ZONE,
            COST_IN_TESTS,
        )
        history.claim(PASSWORD)
        self.gateway = Gateway(history)
        self.world = World(self.gateway)
        self.world.live(0)
        for happening, size in steps:
            self.world.step(happening, size)
        for _ in range(8):  # with nothing used: a register that rolls over here would be held at the end
            self.world.pass_time(10, watts=0)
            self.world.tell()
        self.gateway.stop()
        self.opened = unlocked(history, NUMBER)

    def usages(self, period: Period) -> list[tuple[timedelta, dict[str, int]]]:
        ends = [row.ends_at for row in self.gateway.rows] + [self.world.first_at]
        first, last = min(ends) - DAY, max(ends) + DAY
        return [(u.ends_at - u.starts_at, u.quantities) for u in self.opened.usage(period, first, last)]


@given(happenings([*HONEST, "damage_anything", "shift_clock", "shift_clock"], 14))
@settings(max_examples=times(usual=20, long=200), deadline=None)
def test_whatever_happens_no_usage_is_negative_or_more_than_a_connection_gives(
    steps: list[tuple[str, int]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        told = Told(Path(folder), steps)
        found = [(length, used) for period in Period for length, used in told.usages(period)]
    for length, used in found:
        assert used.keys() <= {"energy_import_t1_wh", "energy_import_t2_wh", "gas_litre"}
        for name, amount in used.items():
            # The last register of a period may have been read as late as the end of the next one.
            hours = 2 * length / HOUR
            assert 0 <= amount <= (300_000 if name == "gas_litre" else 200_000) * hours + 2000
    for today in told.gateway.shown:
        assert all(0 <= amount <= 25 * 300_000 for amount in today.values())
    for row in told.gateway.rows:
        assert 0 <= row.quantities.get("demand_w", 0) <= 2 * 200_000 + 400_000
    assert told.gateway.latest is not None
    world = told.world
    assert told.gateway.latest.at == world.true_at + world.shifted, "what is true is taken up in the end"


@given(happenings(HONEST, 14))
@settings(max_examples=times(usual=20, long=200), deadline=None)
def test_with_a_true_clock_nothing_is_shown_as_used_that_was_not_used(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        told = Told(Path(folder), steps)
        sums = [(period, _sum(used for _, used in told.usages(period))) for period in Period]
    t1, t2, gas = told.world.used
    for period, total in sums:
        assert total.get("energy_import_t1_wh", 0) <= t1, period
        assert total.get("energy_import_t2_wh", 0) <= t2, period
        assert total.get("gas_litre", 0) <= gas, period
    for today in told.gateway.shown:
        assert today.get("energy_import_t1_wh", 0) <= t1
        assert today.get("gas_litre", 0) <= gas


def _sum(each: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for used in each:
        for name, amount in used.items():
            total[name] = total.get(name, 0) + amount
    return total
