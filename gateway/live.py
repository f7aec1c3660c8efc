"""The present moment: the latest reading, today's usage so far, and how the meter's line is doing.

In memory only: it is gone with the daemon. Written by the meter's thread, read by the page.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.errors import GatewayError, TelegramError
from gateway.p1 import Reading

_STALE_AFTER = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known now. `usage_today` is by register, since local midnight, in Wh and litre.

    `telegrams` and `damaged` count since the daemon started; `fault` is the last thing that went
    wrong on the line, until a telegram arrives again.
    """

    reading: Reading | None = None
    received_at: datetime | None = None
    usage_today: Mapping[str, int] | None = None
    telegrams: int = 0
    damaged: int = 0
    fault: GatewayError | None = None


class Live:
    """Holds the latest snapshot."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._snapshot = Snapshot()
        self._faults: Counter[str] = Counter()
        self.messages = 0
        self.clock_losses = 0

    def show(self, reading: Reading, usage_today: Mapping[str, int]) -> None:
        """A good telegram arrived."""
        with self._lock:
            self._count_new(reading)
            self._snapshot = Snapshot(
                reading=reading,
                received_at=self._clock(),
                usage_today=usage_today,
                telegrams=self._snapshot.telegrams + 1,
                damaged=self._snapshot.damaged,
            )

    def note_held(self) -> None:
        """A telegram arrived that others must confirm before it is shown."""
        with self._lock:
            if self._snapshot.reading is not None:
                self._snapshot = replace(self._snapshot, received_at=self._clock())

    def note_fault(self, fault: GatewayError) -> None:
        """A telegram was damaged, or the line was lost."""
        damaged = 1 if isinstance(fault, TelegramError) else 0
        with self._lock:
            self._faults[kind_of(type(fault))] += 1
            self._snapshot = replace(self._snapshot, damaged=self._snapshot.damaged + damaged, fault=fault)

    def _count_new(self, reading: Reading) -> None:
        """Count each message of the grid operator once, and each time the meter's clock was lost."""
        before = self._snapshot.reading
        message = reading.texts.get("message")
        if message and (before is None or before.texts.get("message") != message):
            self.messages += 1
        if before is not None and before.timed and not reading.timed:
            self.clock_losses += 1

    def faults(self) -> dict[str, int]:
        """How often each kind of fault happened since the daemon started, as checksum_mismatch."""
        with self._lock:
            return dict(sorted(self._faults.items()))

    def latest(self) -> Snapshot:
        with self._lock:
            return self._snapshot

    def is_fresh(self) -> bool:
        """Whether the meter spoke a moment ago."""
        received_at = self.latest().received_at
        return received_at is not None and self._clock() - received_at < _STALE_AFTER

    def meter_number(self) -> str | None:
        """The number of the meter that is on the line: one of the three factors of an unlock."""
        reading = self.latest().reading
        return None if reading is None else reading.meter_number


def kind_of(fault: type[GatewayError]) -> str:
    """The kind of a fault, as checksum_mismatch."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", fault.__name__).lower()
