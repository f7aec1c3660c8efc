"""Trace blocks: one size for a meter, and what comes back is what went in."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.history.keys.seal import DataKey
from gateway.history.records import trace
from gateway.history.records.trace import (
    BLOCK_SIZES,
    COLUMNS,
    Block,
    Sample,
    block_size,
)
from tests.history.noise import noisy_quarter

START = 1_781_092_800  # on a quarter
LARGEST = BLOCK_SIZES[-1]

watts = st.integers(0, 20_000)
odd = st.one_of(st.none(), st.integers(-500, 20_000), st.integers(-(10**18), 10**18))


@st.composite
def quarters(draw: st.DrawFn) -> tuple[Sample, ...]:
    """Up to 25 readings at any seconds; columns that are absent, at times or always, or odd."""
    seconds = sorted(draw(st.sets(st.integers(0, 899), max_size=25)))
    kinds = [draw(st.sampled_from((st.none(), watts, st.sampled_from((0, 0, 731)), odd))) for _ in COLUMNS]
    return tuple(Sample(START + second, tuple(draw(kind) for kind in kinds)) for second in seconds)


def restless(chance: random.Random, seconds: int = 900) -> tuple[Sample, ...]:
    """Values that jump each second, in every column: nothing to compress."""
    return tuple(
        Sample(START + second, tuple(chance.randrange(10**6) for _ in COLUMNS)) for second in range(seconds)
    )


@given(quarters(), st.sampled_from(BLOCK_SIZES))
@example((), BLOCK_SIZES[0])
@settings(max_examples=150, deadline=None)
def test_what_was_encoded_and_sealed_comes_back(samples: tuple[Sample, ...], size: int) -> None:
    key = DataKey(bytes(32), b"tag")
    plain = trace.encode(START, samples, size)
    assert len(plain) == size
    sequence, sealed = key.seal("trace", START, plain)
    block = trace.decode(key.unseal("trace", START, sequence, sealed), START)
    assert set(block.samples) <= set(samples)
    if block.step_s == 1:
        assert block == Block(START, samples)
    else:
        assert size < LARGEST  # 25 readings fit the largest, whatever they say


@given(st.integers(0, 2**32), st.booleans(), st.sampled_from([10, 1000]))
@settings(max_examples=15, deadline=None)
def test_every_second_of_a_noisy_home_is_kept_as_it_was(seed: int, sun: bool, current_unit: int) -> None:
    samples = noisy_quarter(random.Random(seed), START, sun=sun, current_unit_ma=current_unit)
    assert block_size(samples) == LARGEST
    assert trace.decode(trace.encode(START, samples), START) == Block(START, samples)


def test_a_quarter_without_a_reading_is_a_block_like_any_other() -> None:
    plain = trace.encode(START, (), LARGEST)
    assert len(plain) == LARGEST
    assert trace.decode(plain, START) == Block(START, (), 1)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("size", BLOCK_SIZES)
def test_a_quarter_too_restless_to_fit_is_thinned_and_never_larger(seed: int, size: int) -> None:
    samples = restless(random.Random(seed))
    plain = trace.encode(START, samples, size)
    assert len(plain) == size
    block = trace.decode(plain, START)
    assert block.step_s > 1
    assert block.samples
    assert set(block.samples) <= set(samples)  # none is made up, none averaged
    steps = [sample.at // block.step_s for sample in block.samples]
    assert steps == sorted(set(steps))  # at most one in each step
    assert len(steps) == 900 // block.step_s


@pytest.mark.parametrize("size", BLOCK_SIZES)
def test_the_largest_numbers_in_every_column_still_fit(size: int) -> None:
    chance = random.Random(3)
    samples = tuple(
        Sample(START + second, tuple(chance.randrange(10**18) for _ in COLUMNS)) for second in range(900)
    )
    assert trace.decode(trace.encode(START, samples, size), START).samples


def speaking(every_s: int, columns: int, watts: int = 300) -> list[Sample]:
    values = (watts,) * columns + (None,) * (len(COLUMNS) - columns)
    return [Sample(START + second, values) for second in range(0, 900, every_s)]


@pytest.mark.parametrize(
    ("every_s", "columns", "size"),
    [(1, 14, 4016), (1, 6, 2000), (1, 2, 976), (5, 14, 2000), (10, 14, 976), (10, 2, 464), (60, 14, 464)],
)
def test_a_blocks_size_follows_from_how_often_and_of_what_the_meter_speaks(
    every_s: int, columns: int, size: int
) -> None:
    assert block_size(speaking(every_s, columns)) == size


@given(st.lists(st.tuples(*[watts] * len(COLUMNS)), min_size=2, max_size=90))
def test_a_blocks_size_does_not_follow_from_what_the_meter_says(said: list[tuple[int, ...]]) -> None:
    samples = [Sample(START + 10 * index, values) for index, values in enumerate(said)]
    assert block_size(samples) == block_size(speaking(10, len(COLUMNS), watts=0))


def test_a_few_lost_telegrams_do_not_change_a_blocks_size() -> None:
    samples = [sample for index, sample in enumerate(speaking(1, 14)) if index % 5]
    assert block_size(samples) == LARGEST
