"""Meters of homes with one phase: no line for the others, and all else as for three."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.simulator import Household, SimulatedMeter
from gateway.simulator.dialects import DIALECTS, Dialect
from gateway.simulator.homes import HOMES

ORIGIN = datetime(2026, 3, 20, 12, tzinfo=UTC)
ONE = next(home for home in HOMES.values() if home.phases == 1)
OF_OTHER_PHASES = re.compile(r"1-0:([4-7][1-4]\.(7|4)|[57]2\.3[26])\.0")


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
def test_the_other_phases_have_no_line_in_any_dialect(dialect: Dialect) -> None:
    codes = {code for code, _ in SimulatedMeter(Household(7, ONE), ORIGIN, dialect).telegram_at(ORIGIN).lines}
    assert not [code for code in codes if OF_OTHER_PHASES.fullmatch(code)]
    phases = {line.row.code for line in dialect.lines if "_l1" in line.quantity}
    assert phases <= codes


@settings(max_examples=40, deadline=None)
@given(seconds=st.integers(0, 5 * 86_400))
def test_the_one_phase_is_the_whole(seconds: int) -> None:
    meter = SimulatedMeter(Household(7, ONE), ORIGIN, DIALECTS["lt-eso"])
    q = meter.reading_at(ORIGIN + timedelta(seconds=seconds)).quantities
    for name in ("power_import", "power_export"):
        assert q[f"{name}_l1_w"] == q[f"{name}_w"]
    for name in ("reactive_power_import", "reactive_power_export"):
        assert q[f"{name}_l1_var"] == q[f"{name}_var"]
    assert q["power_factor_l1_permille"] == q["power_factor_permille"]


def test_the_grid_of_one_phase_is_said_to_be_so() -> None:
    grids = {
        home.phases: SimulatedMeter(Household(7, home), ORIGIN, DIALECTS["be-fluvius-21"])
        .reading_at(ORIGIN)
        .quantities["grid_type"]
        for home in (ONE, HOMES["solar"])
    }
    assert grids == {1: 230, 3: 400}
