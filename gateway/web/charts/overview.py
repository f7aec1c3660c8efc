"""Overviews: the lines of a day or a month, and what can be said of them together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from gateway.operations import Usage

ELECTRICITY = "electricity"
"""What is drawn as import and export; all else is the name of a commodity, drawn as what was used of it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One period. `running`: it has not ended yet, or lies in the future."""

    label: str
    short: str  # for the chart's axis
    usage: Usage
    running: bool = False

    def known(self, of: str) -> bool:
        if of == ELECTRICITY:
            return self.usage.import_wh is not None or self.usage.export_wh is not None
        return self.usage.of(of) is not None

    def missing(self, of: str) -> bool:
        """It has ended and was not measured."""
        return not self.running and not self.known(of)

    @property
    def partial(self) -> bool:
        """It has ended, and a part of it was not measured."""
        return not self.running and not self.usage.complete and self.known(ELECTRICITY)


@dataclass(frozen=True, slots=True)
class Overview:
    """All periods of the stretch, the future ones too: the chart leaves their place empty."""

    lines: tuple[Line, ...]

    def listed(self, of: str) -> list[Line]:
        """What belongs in the table: all that has ended, and of the rest what is known so far."""
        return [line for line in self.lines if not line.running or line.known(of)]

    def is_known(self, of: str) -> bool:
        return any(line.known(of) for line in self.lines)

    def missing(self, of: str) -> int:
        return sum(line.missing(of) for line in self.lines)

    @property
    def partial(self) -> bool:
        return any(line.partial for line in self.lines)

    @property
    def simulated(self) -> bool:
        return any(line.usage.simulated for line in self.lines)

    @property
    def import_wh(self) -> int | None:
        return _sum(line.usage.import_wh for line in self.lines)

    @property
    def export_wh(self) -> int | None:
        return _sum(line.usage.export_wh for line in self.lines)

    def used(self, commodity: str) -> int | None:
        return _sum(line.usage.of(commodity) for line in self.lines)


def clock_labels(usages: Sequence[Usage], zone: ZoneInfo) -> list[str]:
    """The local time at which each begins; on a day the clock changes with the zone's name."""
    begins = [usage.starts_at.astimezone(zone) for usage in usages]
    changes = begins[0].utcoffset() != begins[-1].utcoffset()
    return [f"{at:%H:%M} {at:%Z}" if changes else f"{at:%H:%M}" for at in begins]


def _sum(amounts: Iterable[int | None]) -> int | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None
