"""Ceilings: what no home can have reaches neither history, page nor recipients, whatever the quantity."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.consent import Category, Granularity, disclose
from gateway.consent.disclosure import QUANTITIES
from gateway.errors import GatewayError, ImpossibleValue
from gateway.history import Plausibility
from gateway.history.records.ceilings import without_impossible
from gateway.history.records.profile import KEPT_QUANTITIES
from gateway.history.records.trace import COLUMNS
from gateway.p1 import MBusReading, Reading, obis
from gateway.p1.reading import MonthDemand, PowerFailure
from gateway.quantities import BY_NAME
from gateway.sharing.offers import of_reading
from tests.made_up import NOON, consent, reading

_OWN = sorted(obis.COUNTED_QUANTITIES)
_DEVICES = sorted(obis.MBUS_REGISTERS)
CEILINGS = {name: (row.unit.floor, row.unit.ceiling) for name, row in BY_NAME.items()}


def saying(quantities: dict[str, int]) -> Reading:
    return replace(reading(NOON), quantities=MappingProxyType(quantities))


def test_every_quantity_that_is_recorded_or_disclosed_has_a_ceiling() -> None:
    own = obis.COUNTED_QUANTITIES | frozenset(obis.MBUS_REGISTERS.values())
    disclosed = frozenset().union(*QUANTITIES.values())
    assert KEPT_QUANTITIES | frozenset(COLUMNS) | (disclosed & own) <= CEILINGS.keys()


@pytest.mark.parametrize("name", _OWN)
def test_a_value_that_no_home_can_have_is_left_out_and_the_rest_of_the_reading_counts(name: str) -> None:
    low, high = CEILINGS[name]
    faults: list[GatewayError] = []
    for value in (low - 1, high + 1, 260_102_010_000_000):
        said = saying({"voltage_l1_mv": 230_000, "grid_type": 400, name: value})
        (judged,) = Plausibility(faults.append).judge(said)
        assert name not in judged.reading.quantities
        assert len(judged.reading.quantities) >= 1
        assert isinstance(faults[-1], ImpossibleValue)
        assert name in str(faults[-1])
        assert str(value) not in str(faults[-1])


@pytest.mark.parametrize("commodity", _DEVICES)
def test_a_device_whose_register_no_home_can_have_is_left_out(commodity: str) -> None:
    highest = CEILINGS[obis.MBUS_REGISTERS[commodity]][1]
    good, bad = (
        MBusReading(channel, commodity, f"D{channel}", NOON, register)
        for channel, register in ((1, highest), (2, highest + 1))
    )
    left, names = without_impossible(replace(reading(NOON), mbus=(good, bad)))
    assert left.mbus == (good,)
    assert names == (obis.MBUS_REGISTERS[commodity],)


@given(st.dictionaries(st.sampled_from(_OWN), st.integers()))
def test_what_is_left_lies_within_its_ceilings_and_nothing_else_is_lost(said: dict[str, int]) -> None:
    left, names = without_impossible(saying(said))
    within = {name: value for name, value in said.items() if CEILINGS[name][0] <= value <= CEILINGS[name][1]}
    assert dict(left.quantities) == within
    assert set(names) == said.keys() - within.keys()


def test_months_and_failures_that_cannot_be_are_left_out() -> None:
    month = MonthDemand(NOON, NOON, 2_000)
    failure = PowerFailure(NOON, 600)
    said = replace(
        reading(NOON),
        demand_history=(month, replace(month, demand_w=260_102_010_000_000)),
        failures=(failure, replace(failure, duration_s=2**40)),
    )
    left, names = without_impossible(said)
    assert (left.demand_history, left.failures) == ((month,), (failure,))
    assert names == ("demand_history", "failures")


def test_a_farm_behind_current_transformers_is_read_as_it_is() -> None:
    said = reading(
        NOON, power_import_w=480_000, current_l1_ma=720_000, voltage_l1_mv=239_900, frequency_mhz=50_010,
        energy_import_t1_wh=98_765_432_109, power_factor_l1_permille=-987, failures_any=99_999, tariff=2,
    )  # fmt: skip
    assert without_impossible(said) == (said, ())


def test_an_impossible_value_is_not_disclosed() -> None:
    said = reading(NOON, power_import_w=260_102_010_000_000, power_export_w=0)
    (judged,) = Plausibility().judge(said)
    given_at = consent({Category.POWER: Granularity.LIVE})
    disclosed = disclose(of_reading(judged.reading), given_at, NOON)
    assert disclosed is not None
    assert disclosed.quantities == {"power_export_w": 0}


def test_a_reading_with_nothing_impossible_is_the_very_same_object() -> None:
    said = reading(NOON + timedelta(seconds=1), power_import_w=512)
    left, _ = without_impossible(said)
    assert left is said
    assert isinstance(left.quantities, MappingProxyType)
