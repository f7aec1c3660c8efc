"""How much of a large test is run: all of it by `tests/run long`, little of it by `tests/run fast`."""

from __future__ import annotations

import os

LANE = os.environ.get("P1_TESTS", "")
LONG = LANE == "long"


def times(usual: int, long: int, fast: int | None = None) -> int:
    """A number of examples, telegrams or seconds."""
    if LANE == "fast" and fast is not None:
        return fast
    return long if LONG else usual
