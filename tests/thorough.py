"""How much of a large test is run: all of it by `tests/run long`, else what shows a break in minutes."""

from __future__ import annotations

import os

LONG = os.environ.get("P1_TESTS") == "long"


def times(usual: int, long: int) -> int:
    """A number of examples, telegrams or seconds."""
    return long if LONG else usual
