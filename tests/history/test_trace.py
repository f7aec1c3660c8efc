"""Trace blocks: one size whatever happens at home, and what comes back is what went in."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.history import trace
from gateway.history.seal import DataKey
from gateway.history.trace import BLOCK_BYTES, COLUMNS, Block, Sample

START = 1_781_092_800  # on a quarter

values = st.one_of(st.none(), st.integers(0, 20_000), st.integers(0, 10**18))


@st.composite
def quarters(draw: st.DrawFn) -> tuple[Sample, ...]:
    seconds = sorted(draw(st.sets(st.integers(0, 899), max_size=25)))
    columns = st.tuples(*[values] * len(COLUMNS))
    return tuple(Sample(START + second, draw(columns)) for second in seconds)


def restless(chance: random.Random, seconds: int = 900) -> tuple[Sample, ...]:
    """Values that jump each second, in every column: nothing to compress."""
    return tuple(
        Sample(START + second, tuple(chance.randrange(10**6) for _ in COLUMNS)) for second in range(seconds)
    )


@given(quarters())
@settings(max_examples=80, deadline=None)
def test_encode_seal_unseal_decode_is_the_identity(samples: tuple[Sample, ...]) -> None:
    key = DataKey(bytes(32), b"tag")
    sequence, sealed = key.seal("trace", START, trace.encode(START, samples))
    block = trace.decode(key.unseal("trace", START, sequence, sealed), START)
    assert block == Block(START, samples, step_s=1)


@given(quarters())
@settings(max_examples=40, deadline=None)
def test_a_block_takes_its_one_size_whatever_is_in_it(samples: tuple[Sample, ...]) -> None:
    assert len(trace.encode(START, samples)) == BLOCK_BYTES


def test_a_quarter_without_a_reading_is_a_block_like_any_other() -> None:
    plain = trace.encode(START, ())
    assert len(plain) == BLOCK_BYTES
    assert trace.decode(plain, START) == Block(START, (), 1)


def test_a_quarter_of_a_quiet_home_fits_with_every_second() -> None:
    chance = random.Random(1)
    samples = tuple(
        Sample(START + second, (230 + chance.randrange(3), 0, *[None] * 12)) for second in range(900)
    )
    assert trace.decode(trace.encode(START, samples), START) == Block(START, samples, 1)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_quarter_too_restless_to_fit_is_thinned_and_never_larger(seed: int) -> None:
    samples = restless(random.Random(seed))
    plain = trace.encode(START, samples)
    assert len(plain) == BLOCK_BYTES
    block = trace.decode(plain, START)
    assert block.step_s > 1
    assert block.samples
    assert set(block.samples) <= set(samples)  # none is made up, none averaged
    steps = [sample.at // block.step_s for sample in block.samples]
    assert steps == sorted(set(steps))  # at most one in each step
    assert len(steps) == 900 // block.step_s


def test_the_largest_numbers_in_every_column_still_fit() -> None:
    chance = random.Random(3)
    samples = tuple(
        Sample(START + second, tuple(chance.randrange(10**18) for _ in COLUMNS)) for second in range(900)
    )
    assert len(trace.encode(START, samples)) == BLOCK_BYTES


def test_only_the_columns_that_a_meter_has_take_room() -> None:
    only_power = tuple(
        Sample(sample.at, (*sample.values[:2], *[None] * 12)) for sample in restless(random.Random(4), 450)
    )
    assert trace.decode(trace.encode(START, only_power), START) == Block(START, only_power, 1)
