"""Counters: whatever the rate of a fault, and however long it goes on, a counter keeps to its digits."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.p1.obis import Form
from gateway.simulator import Household, SimulatedMeter
from gateway.simulator.dialects import DIALECTS
from gateway.simulator.faults import MeterEvents, Schedule, Wish

START = datetime(2026, 1, 14, 23, tzinfo=UTC)
_COUNTERS = {
    name: [line for line in dialect.lines if line.row.form is Form.COUNT and line.quantity != "grid_type"]
    for name, dialect in DIALECTS.items()
}
WITH_COUNTERS = [name for name, lines in _COUNTERS.items() if lines]


def meter(name: str, *faults: str, digits: int | None = None) -> SimulatedMeter:
    """With `digits` the counters have fewer than such meters have, so that they come to their end sooner."""
    wishes = tuple(Wish.parse(fault, START) for fault in faults)
    dialect = DIALECTS[name]
    if digits is not None:
        lines = (
            replace(line, row=replace(line.row, pattern=(digits, 0))) if line in _COUNTERS[name] else line
            for line in dialect.lines
        )
        dialect = replace(dialect, lines=tuple(lines))
    return SimulatedMeter(Household(1), START, dialect, MeterEvents(Schedule(1, wishes), 1, START, dialect))


@pytest.mark.parametrize("name", WITH_COUNTERS)
def test_a_counter_that_has_come_to_its_last_number_stays_there(name: str) -> None:
    struck = {"sags_l1": "sag", "swells_l1": "swell"}
    faults = [f for counter, f in struck.items() if counter in DIALECTS[name].named] or ["power-failure"]
    simulated = meter(name, *(f"{fault}=300/1" for fault in faults), digits=2)
    telegram = dict(simulated.telegram_at(START + timedelta(days=3, hours=1, seconds=7)).lines)
    counted = {
        line.row.code: telegram[line.row.code] for line in _COUNTERS[name] if line.row.code in telegram
    }
    assert counted
    assert all(re.fullmatch(r"\(\d{2}\)", value) for value in counted.values())
    assert "(99)" in counted.values()


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(WITH_COUNTERS), st.floats(0, 300), st.integers(0, 20))
def test_at_any_rate_and_time_every_counter_has_its_digits(name: str, rate: float, days: int) -> None:
    shown = DIALECTS[name].named
    faults = [f for f, counter in (("sag", "sags_l1"), ("swell", "swells_l1")) if counter in shown]
    simulated = meter(name, *(f"{fault}={rate}" for fault in faults or ["power-failure"]))
    known = simulated.known_at(START + timedelta(days=days, hours=1))
    if known is not None:
        for line in _COUNTERS[name]:
            assert known.quantities.get(line.quantity, 0) < 10 ** line.row.pattern[0]
