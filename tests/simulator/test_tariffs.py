"""Tariffs switch by the rules of each country, and only the register of the running one rises."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.simulator import Household, SimulatedMeter
from gateway.simulator.dialects import DIALECTS
from gateway.simulator.holidays import public_holidays

FIRST = datetime(2026, 3, 20, 12, tzinfo=UTC)
METERS = {
    name: SimulatedMeter(Household(7), FIRST, DIALECTS[name])
    for name in ("nl-dsmr5", "be-fluvius", "hu-eon", "lt-eso", "ch", "at-t210")
}
TELLING_THE_TARIFF = ("nl-dsmr5", "be-fluvius", "hu-eon", "ch")
WITH_TARIFFS = (*TELLING_THE_TARIFF, "lt-eso")


def local(text: str, offset: str = "+02:00") -> datetime:
    return datetime.fromisoformat(f"{text}{offset}")


def tariff(name: str, at: datetime) -> int:
    return METERS[name].reading_at(at).quantities["tariff"]


@pytest.mark.parametrize(
    ("name", "low", "changes"),
    [
        ("nl-dsmr5", 1, ("2026-04-01T07:00:00", "2026-04-01T23:00:00")),
        ("be-fluvius", 2, ("2026-04-01T07:00:00", "2026-04-01T22:00:00")),
        ("hu-eon", 2, ("2026-04-04T06:00:00", "2026-04-04T22:00:00")),  # a Saturday
        ("ch", 2, ("2026-04-01T07:00:00", "2026-04-01T20:00:00")),
    ],
)
def test_a_tariff_changes_at_its_hours(name: str, low: int, changes: tuple[str, str]) -> None:
    begins, ends = map(local, changes)
    second = timedelta(seconds=1)
    assert [tariff(name, at) for at in (begins - second, begins, ends - second, ends)] == [
        low, 3 - low, 3 - low, low,
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["nl-dsmr5", "be-fluvius", "ch"])
def test_at_the_weekend_the_low_tariff_holds_all_day(name: str) -> None:
    low = 1 if name == "nl-dsmr5" else 2
    assert {tariff(name, local(f"2026-04-04T{hour:02}:30:00")) for hour in range(24)} == {low}


@pytest.mark.parametrize("on", ["2026-04-06", "2026-04-27", "2026-05-14", "2026-05-25", "2026-12-25"])
def test_on_public_holidays_the_dutch_low_tariff_holds_and_the_belgian_day(on: str) -> None:
    noon = local(f"{on}T12:00:00")
    assert (tariff("nl-dsmr5", noon), tariff("be-fluvius", noon)) == (1, 1)
    assert tariff("nl-dsmr5", noon + timedelta(days=1)) == (2 if noon.weekday() != 4 else 1)


@pytest.mark.parametrize(("hour", "before", "after"), [("07", "t2", "t1"), ("23", "t1", "t2")])
def test_a_lithuanian_tariff_follows_the_clocks_of_vilnius(hour: str, before: str, after: str) -> None:
    change = local(f"2026-04-01T{hour}:00:00", "+03:00")
    half_hours = [METERS["lt-eso"].reading_at(change + timedelta(minutes=n)).quantities for n in (-30, 0, 30)]
    for (begun, ended), rises in zip(pairwise(half_hours), (before, after), strict=True):
        for tariff in ("t1", "t2"):
            register = f"energy_import_{tariff}_wh"
            assert (ended[register] > begun[register]) is (tariff == rises)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(TELLING_THE_TARIFF), minutes=st.integers(0, 60 * 24 * 30), length=st.integers(1, 300)
)
def test_only_the_register_of_the_running_tariff_rises(name: str, minutes: int, length: int) -> None:
    readings = [
        METERS[name].reading_at(FIRST + timedelta(minutes=minutes, seconds=n * 7)) for n in range(length)
    ]
    for before, after in pairwise(readings):
        if before.quantities["tariff"] == after.quantities["tariff"]:
            other = 3 - before.quantities["tariff"]
            for register in (f"energy_import_t{other}_wh", f"energy_export_t{other}_wh"):
                assert before.quantities[register] == after.quantities[register]


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(WITH_TARIFFS), seconds=st.integers(0, 86_400 * 30))
def test_the_registers_of_the_tariffs_make_the_total(name: str, seconds: int) -> None:
    known = METERS[name].known_at(FIRST + timedelta(seconds=seconds))
    assert known is not None
    q = known.quantities
    for way in ("import", "export"):
        assert q[f"energy_{way}_wh"] == q[f"energy_{way}_t1_wh"] + q[f"energy_{way}_t2_wh"]


def test_where_tariffs_are_never_switched_all_is_counted_at_the_first() -> None:
    readings = [METERS["at-t210"].reading_at(FIRST + timedelta(hours=n)).quantities for n in range(200)]
    assert {q["energy_import_t2_wh"] for q in readings} == {0}
    assert all(q["energy_import_t1_wh"] == q["energy_import_wh"] for q in readings)
    assert readings[-1]["energy_import_t1_wh"] > readings[0]["energy_import_t1_wh"]


def test_registers_of_tariffs_that_never_hold_stay_at_nothing() -> None:
    for name in ("hu-eon", "lt-eso"):
        q = METERS[name].reading_at(FIRST + timedelta(days=9)).quantities
        assert {value for register, value in q.items() if "_t3_" in register or "_t4_" in register} == {0}


@pytest.mark.parametrize(
    ("year", "easter", "kings_day"),
    [
        (2024, date(2024, 3, 31), date(2024, 4, 27)),
        (2025, date(2025, 4, 20), date(2025, 4, 26)),
        (2026, date(2026, 4, 5), date(2026, 4, 27)),
        (2038, date(2038, 4, 25), date(2038, 4, 27)),
    ],
)
def test_holidays_that_move_are_found(year: int, easter: date, kings_day: date) -> None:
    assert {easter, easter + timedelta(days=1), kings_day} <= public_holidays(year)
    assert date(year, 4, 27 if kings_day.day == 26 else 26) not in public_holidays(year) - {
        easter + timedelta(days=1)
    }
