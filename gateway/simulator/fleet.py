"""Simulated homes, one or many: each with its meter, the faults wished for, and its own line.

One thread sends for all of them, spread evenly over the period so that the load is flat.
"""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle, islice
from typing import Any

from gateway.errors import ConfigError
from gateway.p1 import MeterKey
from gateway.simulator.dialects import Dialect
from gateway.simulator.faults import (
    FAULTS,
    FaultyMeter,
    MeterEvents,
    Schedule,
    Wish,
)
from gateway.simulator.homes import HOMES, Home
from gateway.simulator.household import Household
from gateway.simulator.line import PATIENCE_S, TcpLine
from gateway.simulator.mbus import devices_of
from gateway.simulator.meter import SimulatedMeter
from gateway.simulator.sending import (
    Line,
    Meter,
    Pace,
    Sender,
    send_all,
)

_LAST_PORT = 65535
_OTHER_FILES = 64  # what the program has open beside its readers
_READERS_A_LINE = 8


@dataclass(frozen=True, slots=True)
class Kind:
    """What the homes of one simulation have in common: their meters and what goes wrong there."""

    dialect: Dialect
    installed: datetime
    key: MeterKey | None = None
    wishes: tuple[Wish, ...] = ()


class Connection:
    """A home of one seed and its meter, with what goes wrong.

    Raises ConfigError when such a meter has nothing to tell of this home, or cannot have a fault.
    """

    def __init__(self, kind: Kind, seed: int, home: Home) -> None:
        self.seed = seed
        self.home = home
        schedule = Schedule(seed, kind.wishes)
        in_meter = any(FAULTS[wish.fault].where == "meter" for wish in kind.wishes)
        self._events = MeterEvents(schedule, seed, kind.installed, kind.dialect) if in_meter else None
        self._whole = SimulatedMeter(
            Household(seed, home), kind.installed, kind.dialect, self._events, kind.key
        )
        self._faulty = FaultyMeter(self._whole, schedule) if kind.wishes else None
        self.meter: Meter = self._faulty or self._whole

    @property
    def channels(self) -> dict[str, int]:
        """The M-Bus channels of the home's devices, by what they measure."""
        return {device.commodity: device.channel for device in self._whole.devices}

    def make_ready(self, start: datetime) -> None:
        """Work out what the registers hold at the start: for a meter of long ago it takes seconds."""
        self._whole.bytes_at(start)

    def injected(self, sender: Sender) -> Counter[str]:
        """How many of each fault happened while it sent."""
        found = Counter(self._faulty.injected) if self._faulty else Counter()
        if self._events is not None and sender.last_at is not None:
            found += self._events.injected(sender.first_at, sender.last_at)
        return found


class Fleet:
    """Connections that send side by side, each on a line that readers find at its address."""

    def __init__(self, connections: Sequence[Connection], lines: Sequence[tuple[str, Line]]) -> None:
        self.connections = connections
        self.addresses = [address for address, _ in lines]
        self._lines = [line for _, line in lines]
        self._senders: list[Sender] = []

    def run(
        self,
        start: datetime,
        pace: Pace,
        wait: Callable[[float], bool],
        clock: Callable[[], float],
        count: int | None = None,
    ) -> None:
        """Send from `start` on, until each has sent `count` telegrams or it is time to stop.

        `wait` and `clock` are as in `send_all`.
        """
        began, apart = clock(), pace.period_s / len(self.connections)
        self._senders = [
            Sender(one.meter, line, start, began, pace, later_s=number * apart, count=count)
            for number, (one, line) in enumerate(zip(self.connections, self._lines, strict=True))
        ]
        send_all(self._senders, wait, clock)

    @property
    def telegrams(self) -> int:
        return sum(sender.telegrams for sender in self._senders)

    @property
    def injected(self) -> Counter[str]:
        """How many of each fault happened so far, in all of them together."""
        each = (one.injected(sender) for one, sender in zip(self.connections, self._senders, strict=True))
        return sum(each, Counter[str]())

    def report(self) -> list[dict[str, Any]]:
        """What each of them sent, for a script to compare with what a reader counted."""
        return [
            {
                "address": address,
                "home": one.home.name,
                "seed": one.seed,
                "telegrams": sender.telegrams,
                "faults": dict(sorted(one.injected(sender).items())),
            }
            for one, address, sender in zip(self.connections, self.addresses, self._senders, strict=True)
        ]


def homes_in_turn(dialect: Dialect, number: int, first_seed: int) -> list[tuple[int, Home]]:
    """Seeds and homes: every preset in turn, but for those of which these meters have nothing to tell."""
    told = [home for home in HOMES.values() if _has_something_to_tell(dialect, home)]
    return [(first_seed + n, home) for n, home in enumerate(islice(cycle(told), number))]


def _has_something_to_tell(dialect: Dialect, home: Home) -> bool:
    try:
        devices_of(Household(1, home), dialect)
    except ConfigError:
        return False
    return True


def tcp_lines(host: str, first_port: int, number: int, patience_s: float = PATIENCE_S) -> list[TcpLine]:
    """Lines on ports that follow each other; on port 0, each on one of the system's choice.

    Raises ConfigError when one cannot be listened on: then none is.
    """
    if first_port + number - 1 > _LAST_PORT:
        raise ConfigError(
            f"{number} meters from port {first_port} on need ports above {_LAST_PORT}: choose a lower one"
        )
    _allow_open_files(number * (1 + _READERS_A_LINE) + _OTHER_FILES)
    with ExitStack() as opened:
        lines = [
            opened.enter_context(
                closing(TcpLine(host, first_port + n if first_port else 0, patience_s=patience_s))
            )
            for n in range(number)
        ]
        opened.pop_all()
    return lines


def _allow_open_files(number: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number if hard == resource.RLIM_INFINITY else min(number, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
