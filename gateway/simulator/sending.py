"""When a meter's bytes go out: a telegram each period, its bytes no faster than its line is.

Time is what the caller's clock says. A telegram that is late is not left out: those after it come
at their own moments, so nothing drifts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heapify, heappop, heapreplace
from itertools import count as counting
from math import ceil
from typing import Protocol

_PART_S = 0.01  # about what a driver collects before it hands bytes over
_SETTING = re.compile(r"(\d+) (\d)([NEO])(\d)")


class Meter(Protocol):
    """What a line carries: a SimulatedMeter, or one whose telegrams are damaged on purpose."""

    def bytes_at(self, at: datetime) -> bytes | None:
        """What it sends at this instant; b"" for nothing, None when it is unplugged."""


class Line(Protocol):
    def send(self, part: bytes, *, begins: bool = True) -> bool:
        """Send what is taken in time; False when nobody will ever read again.

        `begins`: a telegram begins with this part; else it goes on. A line that was unplugged is
        there again.
        """

    def unplug(self) -> None:
        """Be gone, for every reader, until something is sent again."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a meter sends: a telegram each `period_s`, at `speed` times true time.

    0 is as fast as it can. `bytes_per_s` is what the line carries; None: a telegram comes at once.
    """

    period_s: int = 1
    speed: float = 1.0
    bytes_per_s: float | None = None

    @classmethod
    def of_line(cls, period_s: int, speed: float, setting: str) -> Pace:
        """The pace of a line setting such as "9600 7E1". Bytes come one by one at true speed only."""
        return cls(period_s, speed, bytes_per_s(setting) if speed == 1 else None)


def bytes_per_s(setting: str) -> float:
    """What a serial line carries, for each byte a start bit, the data bits, parity and stop bits."""
    found = _SETTING.fullmatch(setting)
    if found is None:
        raise ValueError(f"{setting} is no serial setting")
    bits = 1 + int(found[2]) + (found[3] != "N") + int(found[4])
    return int(found[1]) / bits


class Sender:
    """A meter at its line: each `step` sends what is due at `due`.

    `began` is what the clock says at `start`. The first telegram comes at the first whole second,
    `later_s` after that when it is one of many. Ends after `count` moments, if given. `telegrams`
    counts what was sent, whole or damaged; the meter was asked from `first_at` to `last_at`.
    """

    def __init__(
        self,
        meter: Meter,
        line: Line,
        start: datetime,
        began: float,
        pace: Pace,
        *,
        later_s: float = 0.0,
        count: int | None = None,
    ) -> None:
        self.meter = meter
        self.telegrams = 0
        self._line = line
        self._pace = pace
        self._count = count
        first = start.replace(microsecond=0)
        if first < start:
            first += timedelta(seconds=1)
        # A meter's clock shows whole seconds.
        self.first_at = first + timedelta(seconds=int(later_s))
        self.last_at: datetime | None = None
        self._begins = began
        if pace.speed:
            self._begins += ((first - start).total_seconds() + later_s) / pace.speed
        self._number = 0
        self._under_way: Iterator[tuple[float, bytes]] = iter(())
        self._next: bytes | None = None
        self.due = self._begins

    def step(self) -> bool:
        """Send what is due; False when that was the last, or nobody will ever read again."""
        if self._next is not None:
            return self._line.send(self._next, begins=False) and self._go_on()
        self.last_at = self.first_at + timedelta(seconds=self._number * self._pace.period_s)
        sent = self.meter.bytes_at(self.last_at)
        if sent is None:
            self._line.unplug()
            return self._wait()
        self.telegrams += bool(sent)
        if self._pace.bytes_per_s is None or not sent:
            return self._line.send(sent) and self._wait()
        # Readers that come while the telegram is under way get the one after it.
        self._under_way = _parts(sent, self.due, self._pace.bytes_per_s)
        return self._line.send(b"") and self._go_on()

    def finish(self) -> None:
        """Send at once what is left of a telegram that is under way: a capture ends with a whole one."""
        while self._next is not None and self.step():
            pass

    def _go_on(self) -> bool:
        """Wait for the next part of this telegram; behind its last one, for the next telegram."""
        self.due, self._next = next(self._under_way, (self.due, None))
        return self._next is not None or self._wait()

    def _wait(self) -> bool:
        self._number += 1
        speed = self._pace.speed
        self.due = self._begins + (self._number * self._pace.period_s / speed if speed else 0.0)
        return self._number != self._count


def send_all(senders: Iterable[Sender], wait: Callable[[float], bool], clock: Callable[[], float]) -> None:
    """Let each send what is due when it is due, until all have sent their last.

    `wait` sleeps for so many seconds and returns True when it is time to stop
    (`threading.Event.wait`); `clock` counts seconds (`time.monotonic`).
    """
    order = counting()  # of those due at once, who waits longest comes first
    waiting = [(sender.due, next(order), sender) for sender in senders]
    heapify(waiting)
    while waiting and not wait(max(0.0, waiting[0][0] - clock())):
        sender = waiting[0][2]
        if sender.step():
            heapreplace(waiting, (sender.due, next(order), sender))
        else:
            heappop(waiting)
    for _, _, sender in waiting:
        sender.finish()


def _parts(telegram: bytes, begins: float, rate: float) -> Iterator[tuple[float, bytes]]:
    """The parts in which a driver hands a telegram over: each when its last byte has come."""
    size = ceil(rate * _PART_S)
    for first in range(0, len(telegram), size):
        part = telegram[first : first + size]
        yield begins + (first + len(part)) / rate, part
