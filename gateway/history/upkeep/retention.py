"""Retention: what is too old goes, and never more is kept than there is room for.

The trace of a day lies under that day's data keys, and so do the profile rows that were read on it: what
goes, goes by the day. A removal is authenticated, so that a check tells it from a theft.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, timedelta
from typing import Any, Self

from gateway.errors import RetentionRefused
from gateway.files import Slot
from gateway.history.recording.writer import SealedWriter
from gateway.history.storage.chain import kept_from, trace_removed
from gateway.history.storage.rows import FirstKept, KeyPlace

LONGEST_DAYS, LONGEST_MONTHS = 3660, 120
LEAST_MB = 16
# What a day adds, and the write-ahead log beside the database: kept free, so that the budget is never passed.
_RESERVE_BYTES = 3_000_000
# Free pages up to here are used again by the next day; more of them are given back.
_SPARE_PAGES = 512
_PAGES_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept: the trace in days, the profile in months, both in `max_size_mb` at most.

    What was measured before `contract_start` goes, too. Raises RetentionRefused for what is no such thing.
    """

    trace_days: int = 40
    profile_months: int = 24
    max_size_mb: int = 500
    contract_start: date | None = None

    def __post_init__(self) -> None:
        _between("the trace can be kept for", self.trace_days, 1, LONGEST_DAYS, "days")
        _between("the profile can be kept for", self.profile_months, 1, LONGEST_MONTHS, "months")
        _between("the history can take", self.max_size_mb, LEAST_MB, 1_000_000, "MB")

    def as_json(self) -> dict[str, Any]:
        values = asdict(self)
        return values | {"contract_start": self.contract_start and self.contract_start.isoformat()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `as_json`; what is not in it stays as it is by default."""
        known = {name: values[name] for name in (field.name for field in fields(cls)) if name in values}
        started = known.get("contract_start")
        return cls(**known | {"contract_start": date.fromisoformat(started) if started else None})

    def first_trace_day(self, today: date) -> date:
        return max(today - timedelta(days=self.trace_days), self.first_profile_day(today))

    def first_profile_day(self, today: date) -> date:
        """Whole months, but for the contract's first."""
        months = today.year * 12 + today.month - 1 - self.profile_months
        first = date(months // 12, months % 12 + 1, 1)
        return first if self.contract_start is None else max(first, self.contract_start)


def _between(what: str, value: int, least: int, most: int, unit: str) -> None:
    if not least <= value <= most:
        raise RetentionRefused(f"{what} {least} to {most} {unit}, not {value}")


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed: so many days' traces, and profiles; `for_room` when it was not too old yet.

    `last_day` is the last day of which something went for want of room.
    """

    traces: int = 0
    profiles: int = 0
    for_room: int = 0
    last_day: date | None = None

    def __add__(self, other: Removed) -> Removed:
        return Removed(
            self.traces + other.traces,
            self.profiles + other.profiles,
            self.for_room + other.for_room,
            other.last_day or self.last_day,
        )

    def __bool__(self) -> bool:
        return bool(self.traces or self.profiles)


def beginnings(keys: Sequence[KeyPlace], before: int, today: int) -> list[KeyPlace]:
    """The data keys of days before this one that a meter's chain can lose: from its beginning only.

    `keys` are in the order in which they were made; days are proleptic ordinals. One that a wrong clock
    dated into the future does not hold up what came after it.
    """
    found: list[KeyPlace] = []
    for tag in dict.fromkeys(key.meter_tag for key in keys):
        waiting: list[KeyPlace] = []
        for key in keys:
            if key.meter_tag != tag:
                continue
            if before <= key.day <= today + 1:
                break
            waiting.append(key)
            if key.day < before:
                found += waiting
                waiting = []
    return sorted(found, key=lambda key: key.id)


class Keeping:
    """Carries out the retention on one database, as its one writer, a data key a transaction."""

    def __init__(self, writer: SealedWriter, retention: Retention, today: date, now: int) -> None:
        """`today` is the local day that it certainly is by now; `now` is in Unix seconds."""
        self._writer = writer
        self._store = writer.store
        self._retention = retention
        self._today = today
        self._now = now

    def remove_some(self, at_most: int) -> Removed:
        """Remove what is too old or too much, of at most so many data keys. Raises sqlite3.Error."""
        removed = self._too_old(at_most) or self._for_room(at_most)
        self._give_back()
        return removed

    def _too_old(self, at_most: int) -> Removed:
        retention, keys = self._retention, self._keys()
        first = retention.first_profile_day(self._today).toordinal()
        gone = beginnings(keys, first, self._today.toordinal())[:at_most]
        for key in gone:
            self._remove_key(key)
        ids = {key.id for key in gone}
        first = retention.first_trace_day(self._today).toordinal()
        traced = [key for key in keys if key.day < first and key.has_trace and key.id not in ids]
        traced = traced[: at_most - len(gone)]
        for key in traced:
            self._remove_trace(key)
        return Removed(len(traced), len(gone))

    def _for_room(self, at_most: int) -> Removed:
        """The oldest traces, then the oldest days with all that is left of them; never today."""
        removed = Removed()
        keys = self._keys()
        today = self._today.toordinal()
        steps: list[tuple[KeyPlace, Callable[[KeyPlace], None], Removed]] = [
            (key, self._remove_trace, Removed(traces=1))
            for key in sorted(keys, key=lambda key: key.day)
            if key.day < today and key.has_trace
        ]
        steps += [(key, self._remove_key, Removed(profiles=1)) for key in beginnings(keys, today, today)]
        for key, remove, what in steps[:at_most]:
            self._store.free_some(_PAGES_AT_ONCE)
            if self._store.size() + _RESERVE_BYTES <= self._retention.max_size_mb * 1_000_000:
                break
            remove(key)
            removed += what + Removed(for_room=1, last_day=date.fromordinal(key.day))
        self._store.free_some(_PAGES_AT_ONCE)
        return removed

    def _keys(self) -> list[KeyPlace]:
        """All data keys but those that something can still be added to."""
        in_use = self._writer.keys_in_use()
        return [key for key in self._store.key_places() if key.id not in in_use]

    def _remove_trace(self, key: KeyPlace) -> None:
        record = self._store.data_key(key.id)
        with self._store.transaction():
            self._store.remove_blocks(record)
            self._store.put_data_key(trace_removed(record, self._now, self._writer.authenticator))

    def _remove_key(self, key: KeyPlace) -> None:
        """All that lies under a data key, and the key; its meter's chain begins with the next one."""
        following = self._store.following_data_key(key)
        if following is None:
            self._writer.forget_meter_beside(key.meter_tag)
        with self._store.transaction():
            self._store.remove_blocks(self._store.data_key(key.id))
            self._store.remove_rows(key.id)
            self._store.remove_data_key(key.id)
            if following is None:
                self._store.remove_first_kept(key.meter_tag)
                self._writer.forget_meter(key.meter_tag, key.id)
            else:
                first = FirstKept(key.meter_tag, following, self._now)
                self._store.put_first_kept(kept_from(first, self._writer.authenticator))

    def _give_back(self) -> None:
        """Shorten the file by what is free in it, and wipe what was removed out of the log."""
        while self._store.free_pages() > _SPARE_PAGES:
            self._store.free_some(_PAGES_AT_ONCE)
        self._store.wipe_log()


class RetentionChoice:
    """What the owner chose, in a hidden file; where nothing was chosen, what the configuration says."""

    def __init__(self, file: Slot, usual: Retention) -> None:
        self._file = file
        self._usual = usual

    def load(self) -> Retention:
        """Raises StateUnusable, HistoryError and RetentionRefused."""
        chosen = self._file.load()
        return Retention.from_json(self._usual.as_json() | ({} if chosen is None else json.loads(chosen)))

    def choose(self, **chosen: Any) -> Retention:
        """Choose some of it anew, as in Retention.as_json; the rest stays. Raises as `load` does."""
        known = self._file.load()
        chosen = ({} if known is None else json.loads(known)) | chosen
        found = Retention.from_json(self._usual.as_json() | chosen)
        self._file.save(json.dumps(chosen).encode())
        return found
