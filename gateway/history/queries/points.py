"""Points of a day's curve: the power at any resolution, with its highest and lowest. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.history.records.trace import Minute, Sample


@dataclass(frozen=True, slots=True)
class Point:
    """Net power (import less export) from `starts_at` on, in W; None where nothing was measured."""

    starts_at: int
    mean_w: int | None = None
    lowest_w: int | None = None
    highest_w: int | None = None


def of_samples(samples: Iterable[Sample], first: int, last: int, step_s: int) -> list[Point]:
    """A point for each step from `first` up to `last`, in Unix seconds."""
    found: list[list[int]] = [[] for _ in range(first, last, step_s)]
    for sample in samples:
        if first <= sample.at < last and (net := sample.net_w) is not None:
            found[(sample.at - first) // step_s].append(net)
    return [
        Point(first + index * step_s, round(sum(nets) / len(nets)), min(nets), max(nets))
        if nets
        else Point(first + index * step_s)
        for index, nets in enumerate(found)
    ]


def of_minutes(minutes: Iterable[Minute], first: int, last: int, step_s: int) -> list[Point]:
    """As `of_samples`, of whole minutes; `step_s` is a multiple of 60."""
    found: list[list[Minute]] = [[] for _ in range(first, last, step_s)]
    for minute in minutes:
        if first <= minute.starts_at < last:
            found[(minute.starts_at - first) // step_s].append(minute)
    return [_joined(first + index * step_s, minutes) for index, minutes in enumerate(found)]


def _joined(starts_at: int, minutes: Sequence[Minute]) -> Point:
    if not minutes:
        return Point(starts_at)
    return Point(
        starts_at,
        round(sum(minute.mean_w for minute in minutes) / len(minutes)),
        min(minute.lowest_w for minute in minutes),
        max(minute.highest_w for minute in minutes),
    )
