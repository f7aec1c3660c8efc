"""The disclosure log: how much each recipient was sent, per day and category, for the owner to see.

Counts only, never a value. Kept hidden, for as long as the consent's record is of use.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from gateway.consent.consent import LONGEST, Category
from gateway.consent.disclosure import Disclosure
from gateway.consent.ledger import Slot

_SAVE_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Sent:
    """What went to one recipient on one day (UTC) of one category."""

    day: date
    category: Category
    messages: int


class DisclosureLog:
    """Counts disclosures. Safe to use from several threads."""

    def __init__(self, slot: Slot, clock: Callable[[], datetime]) -> None:
        self._slot = slot
        self._clock = clock
        self._lock = threading.Lock()
        stored: dict[str, Any] = json.loads(slot.load() or b"{}")
        self._counts: dict[str, dict[str, dict[str, int]]] = stored.get("counts", {})
        self._last: dict[str, str] = stored.get("last", {})
        self._saved_at = clock()

    def note(self, disclosure: Disclosure) -> None:
        """Count a disclosure that was sent; saved within a minute."""
        now = self._clock()
        with self._lock:
            days = self._counts.setdefault(disclosure.consent_id, {})
            today = days.setdefault(now.date().isoformat(), {})
            for category in disclosure.categories:
                today[category.value] = today.get(category.value, 0) + 1
            self._last[disclosure.consent_id] = now.isoformat()
            due = now - self._saved_at >= _SAVE_EVERY
        if due:
            self.save()

    def save(self) -> None:
        now = self._clock()
        oldest = (now - LONGEST).date().isoformat()
        with self._lock:
            self._saved_at = now
            for consent_id, days in self._counts.items():
                self._counts[consent_id] = {day: counts for day, counts in days.items() if day >= oldest}
            self._slot.save(json.dumps({"counts": self._counts, "last": self._last}).encode())

    def of(self, consent_id: str) -> list[Sent]:
        """Per day and category, the newest day first."""
        with self._lock:
            days = self._counts.get(consent_id, {})
            return [
                Sent(date.fromisoformat(day), Category(category), count)
                for day in sorted(days, reverse=True)
                for category, count in sorted(days[day].items())
            ]

    def last_sent(self, consent_id: str) -> datetime | None:
        with self._lock:
            last = self._last.get(consent_id)
        return None if last is None else datetime.fromisoformat(last)
