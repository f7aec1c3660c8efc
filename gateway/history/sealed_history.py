"""The history as a whole: claimed once, recorded into by the daemon, unlocked by the owner."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakSet
from zoneinfo import ZoneInfo

from gateway.errors import (
    AlreadyClaimed,
    HistoryError,
    NotClaimed,
    StateUnusable,
)
from gateway.history.keys import keyring
from gateway.history.keys.hidden_file import HiddenFile
from gateway.history.keys.keyring import HouseholdKey, PasswordCost, WrappedHousehold
from gateway.history.keys.password import check_password
from gateway.history.keys.root_keys import GatewayKeys
from gateway.history.queries.open_history import OpenHistory
from gateway.history.recording.memory import unpacked
from gateway.history.recording.plausibility import Plausibility
from gateway.history.recording.recorder import Recorder
from gateway.history.recording.writer import (
    Batch,
    SealedWriter,
    WriterThread,
    forgotten_meters,
)
from gateway.history.records.periods import midnight
from gateway.history.storage import states
from gateway.history.storage.anchor import ANCHOR_NAME, Anchor
from gateway.history.storage.store import Store
from gateway.history.upkeep import backup, renewal, verify
from gateway.history.upkeep.renewal import Progress
from gateway.history.upkeep.retention import Keeping, Removed, Retention
from gateway.history.upkeep.verify import Report

RENEWED_EVERY = timedelta(days=365)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Renewed:
    """What a renewal gives: a recovery code to be shown once, and whether the device key is new too."""

    recovery_code: str
    device_key_replaced: bool


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a history has come: data keys' ids by their meter's tag in text, and the household's mac.

    `forgotten` are the last data keys of meters that the retention has removed to the last.
    """

    data_keys: dict[str, int]
    forgotten: dict[str, int]
    household: bytes

    def contains(self, tag: str, data_key: int) -> bool:
        return max(self.data_keys.get(tag, 0), self.forgotten.get(tag, 0)) >= data_key


class SealedHistory:
    """One history file and the keys of the gateway that it belongs to."""

    def __init__(
        self, path: Path, keys: GatewayKeys, zone: ZoneInfo, cost: PasswordCost = keyring.COST_ON_A_PI
    ) -> None:
        """Opens or makes the file. The keys are its own from here on. Raises HistoryError."""
        self._path = path
        self._zone = zone
        self._cost = cost
        self._claiming = threading.Lock()
        self._opening = threading.Lock()  # while the keys are those that they are
        self._changing = threading.Lock()  # while there is one writer
        self._writing: WriterThread | None = None
        self._opened: WeakSet[OpenHistory] = WeakSet()
        Store.open(path).close()
        self._keys = keys
        self._anchor = Anchor(HiddenFile(path.parent / "hidden" / ANCHOR_NAME, keys.secret))

    def _present_keys(self) -> GatewayKeys:
        return self._keys

    def _take_keys(self, keys: GatewayKeys) -> None:
        """After a renewal, in the writer's thread: whoever asks for the keys has these from now on."""
        self._keys = keys

    @property
    def zone(self) -> ZoneInfo:
        """That of the home: by it, days begin."""
        return self._zone

    @property
    def claimed(self) -> bool:
        with Store.open_to_read(self._path) as store:
            return store.household() is not None

    def claim(self, password: str, number: str | None = None) -> str:
        """Make the household's keys; returns the recovery code, to be shown once.

        `number` is the meter's, if known: no part of a password. Raises PasswordTooShort,
        PasswordTooCommon and AlreadyClaimed.
        """
        check_password(password, number)
        with self._claiming:
            if self.claimed:
                raise AlreadyClaimed
            made = keyring.new_household(password, self._keys, self._cost)
            with Store.open(self._path) as store, store.transaction():
                store.put_household(made.wrapped, int(time.time()))
        return made.recovery_code

    def unlock(self, number: str, password: str) -> OpenHistory:
        """Open for reading. Raises NotClaimed, and CannotUnlock when a factor is wrong."""
        with self._opening:
            _, opened = self._unlocked(number, password)
            self._opened.add(opened)
        return opened

    def _unlocked(self, number: str, password: str) -> tuple[HouseholdKey, OpenHistory]:
        key = keyring.open_with_password(self._household(), password, self._keys.device_key)
        return key, OpenHistory(self._path, key, self._present_keys, number, self._zone)

    # --- recording ---------------------------------------------------------------------------

    def open_writer(self) -> SealedWriter:
        """What seals and commits batches. Raises NotClaimed. Close it with `SealedWriter.close`."""
        household = self._household()
        keyring.check_household(household, self._keys.device_key.authenticator)
        store = Store.open(self._path)
        with suppress(StateUnusable):  # then it is found by a check, and recording goes on
            self._anchor.begin(store)
        self._anchor.check(store)
        return SealedWriter(store, self._present_keys, self._anchor)

    def writer_thread(self, on_fault: Callable[[HistoryError], None]) -> WriterThread:
        """A writer with a thread of its own, to be given to `start`. Raises NotClaimed."""
        return WriterThread(self.open_writer(), on_fault)

    def start(self, writing: WriterThread) -> None:
        """Let this thread write; what else changes the history is carried out by it, too."""
        with self._changing:
            writing.start()
            self._writing = writing

    def change(self, asked: Callable[[SealedWriter], Result]) -> Result:
        """Run something on the database as its one writer, between two batches where it records."""
        with self._changing:
            if self._writing is None:
                writer = self.open_writer()
                try:
                    return asked(writer)
                finally:
                    writer.close()
        return self._writing.call(asked)

    def recorder(
        self,
        submit: Callable[[Batch], None],
        flush_interval: timedelta,
        plausibility: Plausibility | None = None,
    ) -> Recorder:
        """A recorder, and its plausibility, that go on where the last ended. Raises StateUnusable."""
        return Recorder(submit, self._zone, flush_interval, self._memory(), plausibility)

    def _memory(self) -> dict[str, Any] | None:
        with Store.open_to_read(self._path) as store:
            hidden = store.state(states.RECORDER)
        if hidden is None:
            return None
        return unpacked(self._keys.secret.reveal(states.RECORDER, hidden))

    def keep(self, retention: Retention, today: date, now: int, at_most: int) -> Removed:
        """Remove what is too old or too much, of at most so many data keys. Raises HistoryError.

        `today` is the local day that it certainly is by now; `now` is in Unix seconds.
        """

        def keep(writer: SealedWriter) -> Removed:
            try:
                return Keeping(writer, retention, today, now).remove_some(at_most)
            except sqlite3.Error as error:
                writer.begin_anew()
                raise HistoryError(f"what is too old could not be removed: {error}") from None

        return self.change(keep)

    def newest_day(self) -> date | None:
        """The last local day that something was recorded on; None before the first."""
        with Store.open_to_read(self._path) as store:
            days = [day for _, day in store.newest_data_keys().values()]
        return date.fromordinal(max(days)) if days else None

    def extent(self) -> Extent:
        """How far it has come. Raises StateUnusable and sqlite3.Error."""
        with Store.open_to_read(self._path) as store, store.snapshot():
            household = store.household()
            return Extent(
                {tag.hex(): key_id for tag, (key_id, _) in store.newest_data_keys().items()},
                forgotten_meters(store, self._keys.secret),
                b"" if household is None else household.mac,
            )

    def state(self, name: str) -> bytes | None:
        """What was remembered under a name. Raises StateUnusable."""
        with Store.open_to_read(self._path) as store:
            hidden = store.state(name)
        return None if hidden is None else self._keys.secret.reveal(name, hidden)

    def put_state(self, name: str, plain: bytes) -> None:
        """Remember something in the database; on disk when this returns. Raises HistoryError."""
        hidden = self._keys.secret.hide(name, plain)

        def put(store: Store) -> None:
            with store.transaction():
                store.put_state(name, hidden)

        try:
            with self._changing:
                if self._writing is None:  # also before the claim, when there is no writer yet
                    with Store.open(self._path) as store:
                        put(store)
                    return
            self._writing.call(lambda writer: put(writer.store))
        except sqlite3.Error as error:
            raise HistoryError(f"the history cannot be written: {error}") from None

    def accept(self) -> None:
        """Take the database as it is: the owner has seen that an older copy was put in its place."""
        with Store.open_to_read(self._path) as store:
            self._anchor.set(store)

    def newest_midnight(self) -> datetime | None:
        """When the last local day that something was recorded on began; None before the first."""
        day = self.newest_day()
        return None if day is None else midnight(day, self._zone)

    def back_up(self, folder: Path, at: datetime) -> Path:
        """Write a backup into a folder; returns its file. `at` is the local time. Raises BackupFailed."""
        return backup.back_up(self._path, folder, at)

    # --- keys --------------------------------------------------------------------------------

    def renewed_at(self) -> int | None:
        """When the household's keys were made or renewed, in Unix seconds; None before the claim."""
        with Store.open_to_read(self._path) as store:
            return store.renewed_at()

    def renewal_is_due(self, now: float) -> bool:
        """Whether the keys are a year old."""
        renewed_at = self.renewed_at()
        return renewed_at is not None and now - renewed_at >= RENEWED_EVERY.total_seconds()

    def renew(
        self,
        number: str,
        password: str,
        now: float,
        progress: Progress = renewal.silent,
        acting: OpenHistory | None = None,
    ) -> Renewed:
        """Another household key pair, recovery code and, where it can be written, device key.

        The old recovery code and device key open nothing from then on. Of the open histories only the
        `acting` one stays open.
        Raises CannotUnlock, and HistoryError when it could not be done: then all is as before.
        """
        with self._opening:
            key, _ = self._unlocked(number, password)
            prepared = renewal.prepare(self._household(), key, password, self._keys, self._cost)
            folder = self._path.parent
            self.change(
                lambda writer: renewal.carry_out(
                    prepared, writer, folder, number, int(now), progress, self._take_keys
                )
            )
            if acting is not None:
                acting.take_key(prepared.household.key)
            self._close_all_but(acting)
        return Renewed(prepared.household.recovery_code, prepared.device_key_at is not None)

    def change_password(
        self, number: str, password: str, new_password: str, acting: OpenHistory | None = None
    ) -> None:
        """The recovery code stays; of the open histories only the `acting` one stays open.

        Raises CannotUnlock, PasswordTooShort and PasswordTooCommon.
        """
        check_password(new_password, number)
        with self._opening:
            key, _ = self._unlocked(number, password)
            self._wrap_anew(key, new_password)
            self._close_all_but(acting)

    def recover(self, number: str, code: str, new_password: str) -> None:
        """A new password by recovery code and meter number; no history stays open.

        Raises CannotUnlock, PasswordTooShort and PasswordTooCommon.
        """
        check_password(new_password, number)
        with self._opening:
            key = keyring.open_with_recovery_code(self._household(), code)
            OpenHistory(self._path, key, self._present_keys, number, self._zone)  # it is the right number
            self._wrap_anew(key, new_password)
            self._close_all_but(None)

    def _close_all_but(self, acting: OpenHistory | None) -> None:
        """Whoever learnt the password or took a session before is out, with the keys forgotten."""
        for opened in list(self._opened):
            if opened is not acting:
                opened.close()

    def _wrap_anew(self, key: HouseholdKey, password: str) -> None:
        again = keyring.wrap_anew(self._household(), key, password, self._keys, self._cost)

        def replace(writer: SealedWriter) -> None:
            with writer.store.transaction():
                writer.store.replace_household(again)
            writer.store.wipe_log()

        self.change(replace)

    def _household(self) -> WrappedHousehold:
        with Store.open_to_read(self._path) as store:
            wrapped = store.household()
        if wrapped is None:
            raise NotClaimed
        return wrapped

    # --- checking ----------------------------------------------------------------------------

    def older_copy(self) -> HistoryError | None:
        """What to tell when an older copy of the database was put in its place; None as a rule."""
        with Store.open_to_read(self._path) as store:
            return self._anchor.check(store)

    def verify(self, progress: Progress = renewal.silent) -> Report:
        """What the device key alone can prove of the whole chain."""
        with Store.open_to_read(self._path) as store:
            return verify.chain(store, self._keys, self._anchor, self._zone, progress)

    def verify_content(self, number: str, password: str, progress: Progress = renewal.silent) -> Report:
        """As `verify`, and every row and block opened too. Raises CannotUnlock."""
        with self._opening:
            key, opened = self._unlocked(number, password)
        report = self.verify()
        with Store.open_to_read(self._path) as store:
            return report + verify.content(store, key, opened.meters, self._keys, self._zone, progress)
