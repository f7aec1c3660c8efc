"""When what goes wrong: the faults there are, those that were wished for, and when each strikes.

The same seed, wishes and instants give the same strikes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Self

from gateway.errors import ConfigError
from gateway.simulator.household import LOCAL

# More than that and two months of them take seconds to work out before the first telegram.
_MOST_A_DAY = 300


@dataclass(frozen=True, slots=True)
class Fault:
    """`where` is "line" or "meter"; a fault that does not last has no usual length."""

    name: str
    title: str
    where: str
    usual_length: timedelta = timedelta()


def _faults(where: str, *faults: tuple[str, str, int]) -> Iterator[Fault]:
    return (Fault(name, title, where, timedelta(seconds=lasts)) for name, title, lasts in faults)


FAULTS: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        *_faults(
            "line",
            ("flipped-bits", "one to three bits of a telegram are turned over", 0),
            ("lost-bytes", "up to twenty bytes are missing, as a slow reader loses them", 0),
            ("cut", "a telegram ends early, and the next one begins", 0),
            ("noise", "bytes between telegrams that belong to none", 0),
            ("wrong-checksum", "a telegram states another checksum than its own", 0),
            ("stall", "the meter falls silent within a telegram; the rest never comes", 20),
            ("unplugged", "the cable is out: the line is gone, and comes back", 5),
            ("wrong-speed", "what a reader sees that listens at the wrong speed", 10),
            ("replay", "an encrypted telegram of a minute ago comes once more", 0),
            ("wrong-key", "a telegram encrypted under another key", 0),
        ),
        *_faults(
            "meter",
            ("power-failure", "no power: silent, then counted; logged from three minutes on", 240),
            ("sag", "the voltage of a phase sags, and is counted", 2),
            ("swell", "the voltage of a phase swells, and is counted", 2),
            ("meter-replaced", "another meter, with registers from zero", 0),
            ("gas-meter-replaced", "another gas meter, with its register from zero", 0),
            ("rollover", "the import registers pass their highest number", 0),
            ("clock-unset", "the clock shows 2000-01-01, as before it was ever set", 300),
            ("clock-jump", "the clock is wrong by up to three hours", 300),
            ("message", "the grid operator shows a message", 3600),
        ),
    )
}
"""By name."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One fault that is wished for: at a rate, or once at a time."""

    fault: str
    rate: float | None
    at: datetime | None
    lasts: timedelta

    @classmethod
    def parse(cls, text: str, start: datetime) -> Self:
        """Read NAME=RATE or NAME@TIME, with /SECONDS behind it for how long it lasts.

        TIME is in ISO 8601, local where it has no offset, or +SECONDS after `start`. Raises
        ConfigError.
        """
        whole, slash, length = text.partition("/")
        name, sign, when = whole.partition("@" if "@" in whole else "=")
        fault = FAULTS.get(name)
        if fault is None:
            raise ConfigError(f'there is no fault "{name}": the faults are {", ".join(FAULTS)}')
        if not when:
            raise ConfigError(f'the fault "{name}" wants a rate or a time: {name}=0.01 or {name}@+60')
        lasts = fault.usual_length
        if slash:
            if not lasts:
                raise ConfigError(f'the fault "{name}" does not last: leave out what follows "/"')
            lasts = timedelta(seconds=_number(name, length, 1, 86_400))
        if sign == "@":
            return cls(name, None, _time(name, when, start), lasts)
        most = 1 if fault.where == "line" else _MOST_A_DAY
        return cls(name, _number(name, when, 0, most), None, lasts)


def _number(name: str, text: str, least: float, most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise ConfigError(f'the fault "{name}" wants a number from {least:g} to {most:g}, not "{text}"')
    return number


def _time(name: str, text: str, start: datetime) -> datetime:
    if text.startswith("+"):
        return start + timedelta(seconds=_number(name, text[1:], 0, 10**9))
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f'the fault "{name}" wants a time such as 2026-01-15T18:00 or +60, not "{text}"'
        ) from None
    at = (at if at.tzinfo else at.replace(tzinfo=LOCAL)).astimezone(UTC)
    if at < start:
        raise ConfigError(f'the fault "{name}" is wished for before the first telegram')
    return at


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault that happens: when, for how long, and the seed of the chance that decides on the rest."""

    fault: str
    at: datetime
    lasts: timedelta
    seed: str = field(compare=False, repr=False)

    @property
    def chance(self) -> Random:
        """From its beginning each time; made when it is needed, since there may be very many strikes."""
        return Random(self.seed)

    @property
    def until(self) -> datetime:
        return self.at + self.lasts


class Schedule:
    """All strikes of one seed."""

    def __init__(self, seed: int, wishes: tuple[Wish, ...]) -> None:
        self._seed = seed
        self.wishes = wishes
        self._to_come = [wish for wish in wishes if wish.at is not None and _is_of(wish, "line")]

    def on_telegram(self, at: datetime) -> Strike | None:
        """What strikes the line at a telegram, one at most; telegrams are asked for in order.

        What is wished for at a time comes first, at the next telegram that nothing strikes.
        """
        due = next((wish for wish in self._to_come if wish.at is not None and wish.at <= at), None)
        if due is not None:
            self._to_come.remove(due)
            return Strike(due.fault, at, due.lasts, self._seed_of(due.fault, int(at.timestamp())))
        for wish in self.wishes:
            if wish.rate and _is_of(wish, "line"):
                seed = self._seed_of(wish.fault, int(at.timestamp()))
                if Random(f"{seed}/whether").random() < wish.rate:
                    return Strike(wish.fault, at, wish.lasts, seed)
        return None

    def of_day(self, on: date) -> tuple[Strike, ...]:
        """What strikes the meter on a local day, in order of time."""
        begins = datetime(on.year, on.month, on.day, tzinfo=LOCAL).astimezone(UTC)
        struck = []
        for wish in self.wishes:
            if not _is_of(wish, "meter"):
                continue
            if wish.at is not None:
                if wish.at.astimezone(LOCAL).date() == on:
                    struck.append(
                        Strike(wish.fault, wish.at, wish.lasts, self._seed_of(wish.fault, str(wish.at)))
                    )
                continue
            chance = Random(self._seed_of(wish.fault, str(on)))
            rate = wish.rate or 0.0
            for number in range(int(rate) + (chance.random() < rate % 1)):
                at = begins + timedelta(seconds=chance.randrange(82_800))  # the shortest day's length
                seed = self._seed_of(wish.fault, f"{on}/{number}")
                struck.append(Strike(wish.fault, at, wish.lasts, seed))
        return tuple(sorted(struck, key=lambda strike: strike.at))

    def _seed_of(self, fault: str, when: object) -> str:
        return f"{self._seed}/{fault}/{when}"


def _is_of(wish: Wish, where: str) -> bool:
    return FAULTS[wish.fault].where == where
