"""Limits: what a connection can give, in the figures that an owner knows."""

from __future__ import annotations

import pytest

from gateway.history.recording.plausibility import _LITTLE
from gateway.history.records import limits
from gateway.quantities import REGISTERS

HOUR, DAY, YEAR = 3600, 86_400, 31_536_000
IMPORT, GAS, WATER, HEAT, SUBMETER = (
    "energy_import_t1_wh",
    "gas_litre",
    "water_litre",
    "heat_kj",
    "submeter_wh",
)


@pytest.mark.parametrize(
    ("register", "rise", "seconds"),
    [
        (IMPORT, 15, 1),  # 3 x 80 A
        (IMPORT, 150, 1),  # the same, on a meter that renews its registers every ten seconds
        (IMPORT, 13_800, 900),
        (IMPORT, 55_000, HOUR),
        (IMPORT, 150_000, DAY),  # a cold day with a heat pump and a car
        (IMPORT, 20_000_000, YEAR),
        (GAS, 2000, 300),
        (GAS, 25_000, HOUR),
        (GAS, 80_000, DAY),
        (WATER, 400, 300),
        (WATER, 15_000, DAY),  # a garden pool
        (HEAT, 360_000, HOUR),
    ],
)
def test_what_a_household_uses_is_usual(register: str, rise: int, seconds: int) -> None:
    limit = limits.of_register(register)
    assert limit.usual_rise(1_234_567, 1_234_567 + rise, seconds)
    assert limit.possible_rise(1_234_567, 1_234_567 + rise, seconds)


@pytest.mark.parametrize("register", sorted(REGISTERS))
@pytest.mark.parametrize("seconds", [-5, 0, 1, 10, 900, HOUR, DAY, YEAR])
def test_a_fall_is_never_possible_however_long_the_gap(register: str, seconds: int) -> None:
    limit = limits.of_register(register)
    assert not limit.possible_rise(5001, 5000, seconds)
    assert not limit.possible_usage(5001, 5000, seconds)
    assert limit.possible_rise(5000, 5000, seconds)


@pytest.mark.parametrize(
    ("register", "rise"),
    [(IMPORT, 800_000), (GAS, 100_000), (WATER, 100_000), (HEAT, 10_000_000), (SUBMETER, 100_000)],
)
def test_a_lost_bit_in_a_high_digit_is_no_rise_of_ten_seconds(register: str, rise: int) -> None:
    assert not limits.of_register(register).usual_rise(1_234_567, 1_234_567 + rise, 10)
    assert not limits.of_register(register).possible_rise(1_234_567, 1_234_567 + rise, 10)


@pytest.mark.parametrize(("register", "whole"), [(IMPORT, 1000), (GAS, 1000), (HEAT, 1_000_000)])
def test_a_register_that_shows_whole_units_may_step_by_one(register: str, whole: int) -> None:
    limit = limits.of_register(register)
    assert limit.usual_rise(41 * whole, 42 * whole, 1)
    assert not limit.usual_rise(41 * whole, 51 * whole, 1)


def test_a_clock_set_back_allows_what_an_hour_does_but_is_no_time_to_have_used_something_in() -> None:
    limit = limits.of_register(IMPORT)
    assert limit.usual_rise(1, 50_001, -HOUR)
    assert not limit.usual_rise(1, 1_000_001, -YEAR)
    assert not limit.possible_usage(1, 50_001, -HOUR)


def test_large_connections_are_measured_by_the_power_that_was_confirmed() -> None:
    assert not limits.of_register(IMPORT).possible_rise(0, 9_001, 60)
    assert limits.of_register(IMPORT, highest_w=500_000).usual_rise(0, 9_001, 60)


@pytest.mark.parametrize("register", sorted(REGISTERS))
def test_what_is_too_little_to_be_computed_is_within_every_limit(register: str) -> None:
    assert limits.of_register(register).usual_rise(7, 7 + _LITTLE, 0)


def test_every_register_of_an_m_bus_device_has_its_own_limit() -> None:
    electricity = limits.of_register(IMPORT)
    assert all(limits.of_register(name) != electricity for name in REGISTERS if "energy" not in name)
