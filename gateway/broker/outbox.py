"""The outbox: profile rows on their way to a recipient, kept over a restart.

What waits is the row, not a message: what of it may go is asked again when it is sent. Bounded: at
most MOST_ROWS, none older than a day; the oldest go first. Hidden under the device key.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.consent.ledger import Slot
from gateway.history import Period, Row

MOST_ROWS = 1000
LONGEST_WAIT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One row for one recipient."""

    consent_id: str
    row: Row


class Outbox:
    """Rows that were not acknowledged yet. Safe to use from several threads."""

    def __init__(self, slot: Slot, clock: Callable[[], datetime]) -> None:
        self._slot = slot
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting = [_waiting(stored) for stored in json.loads(slot.load() or b"[]")]
        self._saved = len(self._waiting)

    def put(self, rows: list[Waiting]) -> None:
        """Add rows; they are on disk when this returns."""
        if rows:
            with self._lock:
                self._waiting = (self._waiting + rows)[-MOST_ROWS:]
            self.save()

    def waiting(self) -> list[Waiting]:
        """What is still to be acknowledged, the oldest first."""
        with self._lock:
            return list(self._waiting)

    def done(self, waiting: Waiting) -> None:
        """The broker has it. Saved when all are done, at the next `put` or at `save`."""
        with self._lock:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            drained = not self._waiting
        if drained:
            self.save()

    def keep_only(self, consent_ids: Collection[str]) -> None:
        """Drop what waits for others, and what has waited for too long."""
        oldest = self._clock() - LONGEST_WAIT
        with self._lock:
            kept = [w for w in self._waiting if w.consent_id in consent_ids and w.row.read_at >= oldest]
            dropped = len(kept) != len(self._waiting)
            self._waiting = kept
        if dropped:
            self.save()

    def save(self) -> None:
        with self._lock:
            if self._waiting or self._saved:
                self._slot.save(json.dumps([_stored(waiting) for waiting in self._waiting]).encode())
            self._saved = len(self._waiting)


def _stored(waiting: Waiting) -> list[Any]:
    row = waiting.row
    times = [row.ends_at.timestamp(), row.read_at.timestamp()]
    meter = [row.meter_number, row.commodity, row.period.value, row.simulated]
    return [waiting.consent_id, *meter, *times, dict(row.quantities)]


def _waiting(stored: list[Any]) -> Waiting:
    consent_id, number, commodity, period, simulated, ends_at, read_at, quantities = stored
    row = Row(
        meter_number=number,
        commodity=commodity,
        period=Period(period),
        ends_at=datetime.fromtimestamp(ends_at, UTC),
        read_at=datetime.fromtimestamp(read_at, UTC),
        quantities=quantities,
        simulated=simulated,
    )
    return Waiting(consent_id, row)
