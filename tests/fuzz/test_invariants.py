"""The rules that atheris tries to break, tried here on its first inputs and on a few made-up bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.invariants import TWICE, WITH_CHECKSUM, check
from tests.fuzz.seeds import seeds

CHANGES = st.lists(st.tuples(st.integers(1, 1000), st.binary(max_size=8)), max_size=3)


@pytest.mark.parametrize("seed", seeds())
def test_the_first_inputs_keep_the_rules(seed: bytes) -> None:
    check(seed)


@settings(deadline=None)
@given(st.integers(0, 255), st.sampled_from(seeds()), CHANGES)
def test_changed_inputs_keep_the_rules(how: int, seed: bytes, changes: list[tuple[int, bytes]]) -> None:
    changed = bytes([how]) + seed[1:]
    for at, written in changes:
        changed = changed[:at] + written + changed[at + len(written) :]
    check(changed)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_with_a_right_checksum_keep_the_rules(noise: bytes) -> None:
    check(bytes([WITH_CHECKSUM | TWICE]) + b"ABC5\r\n1-0:1.8.0(" + noise)
