"""How well a thief can tell two kinds of days apart by a number."""

from __future__ import annotations


def auc(ones: list[float], others: list[float]) -> float:
    """How well a number tells the two apart: 0.5 not at all, 1 always."""
    pairs = [(one > other) + (one == other) / 2 for one in ones for other in others]
    found = sum(pairs) / len(pairs)
    return max(found, 1 - found)
