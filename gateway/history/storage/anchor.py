"""The anchor: which data key was each meter's newest, remembered beside the database.

An older copy of the whole database, put in its place, is whole and genuine in itself. The anchor lies
in a file of its own, and says that there was more.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date

from gateway.errors import (
    AnchorRemoved,
    HistoryError,
    OlderCopy,
    StateUnusable,
)
from gateway.history.keys.hidden_file import HiddenFile
from gateway.history.storage.store import Store

ANCHOR_NAME = "newest-data-keys"


@dataclass(frozen=True, slots=True)
class Anchored:
    """The newest data key and its day by meter tag, and what was missing when an older copy was found.

    Days are proleptic ordinals; `missing` holds the last day of the copy (0: none) and the last known.
    `removed` is the last day of the database when the anchor itself was gone (0: it never was).
    """

    newest: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    missing: tuple[tuple[int, int], ...] = ()
    removed: int = 0


class Anchor:
    """The anchor of one data folder."""

    def __init__(self, file: HiddenFile) -> None:
        self._file = file

    def load(self) -> Anchored | None:
        """None when there is none yet. Raises StateUnusable and HistoryError."""
        plain = self._file.load()
        if plain is None:
            return None
        fields = json.loads(plain)
        return Anchored(
            {bytes.fromhex(tag): (key_id, day) for tag, (key_id, day) in fields["newest"].items()},
            tuple((last, known) for last, known in fields["missing"]),
            fields.get("removed", 0),
        )

    def begin(self, store: Store) -> None:
        """Lay it down before the first data key is: from then on it is missing only if it was removed."""
        if self.load() is None and not store.newest_data_keys():
            self._save(Anchored())

    def next_data_key_id(self) -> int:
        """A number that no data key ever had, as far as the anchor knows."""
        anchored = self._remembered() or Anchored()
        return 1 + max((key_id for key_id, _ in anchored.newest.values()), default=0)

    def move(self, store: Store) -> None:
        """Remember the newest data keys as they are now; what was missing stays remembered."""
        anchored = _with_missing(self._remembered() or _removed(store), store)
        self._save(replace(anchored, newest=anchored.newest | store.newest_data_keys()))

    def forget_meter(self, tag: bytes) -> None:
        """Expect nothing of a meter any more: the retention removes the last of it."""
        anchored = self._remembered()
        if anchored is not None:
            newest = {known: found for known, found in anchored.newest.items() if known != tag}
            self._save(replace(anchored, newest=newest))

    def check(self, store: Store) -> HistoryError | None:
        """Whether an older copy was put in the database's place, now or at an earlier start.

        Also whether the anchor itself was removed, so that nobody can say.
        """
        remembered = self._remembered()
        found = _with_missing(remembered or _removed(store), store)
        if found not in (remembered, Anchored()):
            self._save(found)
        return older_copy(found, store)

    def set(self, store: Store) -> None:
        """Take the database as it is: after a restore that the owner asked for."""
        self._save(Anchored(store.newest_data_keys()))

    def forget(self) -> None:
        self._file.forget()

    def _remembered(self) -> Anchored | None:
        # One that does not open is worth as little as one that was removed: recording goes on.
        with suppress(StateUnusable):
            return self.load()
        return None

    def _save(self, anchored: Anchored) -> None:
        newest = {tag.hex(): found for tag, found in anchored.newest.items()}
        fields = {"newest": newest, "missing": anchored.missing, "removed": anchored.removed}
        self._file.save(json.dumps(fields).encode())


def _removed(store: Store) -> Anchored:
    """What to begin anew with, where the anchor is gone: that it is, unless nothing was recorded yet."""
    return Anchored(removed=max((day for _, day in store.newest_data_keys().values()), default=0))


def older_copy(anchored: Anchored, store: Store) -> HistoryError | None:
    """What to tell when there was more than the database holds, or may have been."""
    missing = _with_missing(anchored, store).missing
    if not missing:
        return AnchorRemoved(date.fromordinal(anchored.removed)) if anchored.removed else None
    last, known = missing[-1]
    return OlderCopy(date.fromordinal(last) if last else None, date.fromordinal(known))


def _with_missing(anchored: Anchored, store: Store) -> Anchored:
    present = store.newest_data_keys()
    missing = anchored.missing
    for tag, (key_id, day) in anchored.newest.items():
        found, last_day = present.get(tag, (0, 0))
        if found < key_id and (last_day, day) not in missing:
            missing += ((last_day, day),)
    return replace(anchored, missing=missing)
