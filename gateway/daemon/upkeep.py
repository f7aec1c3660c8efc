"""What is done every few seconds: retention, backups, and what a transport still has to be told.

Each is tried again later when it fails: on a full disk, or while the stick for backups is not plugged in.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Protocol

from gateway.clock import is_synchronised
from gateway.errors import (
    BackupFailed,
    DiskBudgetReached,
    GatewayError,
    RecipientsUnknown,
    TransportUnavailable,
)
from gateway.history import RetentionChoice, SealedHistory, backup
from gateway.operations import Sharing

_KEPT_EVERY = timedelta(hours=1)
_COMPARED_EVERY = timedelta(hours=1)
_COMPARED_AGAIN_AFTER = timedelta(minutes=1)
_BACKED_UP_EVERY = timedelta(days=7)
_BACKUP_TRIED_EVERY = timedelta(days=1)
# So few at a time that what the meter says meanwhile fits the writer's queue many times over.
_KEYS_AT_ONCE = 8


class Dispatching(Protocol):
    """The dispatcher, as far as it is looked after here; see `gateway.sharing.Dispatcher`."""

    def reconcile(self) -> None: ...
    @property
    def connections(self) -> Hashable: ...


class Upkeep:
    """Called every few seconds, in a thread of its own."""

    def __init__(
        self,
        history: SealedHistory,
        retention: RetentionChoice,
        sharing: Sharing,
        dispatcher: Dispatching,
        backups: tuple[Path, int] | None,
        clock: Callable[[], datetime],
        on_fault: Callable[[GatewayError], None],
        clock_is_set: Callable[[], bool] = is_synchronised,
    ) -> None:
        """`backups` are the folder for them, and how many are kept; None where none was chosen."""
        self._history = history
        self._retention = retention
        self._sharing = sharing
        self._dispatcher = dispatcher
        self._backups = backups
        self._clock = clock
        self._zone = history.zone
        self._on_fault = on_fault
        self._clock_is_set = clock_is_set
        self._kept_at: datetime | None = None
        self._compared_at: datetime | None = None
        self._comparison_tried_at: datetime | None = None
        self._compared_connection: Hashable = None
        self._backup_tried_at: datetime | None = None
        self._removed_for_room: date | None = None
        self._backed_up_at: datetime | None = None

    def tick(self) -> None:
        """What one part cannot do now is told, and keeps no other from its turn."""
        for part in (self._maintain, self._dispatcher.reconcile, self._compare, self._keep, self._back_up):
            try:
                part()
            except GatewayError as fault:
                self._on_fault(fault)

    @property
    def last_backup(self) -> datetime | None:
        return self._backed_up_at

    @property
    def removed_for_room_until(self) -> date | None:
        """The last day of which something had to go for want of room."""
        return self._removed_for_room

    def _maintain(self) -> None:
        if self._sharing.fault is None:
            self._sharing.maintain()

    def _compare(self) -> None:
        """Who is let in, with the consents: at the start, at each connection anew, and hourly."""
        connection = self._dispatcher.connections
        if connection == self._compared_connection and not self._is_due(self._compared_at, _COMPARED_EVERY):
            return
        if not self._is_due(self._comparison_tried_at, _COMPARED_AGAIN_AFTER):
            return
        self._comparison_tried_at = now = self._clock()
        try:
            self._sharing.compare()
        except TransportUnavailable:
            if self._sharing.lasting():
                raise
            return  # nobody misses it
        except RecipientsUnknown:
            self._compared_at, self._compared_connection = now, connection
            raise
        self._compared_at, self._compared_connection = now, connection

    def _keep(self) -> None:
        """The retention: some of it now, the rest at the next turns."""
        now = self._clock()
        if not self._is_due(self._kept_at, _KEPT_EVERY) or not self._history.claimed:
            return
        retention = self._retention.load()
        removed = self._history.keep(retention, self._certain_day(now), int(now.timestamp()), _KEYS_AT_ONCE)
        if not removed:
            self._kept_at = now
        if removed.last_day is not None:
            self._removed_for_room = removed.last_day
            self._on_fault(DiskBudgetReached(removed.last_day, retention.max_size_mb))

    def _certain_day(self, now: datetime) -> date:
        """Today at home; by a clock that nobody set never later than the history has come to.

        A clock that is wrong must not make what was recorded yesterday look too old.
        """
        today = now.astimezone(self._zone).date()
        newest = self._history.newest_day()
        return today if newest is None or self._clock_is_set() else min(today, newest)

    def _back_up(self) -> None:
        """Once a week; where it fails, again the next day."""
        if self._backups is None or not self._history.claimed:
            return
        if not self._is_due(self._backup_tried_at, _BACKUP_TRIED_EVERY):
            return
        folder, count = self._backups
        now = self._backup_tried_at = self._clock()
        found = backup.backups(folder)
        if found:
            self._backed_up_at = backup.made_at(found[-1], self._zone)
            if self._backed_up_at is not None and timedelta(0) <= now - self._backed_up_at < _BACKED_UP_EVERY:
                return
        elif not folder.is_dir():
            raise BackupFailed(f"the folder for backups, {folder}, is not there: is the stick plugged in?")
        self._history.back_up(folder, now.astimezone(self._zone))
        self._backed_up_at = now
        backup.keep_newest(folder, count)

    def _is_due(self, done_at: datetime | None, every: timedelta) -> bool:
        return done_at is None or not timedelta(0) <= self._clock() - done_at < every
