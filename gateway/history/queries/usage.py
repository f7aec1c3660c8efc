"""Usage: what lies between the registers at two ends of a period, over all meters. Pure.

Missing stretches stay missing: nothing is guessed, and nothing spread over them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from gateway.history.records import profile
from gateway.history.records.profile import Row
from gateway.quantities import DEVICE_REGISTERS, EXPORT_REGISTERS, IMPORT_REGISTERS, REGISTERS

Pieces = Callable[[Row, Row], dict[str, int]]
"""What was used between two rows if the registers began anew in between: all but where they did."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used in one period, by register, over all meters; absent where it is not known.

    `complete` is False when the period's first or last register was read late, is missing, or fell,
    and when the registers began anew in it: then it holds what was used in the finer periods before
    and after that one.
    """

    starts_at: datetime
    ends_at: datetime
    quantities: dict[str, int] = field(default_factory=dict)
    complete: bool = False
    simulated: bool = False

    @property
    def import_wh(self) -> int | None:
        return profile.total(self.quantities, IMPORT_REGISTERS)

    @property
    def export_wh(self) -> int | None:
        return profile.total(self.quantities, EXPORT_REGISTERS)

    def of(self, commodity: str) -> int | None:
        """What was used of a commodity, in base units of its register."""
        return self.quantities.get(DEVICE_REGISTERS[commodity])


@dataclass(frozen=True, slots=True)
class Comparison:
    """The usage of two stretches of as many days, `until` the same day of each; `first_days` are theirs."""

    first_days: tuple[date, date]
    usage: Usage
    before: Usage

    def change(self, amount: Callable[[Usage], int | None]) -> float | None:
        """How much more was used than before, as a share of that; None where one is not whole."""
        now, then = amount(self.usage), amount(self.before)
        if now is None or not then or not (self.usage.complete and self.before.complete):
            return None
        return now / then - 1


def between(
    start: datetime, end: datetime, before: Sequence[Row], after: Sequence[Row], in_pieces: Pieces
) -> Usage:
    """The usage from the rows of all meters that end with a period's start and with its end."""
    quantities: dict[str, int] = {}
    complete = bool(after)
    for row in after:
        began = next((b for b in before if b.meter_number == row.meter_number), None)
        if began is None:
            complete = complete and row.commodity != "electricity"
            continue
        used = used_between(began, row, in_pieces)
        add(quantities, used)
        # A register that fell is in `row`, but not in `used`.
        whole = not row.new_epoch and used.keys() == row.quantities.keys() & REGISTERS
        late = max(began.read_at - began.ends_at, row.read_at - row.ends_at)
        complete = complete and whole and late * 10 <= end - start
    return Usage(start, end, quantities, complete, any(row.simulated for row in after))


def used_between(began: Row, row: Row, in_pieces: Pieces) -> dict[str, int]:
    return in_pieces(began, row) if row.new_epoch else profile.usage_between(began, row)


def joined(start: datetime, end: datetime, parts: Iterable[Usage]) -> Usage:
    """The usage of a longer period: the sum of its parts, complete only if each of them is."""
    quantities: dict[str, int] = {}
    complete, simulated = True, False
    for part in parts:
        add(quantities, part.quantities)
        complete = complete and part.complete
        simulated = simulated or part.simulated
    return Usage(start, end, quantities, complete and bool(quantities), simulated)


def add(quantities: dict[str, int], used: Mapping[str, int]) -> None:
    for name, amount in used.items():
        quantities[name] = quantities.get(name, 0) + amount
