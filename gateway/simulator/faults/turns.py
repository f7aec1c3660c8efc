"""Turns: the instants from which a meter's registers hold less than the home's flow, and how much.

Without power nothing is counted, and another meter counts from zero. Whatever is asked, and in
whichever order, what is off is worked out from the first turn on, once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.p1 import Reading
from gateway.simulator.faults.schedule import Strike

Undisturbed = Callable[[datetime], Reading]
"""What the meter would know at an instant if nothing had ever happened."""

Amounts = Mapping[str, int]
_ENERGIES = ("energy_", "reactive_energy_")
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class _Turn:
    """A power failure, which turns at its end, or a new meter, which counts once there is power."""

    at: datetime
    strike: Strike
    off: Amounts | None = None


class Turns:
    """The turns of one meter, in order of time."""

    def __init__(self) -> None:
        self._turns: list[_Turn] = []

    def add(self, strike: Strike) -> None:
        """Add the next power failure or new meter."""
        at = strike.until if strike.fault == "power-failure" else strike.at
        self._turns.append(_Turn(max(at, self._turns[-1].at) if self._turns else at, strike))

    def failure_at(self, at: datetime) -> Strike | None:
        """The power failure that lasts at this instant."""
        for turn in self._turns[self._number(at) :]:
            if turn.strike.fault == "power-failure":
                return turn.strike if turn.strike.at <= at else None
        return None

    def failures(self, at: datetime) -> list[Strike]:
        """The failures that are over, and that the meter of this instant has seen."""
        seen: list[Strike] = []
        for turn in self._turns[: self._number(at)]:
            if turn.strike.fault == "power-failure":
                seen.append(turn.strike)
            else:
                seen.clear()
        return seen

    def all_failures(self, at: datetime) -> list[Strike]:
        """The failures that are over, whichever meter saw them."""
        return [
            turn.strike for turn in self._turns[: self._number(at)] if turn.strike.fault == "power-failure"
        ]

    def meter_since(self, at: datetime) -> tuple[datetime, Strike | None]:
        """Since when the meter of this instant counts, and what brought it; None for the first one."""
        for turn in reversed(self._turns[: self._number(at)]):
            if turn.strike.fault == "meter-replaced":
                return turn.at, turn.strike
        return _NEVER, None

    def off(self, at: datetime, undisturbed: Undisturbed) -> Amounts:
        """How much less than undisturbed each register holds; within a failure it stands still."""
        number = self._number(at)
        off = self._off_from(number - 1, undisturbed)
        failure = self.failure_at(at)
        return off if failure is None else _sum(off, _rise(undisturbed, failure.at, at))

    def _number(self, at: datetime) -> int:
        """How many turns there were."""
        return bisect_right(self._turns, at, key=lambda turn: turn.at)

    def _off_from(self, number: int, undisturbed: Undisturbed) -> Amounts:
        if number < 0:
            return {}
        turn = self._turns[number]
        if turn.off is None:
            if turn.strike.fault == "meter-replaced":
                turn.off = energies(undisturbed(turn.at))
            else:
                before = self._off_from(number - 1, undisturbed)
                turn.off = _sum(before, _rise(undisturbed, turn.strike.at, turn.at))
        return turn.off


def energies(reading: Reading) -> dict[str, int]:
    """All registers of energy of the electricity meter itself."""
    return {name: held for name, held in reading.quantities.items() if name.startswith(_ENERGIES)}


def _rise(undisturbed: Undisturbed, begin: datetime, end: datetime) -> Amounts:
    before, after = energies(undisturbed(begin)), energies(undisturbed(end))
    return {name: held - before[name] for name, held in after.items()}


def _sum(one: Amounts, other: Amounts) -> Amounts:
    return {name: one.get(name, 0) + amount for name, amount in other.items()}
