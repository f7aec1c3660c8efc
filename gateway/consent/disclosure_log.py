"""The disclosure log: how much each recipient was sent, per day and category, for the owner to see.

Counts only, never a value. Kept hidden, for as long as the consent's record is of use. It is saved each
minute; what was counted since then stands in a page of its own, written at each count without waiting for
the disk: it outlives a process that is killed. After an end that was not orderly, the time for which counts
may be missing is remembered as a gap.
"""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from gateway.consent.disclosure import Disclosure
from gateway.consent.terms import LONGEST, Category
from gateway.errors import HistoryError
from gateway.files import Slot

_SAVE_EVERY = timedelta(minutes=1)
_PAGE_BYTES = 4000
"""With what hides it, at most one page of memory: it is written in one piece, also by one that is killed."""
_STEP_BYTES = 8 * 1024
_MOST_GAPS = 100

_Counts = dict[str, dict[str, dict[str, int]]]


class Page(Protocol):
    """A slot that can be written over often; see `gateway.history.HiddenFile`."""

    def load(self) -> bytes | None: ...
    def overwrite(self, plain: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Sent:
    """What went to one recipient on one day (UTC) of one category."""

    day: date
    category: Category
    messages: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A time for which counts may be missing: the gateway ended without an orderly stop."""

    begins_at: datetime
    ends_at: datetime


class DisclosureLog:
    """Counts disclosures. Safe to use from several threads."""

    def __init__(self, slot: Slot, clock: Callable[[], datetime], page: Page | None = None) -> None:
        """Without a `page`, a process that is killed loses the counts since the last save, unmarked."""
        self._slot = slot
        self._page = page
        self._clock = clock
        self._lock = threading.Lock()
        stored = _unpacked(slot.load() or b"{}")
        self._counts: _Counts = stored.get("counts", {})
        self._last: dict[str, str] = stored.get("last", {})
        self._gaps: list[list[str]] = stored.get("gaps", [])
        self._generation: int = stored.get("generation", 0)
        self._since: _Counts = {}
        self._saved_at = self._paged_at = clock()
        if page is not None:
            self._recall(page, stored)

    def note(self, disclosure: Disclosure) -> None:
        """Count a disclosure that was sent: it is remembered also if the process is killed after this."""
        now = self._clock()
        with self._lock:
            for counts in (self._counts, self._since):
                today = counts.setdefault(disclosure.consent_id, {}).setdefault(now.date().isoformat(), {})
                for category in disclosure.categories:
                    today[category.value] = today.get(category.value, 0) + 1
            self._last[disclosure.consent_id] = now.isoformat()
            due = now - self._saved_at >= _SAVE_EVERY or not self._write_page(now)
        if due:
            self.save()

    def mark_time(self) -> None:
        """Remember that nothing is missing until now, at most once a minute. Called every few seconds."""
        now = self._clock()
        with self._lock:
            if now - self._paged_at >= _SAVE_EVERY:
                self._write_page(now)

    def save(self) -> None:
        """Raises HistoryError."""
        self._save(orderly=False)

    def close(self) -> None:
        """Save for the last time: the end of this process is an orderly one."""
        self._save(orderly=True)

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

    def gaps(self) -> list[Gap]:
        """When counts may be missing, the oldest first."""
        with self._lock:
            return [Gap(*map(datetime.fromisoformat, gap)) for gap in self._gaps]

    # --- over a restart ----------------------------------------------------------------------

    def _recall(self, page: Page, stored: dict[str, Any]) -> None:
        """Take over what was counted after the last save, and mark a gap if the end was not orderly."""
        try:
            written = page.load()
            found: dict[str, Any] = {} if written is None else _unpacked(written)
        except (HistoryError, ValueError, zlib.error):  # a power cut while it was written
            found = {}
        if found.get("generation") == self._generation:
            _add(self._counts, found["counts"])
            self._last |= found["last"]
        known_until = max(filter(None, (found.get("at"), stored.get("at"))), default=None)
        if known_until is not None and not found.get("orderly"):
            self._gaps.append([known_until, self._clock().isoformat()])
        with suppress(HistoryError):
            self.save()

    def _save(self, *, orderly: bool) -> None:
        now = self._clock()
        oldest = (now - LONGEST).date().isoformat()
        with self._lock:
            self._saved_at = now
            for consent_id, days in self._counts.items():
                self._counts[consent_id] = {day: counts for day, counts in days.items() if day >= oldest}
            self._gaps = [gap for gap in self._gaps if gap[1] >= oldest][-_MOST_GAPS:]
            generation = self._generation + 1
            stored = {
                "counts": self._counts,
                "last": self._last,
                "gaps": self._gaps,
                "generation": generation,
                "at": now.isoformat(),
            }
            self._slot.save(_packed(stored, _STEP_BYTES))
            # From here on the page of before counts for nothing: what stands in it is in the log.
            self._generation, self._since = generation, {}
            self._write_page(now, orderly=orderly)

    def _write_page(self, now: datetime, *, orderly: bool = False) -> bool:
        """False when it does not fit: then it is time to save."""
        if self._page is None:
            return True
        self._paged_at = now
        written = _packed(
            {
                "generation": self._generation,
                "counts": self._since,
                "last": {consent_id: self._last[consent_id] for consent_id in self._since},
                "at": now.isoformat(),
                "orderly": orderly,
            },
            _PAGE_BYTES,
        )
        if len(written) > _PAGE_BYTES:
            return False
        with suppress(HistoryError):  # a disk that cannot be written is told of at the next save
            self._page.overwrite(written)
        return True


def _packed(values: dict[str, Any], step: int) -> bytes:
    """Compressed, in a size that is a multiple of `step`: it tells little of what was sent."""
    plain = zlib.compress(json.dumps(values).encode())
    return plain.ljust(-(-len(plain) // step) * step, b"\0")


def _unpacked(stored: bytes) -> dict[str, Any]:
    if not stored.startswith(b"{"):  # as version 0.1 wrote it
        stored = zlib.decompressobj().decompress(stored)
    values: dict[str, Any] = json.loads(stored)
    return values


def _add(counts: _Counts, more: _Counts) -> None:
    for consent_id, days in more.items():
        for day, categories in days.items():
            of_day = counts.setdefault(consent_id, {}).setdefault(day, {})
            for category, count in categories.items():
                of_day[category] = of_day.get(category, 0) + count
