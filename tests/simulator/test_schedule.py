"""Wishes for faults, and when they strike."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.simulator.faults import FAULTS, Schedule, Wish

START = datetime(2026, 1, 15, 12, tzinfo=UTC)
TELEGRAMS = [START + timedelta(seconds=n) for n in range(400)]


def struck(schedule: Schedule) -> list[tuple[str, datetime]]:
    return [(strike.fault, at) for at in TELEGRAMS if (strike := schedule.on_telegram(at))]


def test_a_rate_is_a_share_of_the_telegrams() -> None:
    found = struck(Schedule(1, (Wish.parse("cut=0.25", START),)))
    assert 70 < len(found) < 130


def test_the_same_seed_gives_the_same_faults_and_another_one_others() -> None:
    wishes = (Wish.parse("cut=0.2", START), Wish.parse("noise=0.1", START))
    assert struck(Schedule(1, wishes)) == struck(Schedule(1, wishes)) != struck(Schedule(2, wishes))


def test_a_time_strikes_once_at_the_first_telegram_from_then_on() -> None:
    wish = Wish.parse("unplugged@+10.5/7", START)
    schedule = Schedule(1, (wish,))
    assert struck(schedule) == [("unplugged", START + timedelta(seconds=11))]
    assert wish.lasts == timedelta(seconds=7)


@pytest.mark.parametrize("text", ["message@2026-01-15T14:00", "message@2026-01-15T13:00+00:00"])
def test_a_time_is_local_where_it_has_no_offset(text: str) -> None:
    assert Wish.parse(text, START).at == START + timedelta(hours=1)


def test_a_fault_lasts_as_usual_unless_told_otherwise() -> None:
    for fault in FAULTS.values():
        assert Wish.parse(f"{fault.name}@+1", START).lasts == fault.usual_length


@given(st.dates(date(2025, 1, 1), date(2027, 12, 31)))
def test_what_strikes_the_meter_on_a_day_depends_on_the_day_alone(on: date) -> None:
    wishes = (Wish.parse("power-failure=2.5", START), Wish.parse("cut=1", START))
    schedule = Schedule(1, wishes)
    schedule.of_day(on + timedelta(days=1))
    strikes = schedule.of_day(on)
    assert [(s.fault, s.at) for s in strikes] == [(s.fault, s.at) for s in Schedule(1, wishes).of_day(on)]
    assert len(strikes) in (2, 3)
    assert list(strikes) == sorted(strikes, key=lambda strike: strike.at)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("flood=0.1", 'there is no fault "flood": the faults are flipped-bits'),
        ("cut", "wants a rate or a time"),
        ("cut=2", "a number from 0 to 1"),
        ("cut=often", "a number from 0 to 1"),
        ("power-failure=nan", "a number from 0 to 300"),
        ("cut=0.1/5", "does not last"),
        ("stall@soon", "wants a time such as"),
        ("stall@2026-01-15T11:00+00:00", "before the first telegram"),
        ("stall@+5/0", "a number from 1"),
    ],
)
def test_a_wish_that_cannot_be_is_answered_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        Wish.parse(text, START)
