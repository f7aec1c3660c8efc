"""Plausibility: what goes on at once, what is held, what confirms it and what drops it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import GatewayError, ImplausibleReading, RegistersBeganAnew
from gateway.history import Judged, Plausibility
from gateway.history.recording.plausibility import CONFIRMATIONS
from gateway.p1 import Reading
from gateway.simulator import Household, SimulatedMeter
from tests.made_up import GAS_NUMBER, NOON, NUMBER, reading, utc
from tests.thorough import times

SECOND = timedelta(seconds=10)
HOUR = timedelta(hours=1)
OLD, NEW = 1_234_567, 15


class Line:
    """Telegrams of a meter, ten seconds apart, and what became of each."""

    def __init__(self) -> None:
        self.faults: list[GatewayError] = []
        self.plausibility = Plausibility(self.faults.append)
        self.at = NOON

    def say(self, *registers: int, **more: Any) -> list[list[Judged]]:
        """What each telegram made go on; they differ in one register."""
        return [self.hear(reading(self.passed(), energy_import_t1_wh=wh, **more)) for wh in registers]

    def hear(self, one: Reading) -> list[Judged]:
        return self.plausibility.judge(one)

    def passed(self, time: timedelta = SECOND) -> datetime:
        self.at += time
        return self.at

    @property
    def counts(self) -> tuple[int, int, int]:
        return self.plausibility.held, self.plausibility.dropped, self.plausibility.epochs

    def restart(self) -> None:
        memory = json.loads(json.dumps(self.plausibility.snapshot()))
        self.plausibility = Plausibility(self.faults.append)
        self.plausibility.recall(memory)


def registers(judged: list[list[Judged]]) -> list[list[int]]:
    return [[one.reading.quantities["energy_import_t1_wh"] for one in each] for each in judged]


def gas_of(judged: list[Judged]) -> list[list[int]]:
    return [[device.register for device in one.reading.mbus] for one in judged]


@pytest.fixture
def line() -> Line:
    return Line()


def test_readings_that_follow_each_other_go_on_as_they_came(line: Line) -> None:
    one = reading(NOON, energy_import_t1_wh=OLD, gas=(NOON, 5))
    assert line.hear(one) == [Judged(one)]
    assert line.hear(one)[0].reading is one
    assert registers(line.say(OLD, OLD + 1, OLD + 20)) == [[OLD], [OLD + 1], [OLD + 20]]
    assert line.counts == (0, 0, 0)


@pytest.mark.parametrize("damaged", [0, 234_567, OLD - 1, OLD + 1000, 8_234_567, 999_999_999])
def test_one_damaged_telegram_is_dropped_counted_and_told_without_its_numbers(
    line: Line, damaged: int
) -> None:
    assert registers(line.say(OLD, damaged, OLD + 1)) == [[OLD], [], [OLD + 1]]
    assert line.counts == (1, 1, 0)
    (fault,) = line.faults
    assert isinstance(fault, ImplausibleReading)
    assert not any(character.isdigit() for character in str(fault))


@pytest.mark.parametrize("count", range(1, CONFIRMATIONS + 1))
def test_damage_that_lasts_less_than_four_telegrams_is_all_dropped(line: Line, count: int) -> None:
    judged = line.say(OLD, *[NEW] * count, OLD + 1)
    assert registers(judged) == [[OLD], *[[]] * count, [OLD + 1]]
    assert line.counts == (count, count, 0)


@pytest.mark.parametrize("level", [NEW, OLD + 1_000_000], ids=["replaced", "jumped"])
def test_three_more_telegrams_make_a_level_a_new_epoch_and_nothing_of_it_is_lost(
    line: Line, level: int
) -> None:
    judged = line.say(OLD, level, level + 1, level + 2, level + 3, level + 4)
    assert registers(judged) == [[OLD], [], [], [], [level + n for n in range(4)], [level + 4]]
    assert [one.new_epochs for each in judged for one in each] == [
        frozenset(), frozenset({NUMBER}), *[frozenset()] * 4
    ]  # fmt: skip
    assert line.counts == (4, 0, 1)
    (fault,) = line.faults
    assert isinstance(fault, RegistersBeganAnew)
    assert not any(character.isdigit() for character in str(fault))


def test_a_register_that_rolls_over_is_a_new_epoch(line: Line) -> None:
    judged = line.say(999_999_998, 999_999_999, 0, 1, 2, 3)
    assert registers(judged) == [[999_999_998], [999_999_999], [], [], [], [0, 1, 2, 3]]
    assert judged[-1][0].new_epochs == {NUMBER}


def test_two_levels_in_turn_are_neither_taken_up_nor_remembered(line: Line) -> None:
    line.say(OLD)
    judged = line.say(*[NEW, OLD + 5_000_000] * 500)
    assert all(each == [] for each in judged)
    assert line.counts == (1000, 999, 0)
    assert registers(line.say(OLD + 30)) == [[OLD + 30]]
    assert line.counts == (1000, 1000, 0)


def test_a_level_that_comes_in_turn_with_the_true_one_is_dropped_each_time(line: Line) -> None:
    judged = line.say(OLD, *[NEW, OLD + 1] * 50)
    assert registers(judged[1:]) == [[], [OLD + 1]] * 50
    assert line.counts == (50, 50, 0)


def test_every_register_is_judged_by_itself(line: Line) -> None:
    def both(t1: int, t2: int, exported: int) -> list[Judged]:
        return line.hear(
            reading(
                line.passed(),
                energy_import_t1_wh=t1,
                energy_import_t2_wh=t2,
                energy_export_wh=exported,
            )
        )

    assert both(500, 9000, 70)
    assert both(501, 9000, 70)
    assert not both(502, 8999, 70), "the other one fell, the sum rose"
    assert both(502, 9000, 70)
    assert not both(502, 9000, 9_000_070)
    assert both(502, 9000, 71)
    assert line.counts == (2, 2, 0)


def test_a_register_left_out_of_a_telegram_is_no_fault_and_is_still_known_afterwards(line: Line) -> None:
    def said(**known: Any) -> bool:
        return bool(line.hear(reading(line.passed(), **known)))

    assert said(energy_import_t1_wh=500, energy_import_t2_wh=9000)
    assert said(energy_import_t1_wh=501)
    assert not said(energy_import_t1_wh=501, energy_import_t2_wh=5_009_000)
    assert said(energy_import_t1_wh=501, energy_import_t2_wh=9001)


def test_a_register_never_seen_before_waits_for_confirmation_and_is_no_epoch(line: Line) -> None:
    line.say(OLD)
    judged = line.say(OLD, OLD, OLD, OLD, energy_export_t1_wh=3)
    assert [len(each) for each in judged] == [0, 0, 0, 4]
    assert line.counts == (4, 0, 0)


def test_a_reading_that_was_taken_up_wrongly_is_no_level_to_begin_anew_from(line: Line) -> None:
    """A lost bit in a low digit looks like use; what follows tells that it was none."""
    judged = line.say(OLD, OLD + 80, OLD, OLD, OLD + 1, OLD + 1)
    assert registers(judged)[-1] == [OLD, OLD, OLD + 1, OLD + 1]
    assert not any(one.new_epochs for each in judged for one in each)
    assert line.counts == (4, 1, 0)


@pytest.mark.parametrize(
    ("every", "rise"), [(900, 900 * 15), (4 * 3600, 90_000), (30 * 86_400, 900_000)], ids=str
)
def test_a_longer_silence_allows_more(line: Line, every: int, rise: int) -> None:
    line.say(OLD)
    line.at += timedelta(seconds=every)
    assert registers(line.say(OLD + rise)) == [[OLD + rise]]
    assert line.counts == (0, 0, 0)


def test_a_meter_that_renews_its_registers_each_quarter_hour_never_begins_anew(line: Line) -> None:
    for quarter in range(4):
        line.say(*[OLD + quarter * 2500] * 90)
    held, dropped, epochs = line.counts
    assert (dropped, epochs) == (0, 0)
    assert held == 3 * (CONFIRMATIONS + 1)


@pytest.mark.parametrize("back", [1, 1800, 3600, 5400, 86_400 * 30])
def test_a_clock_set_back_raises_no_alarm_and_blinds_nobody(line: Line, back: int) -> None:
    line.say(OLD)
    line.at -= timedelta(seconds=back)
    assert registers(line.say(OLD + 20, OLD - 1, OLD + 40, OLD + 900_040, OLD + 60)) == [
        [OLD + 20], [], [OLD + 40], [], [OLD + 60]
    ]  # fmt: skip
    assert line.counts == (2, 2, 0)


@pytest.mark.parametrize("ahead", [HOUR, timedelta(days=365)])
def test_a_clock_that_jumps_ahead_and_back_raises_no_alarm_and_blinds_nobody(
    line: Line, ahead: timedelta
) -> None:
    line.say(OLD)
    line.at += ahead
    assert registers(line.say(OLD + 1)) == [[OLD + 1]]
    line.at -= ahead
    assert registers(line.say(OLD + 2, OLD + 800_000, NEW, OLD + 3)) == [[OLD + 2], [], [], [OLD + 3]]


# --- power -------------------------------------------------------------------------------------


def test_a_power_that_no_connection_gives_is_dropped_when_its_neighbours_contradict_it(line: Line) -> None:
    judged = line.say(OLD, power_import_w=480)
    judged += line.say(OLD, power_import_w=800_480)
    judged += line.say(OLD, power_import_w=481)
    assert [len(each) for each in judged] == [1, 0, 1]
    assert line.counts == (1, 1, 0)


@pytest.mark.parametrize("name", ["power_export_w", "power_import_l2_w", "power_export_l3_w"])
def test_each_power_is_judged_also_that_of_the_very_first_telegram(line: Line, name: str) -> None:
    judged = line.say(OLD, **{name: 900_000}) + line.say(OLD, OLD + 1, **{name: 90})
    assert registers(judged) == [[], [OLD], [OLD + 1]]


def test_a_large_connection_is_learnt_once_and_over_a_restart(line: Line) -> None:
    """Current transformers: a megawatt, 2,800 Wh in ten seconds."""
    first = line.say(*(OLD + n * 2800 for n in range(5)), power_import_w=1_000_000)
    assert [len(each) for each in first] == [0, 0, 0, 4, 1]
    line.restart()
    line.at += HOUR
    rest = line.say(*(OLD + 900_000 + n * 4000 for n in range(50)), power_import_w=1_400_000)
    assert all(len(each) == 1 for each in rest)
    assert line.plausibility.epochs == 0


# --- other meters ------------------------------------------------------------------------------


def test_a_damaged_meter_number_makes_no_new_meter(line: Line) -> None:
    judged = line.say(OLD) + line.say(OLD, number="E0001234567890122") + line.say(OLD, number=None)
    judged += line.say(OLD)
    assert [len(each) for each in judged] == [1, 0, 0, 1]
    assert line.counts == (2, 2, 0)
    assert list(line.plausibility.snapshot()["meters"]) == [NUMBER]


def test_a_meter_replaced_by_one_of_another_number_goes_on_once_confirmed_and_is_no_epoch(line: Line) -> None:
    judged = line.say(OLD) + line.say(5, 5, 6, 6, 7, number="E2")
    assert [len(each) for each in judged] == [1, 0, 0, 0, 4, 1]
    assert not any(one.new_epochs for each in judged for one in each)
    assert line.plausibility.epochs == 0


def test_a_meter_without_a_number_is_judged_like_any_other(line: Line) -> None:
    assert registers(line.say(OLD, NEW, OLD + 1, number=None)) == [[OLD], [], [OLD + 1]]


# --- M-Bus devices -----------------------------------------------------------------------------


def test_a_damaged_gas_reading_is_taken_out_and_the_electricity_goes_on(line: Line) -> None:
    at = NOON
    before = line.say(OLD, gas=(at, 5000))
    damaged = line.say(OLD + 1, gas=(at, 4_005_000))
    after = line.say(OLD + 2, gas=(at, 5000))
    assert [gas_of(each) for each in before + damaged + after] == [[[5000]], [[]], [[5000]]]
    assert registers(before + damaged + after) == [[OLD], [OLD + 1], [OLD + 2]]
    assert line.counts == (1, 1, 0)
    assert isinstance(line.faults[0], ImplausibleReading)


def test_a_gas_meter_replaced_under_the_same_number_is_a_new_epoch_once_its_reading_repeats(
    line: Line,
) -> None:
    judged = line.say(OLD, gas=(NOON, 5_000_000))
    judged += line.say(*[OLD] * 5, gas=(NOON + HOUR, 3))
    assert [gas_of(each) for each in judged] == [[[5_000_000]], [[]], [[]], [[]], [[3]], [[3]]]
    assert [set(each[0].new_epochs) for each in judged] == [set(), set(), set(), set(), {GAS_NUMBER}, set()]
    assert line.counts == (4, 0, 1)


def test_a_gas_reading_that_rises_by_a_thousand_cubic_metres_in_an_hour_is_a_new_epoch(line: Line) -> None:
    line.say(OLD, gas=(NOON, 5000))
    judged = line.say(*[OLD] * 4, gas=(NOON + HOUR, 1_005_000))
    assert [set(each[0].new_epochs) for each in judged] == [set(), set(), set(), {GAS_NUMBER}]


def test_another_gas_meter_and_a_damaged_number_of_one_wait_for_confirmation(line: Line) -> None:
    line.say(OLD, gas=(NOON, 5000))
    damaged = line.say(OLD, gas=(NOON, 5000), gas_number="G0009876543210986")
    assert gas_of(damaged[0]) == [[]]
    swapped = line.say(*[OLD] * 5, gas=(NOON, 7), gas_number="G2")
    assert [gas_of(each) for each in swapped] == [[[]], [[]], [[]], [[7]], [[7]]]
    assert line.counts == (5, 1, 0)


def test_a_gas_reading_held_by_a_telegram_is_dropped_when_the_next_one_has_none(line: Line) -> None:
    line.say(OLD, gas=(NOON, 5000))
    line.say(OLD, gas=(NOON, 3))
    line.say(OLD)
    assert line.counts == (1, 1, 0)
    assert gas_of(line.say(OLD, OLD, OLD, gas=(NOON, 3))[2]) == [[]], "the counting begins again"


def test_two_gas_readings_in_turn_are_neither_taken_up_nor_remembered(line: Line) -> None:
    line.say(OLD, gas=(NOON, 5_000_000))
    for _ in range(50):
        for wrong in (3, 90_000_000):
            assert gas_of(line.say(OLD, gas=(NOON, wrong))[0]) == [[]]
    assert gas_of(line.say(OLD, gas=(NOON, 5_000_000))[0]) == [[5_000_000]]
    assert line.counts == (100, 100, 0)


def test_gas_of_a_telegram_whose_electricity_is_held_goes_nowhere_either(line: Line) -> None:
    line.say(OLD, gas=(NOON, 5000))
    assert line.say(NEW, gas=(NOON, 9_005_000)) == [[]]
    assert gas_of(line.say(OLD, gas=(NOON, 5000))[0]) == [[5000]]
    assert line.counts == (1, 1, 0)


# --- restarts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("damaged", [NEW, OLD + 5_000_000])
def test_the_first_telegram_after_a_restart_is_judged_by_what_was_before(line: Line, damaged: int) -> None:
    line.say(OLD, gas=(NOON, 5000))
    line.restart()
    line.at += HOUR
    assert line.say(damaged, gas=(NOON, 5000)) == [[]]
    assert gas_of(line.say(OLD + 300, gas=(NOON, 3))[0]) == [[]]
    assert gas_of(line.say(OLD + 300, gas=(NOON, 5000))[0]) == [[5000]]


def test_a_restart_remembers_nothing_of_what_is_held(line: Line) -> None:
    line.say(OLD, NEW, NEW)
    line.restart()
    assert [len(each) for each in line.say(NEW, NEW, NEW, NEW)] == [0, 0, 0, 4]


def test_a_first_reading_that_all_that_follow_contradict_gives_way_to_them(line: Line) -> None:
    judged = line.say(9_000_000, OLD, OLD, OLD, OLD + 1)
    assert registers(judged)[-1] == [OLD, OLD, OLD, OLD + 1]
    assert judged[-1][0].new_epochs == {NUMBER}


# --- the whole ---------------------------------------------------------------------------------

WEEKS = [utc("2026-10-21 00:00"), utc("2026-03-25 00:00")]  # with the day of 25 hours, of 23


@pytest.mark.parametrize("first", WEEKS, ids=["autumn", "spring"])
@pytest.mark.parametrize(
    ("every", "days"), [(times(usual=5, long=1), 1), (times(60, 10), 7), (900, 7)], ids=str
)
def test_without_damage_nothing_is_ever_held_also_over_silences_of_hours(
    first: datetime, every: int, days: int
) -> None:
    meter = SimulatedMeter(Household(3), first)
    begin = first + timedelta(days=4) if days == 1 else first
    silences = [
        range(hour * 3600, (hour + long) * 3600) for hour, long in ((3, 1), (20, 2), (50, 11), (90, 30))
    ]
    plausibility, judged = Plausibility(), 0
    for second in range(0, days * 86_400, every):
        if any(second in silence for silence in silences):
            continue
        one = meter.reading_at(begin + timedelta(seconds=second))
        assert plausibility.judge(one) == [Judged(one)]
        judged += 1
    assert judged > days * 86_400 / every / 2
    assert (plausibility.held, plausibility.dropped, plausibility.epochs) == (0, 0, 0)


levels = st.sampled_from([0, 7, OLD - 5, OLD, OLD + 50, OLD + 400, OLD + 10**6, 10**9 - 1])
telegrams = st.builds(
    lambda wh, t2, gas, number, watts: {
        "energy_import_t1_wh": wh,
        "gas": gas if gas is None else (NOON, gas),
        "number": number,
        **({} if t2 is None else {"energy_import_t2_wh": t2}),
        **({} if watts is None else {"power_import_w": watts}),
    },
    levels,
    st.none() | levels,
    st.none() | levels,
    st.sampled_from([NUMBER, NUMBER, NUMBER, "E2", None]),
    st.sampled_from([None, 500, 500, 10**6]),
)


@given(st.lists(st.tuples(telegrams, st.integers(-7200, 7200)), max_size=60))
@settings(max_examples=200, deadline=None)
def test_whatever_comes_every_reading_goes_on_once_in_order_or_is_dropped_and_little_is_kept(
    heard: list[tuple[dict[str, Any], int]],
) -> None:
    line, going_on, came = Line(), [], []
    for telegram, seconds in heard:
        came.append(reading(line.passed(timedelta(seconds=seconds)), **telegram))
        going_on += [one.reading for one in line.hear(came[-1])]
        assert len(line.plausibility._waiting) <= CONFIRMATIONS
        assert sum(map(len, line.plausibility._waiting_devices.values())) <= CONFIRMATIONS
    at = [one.at for one in going_on]
    rest = iter(came)
    assert all(any(one.at == moment for one in rest) for moment in at), "in the order in which they came"
    dropped = sum(isinstance(fault, ImplausibleReading) for fault in line.faults)
    epochs = sum(isinstance(fault, RegistersBeganAnew) for fault in line.faults)
    assert (dropped, epochs) == (line.plausibility.dropped, line.plausibility.epochs)
    line.at += HOUR
    final = line.say(*[OLD + 9 * 10**6 + n for n in range(5)])
    assert final[-1], "what stays is taken up in the end"
    gas = line.say(*[OLD + 9 * 10**6 + 9] * 5, gas=(line.at, 77))
    assert gas_of(gas[-1]) == [[77]]
