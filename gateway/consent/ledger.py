"""The ledger: the register of consents. Lines are only ever added, each chained to the one before.

Every line names the authenticator of its predecessor and carries its own (HMAC under a key of the
gateway). The newest one is remembered apart, so that lines cut off at the end are missed too. A
ledger that fails its check is not used: nothing is shared until the owner has looked at it and accepts it.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.consent.ledger_lines import (
    GENESIS,
    SCHEMA_VERSION,
    Entry,
    Event,
    LedgerKeys,
    Lines,
)
from gateway.consent.terms import Consent, State, Terms
from gateway.errors import (
    ConsentError,
    HistoryError,
    LedgerBroken,
    RolledBack,
)
from gateway.files import Slot, sync_folder, write_whole

__all__ = ["Entry", "Event", "Ledger", "LedgerKeys"]

_STATE_AFTER = {
    Event.REFUSED: State.REFUSED,
    Event.GIVEN: State.GIVEN,
    Event.PAUSED: State.PAUSED,
    Event.RESUMED: State.GIVEN,
    Event.WITHDRAWN: State.WITHDRAWN,
    Event.EXPIRED: State.EXPIRED,
}
_ENDS = (Event.REFUSED, Event.WITHDRAWN, Event.EXPIRED)
_TAKES_BACK = (*_ENDS, Event.PAUSED, Event.SHARING_STOPPED)


class Ledger:
    """The ledger file of one gateway. Safe to use from several threads of one process."""

    def __init__(self, path: Path, keys: LedgerKeys, newest: Slot, clock: Callable[[], datetime]) -> None:
        """Reads and checks the whole file. If the check fails, `fault` says so and none is valid."""
        self._path = path
        self._lines = Lines(keys)
        self._newest = newest
        self._clock = clock
        self._lock = threading.RLock()
        self._broken: LedgerBroken | None = None
        self._older_schema = False
        self._clear()
        try:
            self._entries += self._read()
        except LedgerBroken as fault:
            self._broken = fault
        for entry in self._entries:
            self._apply(entry)

    def _clear(self) -> None:
        self._entries: list[Entry] = []
        self._consents: dict[str, Consent] = {}
        self._cut_off: set[str] = set()
        self._sharing_stopped = False
        self._rolled_back: RolledBack | None = None
        self._checkpoint: Entry | None = None
        self._newest_at: datetime | None = None

    # --- what stands in it -------------------------------------------------------------------

    def consents(self) -> list[Consent]:
        """All consents there ever were, the newest first."""
        with self._lock:
            return list(reversed(self._consents.values()))

    def consent(self, consent_id: str) -> Consent:
        """Raises ConsentError."""
        with self._lock:
            try:
                return self._consents[consent_id]
            except KeyError:
                raise ConsentError("there is no such consent") from None

    def entries(self, consent_id: str) -> list[Entry]:
        with self._lock:
            return [entry for entry in self._entries if entry.consent_id == consent_id]

    @property
    def fault(self) -> LedgerBroken | None:
        """Why nothing is shared: it was altered, or older copies of files were put back."""
        with self._lock:
            return self._broken or self._rolled_back

    @property
    def end(self) -> tuple[int, str]:
        """How many lines there are, and the authenticator of the last one."""
        with self._lock:
            return (len(self._entries), self._entries[-1].mac) if self._entries else (0, GENESIS)

    def contains(self, length: int, mac: str) -> bool:
        """Whether this ledger, or its beginning, once ended like this."""
        with self._lock:
            return length == 0 or (len(self._entries) >= length and self._entries[length - 1].mac == mac)

    @property
    def checkpoint(self) -> Entry | None:
        """The newest line that says how far the history had come."""
        with self._lock:
            return self._checkpoint

    @property
    def newest_at(self) -> datetime | None:
        """The time of the newest line; None while there is none. Checkpoints do not count.

        Nobody acted at a checkpoint: one that was written by a wrong clock must not hold up the time.
        """
        with self._lock:
            return self._newest_at

    @property
    def sharing_stopped(self) -> bool:
        """The stop switch: nothing is shared while it is on, whatever the consents say."""
        with self._lock:
            return self._sharing_stopped

    def valid(self, now: datetime) -> list[Consent]:
        """The consents under which something may be disclosed at this moment."""
        with self._lock:
            if self._sharing_stopped or self.fault is not None:
                return []
            return [consent for consent in self._consents.values() if consent.is_valid(now)]

    def to_cut_off(self) -> list[Consent]:
        """Consents that ended, but whose recipient the transport may still know."""
        with self._lock:
            ended = (State.WITHDRAWN, State.EXPIRED, State.REFUSED)
            return [c for c in self._consents.values() if c.state in ended and c.id not in self._cut_off]

    # --- adding ------------------------------------------------------------------------------

    def append(self, event: Event, consent_id: str = "", **facts: Any) -> Entry:
        """Add a line; it is on disk when this returns.

        Raises ConsentError when it cannot be written, and LedgerBroken. What takes something back
        counts all the same, until a restart: a full disk must not keep anybody in.
        """
        with self._lock:
            if self.fault is not None:
                raise self.fault
            return self._append(event, consent_id, facts)

    def append_checkpoint(self, facts: dict[str, Any], every: timedelta) -> None:
        """Say how far the history has come, unless the last such line is newer than this.

        Raises as `append` does.
        """
        with self._lock:
            before = self._checkpoint
            if before is None or not timedelta(0) <= self._clock() - before.at < every:
                self.append(Event.CHECKPOINT, **facts)

    def _append(self, event: Event, consent_id: str, facts: dict[str, Any]) -> Entry:
        length, previous = self.end
        entry, line = self._lines.written(
            Entry(length + 1, self._clock(), event, consent_id, facts, previous, "")
        )
        size = self._path.stat().st_size if self._path.exists() else 0
        try:
            self._write(line)
            self._remember(entry.sequence, entry.mac)
        except (OSError, HistoryError) as error:
            with suppress(OSError):  # else the next line would stand behind half of this one
                os.truncate(self._path, size)
            if event in _TAKES_BACK:
                self._apply(entry)
            reason = error.strerror if isinstance(error, OSError) else error
            raise ConsentError(f"the register of consents cannot be written: {reason}") from None
        self._entries.append(entry)
        self._apply(entry)
        return entry

    def close(self, parts: Collection[str]) -> None:
        """Share nothing until `accept`: older copies of these parts were put back.

        It is remembered in a line of its own, where the ledger itself is whole.
        """
        with self._lock:
            known = () if self._rolled_back is None else self._rolled_back.parts
            found = tuple(sorted({*known, *parts}))
            if found == known:
                return
            self._rolled_back = RolledBack(found)
            if self._broken is None:
                with suppress(ConsentError):  # on a full disk it counts all the same
                    self._append(Event.ROLLED_BACK, "", {"parts": list(found)})

    def accept(self, method: str) -> None:
        """The owner has seen the fault: go on with what is there. Raises ConsentError.

        A withdrawal may be missing from a ledger that was put back or altered: every consent in it ends. The
        stop switch is on afterwards. A ledger that fails its check is set aside, and another one begun.
        """
        with self._lock:
            if self.fault is None:
                raise ConsentError("there is nothing to accept: no file was found altered or put back")
            parts = {"ledger"} if self._rolled_back is None else {*self._rolled_back.parts}
            if self._broken is not None:
                parts.add("ledger")
                self._set_aside()
            if "ledger" in parts:
                for consent in self._consents.values():
                    if consent.state in (State.GIVEN, State.PAUSED):
                        self._append(Event.WITHDRAWN, consent.id, {"method": method})
            if not self._sharing_stopped:
                self._append(Event.SHARING_STOPPED, "", {"method": method})
            self._append(Event.ACCEPTED, "", {"method": method, "parts": sorted(parts)})

    def _set_aside(self) -> None:
        try:
            if self._path.exists():
                aside = f"{self._path.name}.rejected-{self._clock():%Y%m%d-%H%M%S}"
                self._path.replace(self._path.with_name(aside))
            self._remember(0, GENESIS)
        except (OSError, HistoryError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ConsentError(f"the register of consents cannot be set aside: {reason}") from None
        self._clear()
        # Until the owner's acceptance stands in it, the new one is closed, too: a cut would show.
        self._broken, self._rolled_back = None, RolledBack(("ledger",))
        self._older_schema = False

    def upgrade(self) -> None:
        """Seal the lines that version 0.1 wrote in the clear. Only for who holds the folder's lock.

        Raises ConsentError, and then all is as it was.
        """
        with self._lock:
            if not self._older_schema:
                return
            entries, content, previous = [], b"", GENESIS
            for entry in self._entries:
                sealed, line = self._lines.written(replace(entry, previous=previous))
                entries.append(sealed)
                content += line
                previous = sealed.mac
            try:
                # For a cut in between: both ends are known to it until the file is replaced.
                self._remember(len(entries), previous, self._entries[-1].mac)
                write_whole(self._path, content)
                self._remember(len(entries), previous)
            except (OSError, HistoryError) as error:
                raise ConsentError(f"the register of consents cannot be sealed: {error}") from None
            self._entries, self._older_schema = entries, False

    def _apply(self, entry: Entry) -> None:
        if entry.event is Event.CHECKPOINT:
            self._checkpoint = entry
            return
        self._newest_at = entry.at
        if entry.event is Event.ROLLED_BACK:
            self._rolled_back = RolledBack(tuple(entry.facts["parts"]))
        elif entry.event is Event.ACCEPTED:
            self._rolled_back = None
        elif entry.event in (Event.SHARING_STOPPED, Event.SHARING_STARTED):
            self._sharing_stopped = entry.event is Event.SHARING_STOPPED
        elif entry.event is Event.REQUESTED:
            terms = Terms.from_json(entry.facts["terms"])
            self._consents[entry.consent_id] = Consent(
                entry.consent_id, terms, State.REQUESTED, is_a_request=bool(entry.facts.get("is_a_request"))
            )
        elif entry.event is Event.CUT_OFF:
            self._cut_off.add(entry.consent_id)
            consent = self._consents[entry.consent_id]
            if consent.state in (State.GIVEN, State.PAUSED):  # its withdrawal could not be written
                self._consents[consent.id] = replace(consent, state=State.WITHDRAWN, ended_at=entry.at)
        else:
            consent = replace(self._consents[entry.consent_id], state=_STATE_AFTER[entry.event])
            if entry.event is Event.GIVEN:
                consent = replace(consent, given_at=entry.at)
            if entry.event in _ENDS:
                consent = replace(consent, ended_at=entry.at)
            self._consents[entry.consent_id] = consent

    # --- the file ----------------------------------------------------------------------------

    def _remember(self, length: int, *macs: str) -> None:
        self._newest.save(json.dumps([length, *macs]).encode())

    def _write(self, line: bytes) -> None:
        new = not self._path.exists()
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        if new:
            sync_folder(self._path.parent)

    def _read(self) -> list[Entry]:
        raw = self._path.read_bytes() if self._path.exists() else b""
        *whole, torn = raw.split(b"\n")
        found = list(self._lines.read(whole))
        entries = [entry for entry, _ in found]
        self._older_schema = any(schema != SCHEMA_VERSION for _, schema in found)
        try:
            newest = self._newest.load()
        except HistoryError as error:
            raise LedgerBroken(
                f"the register of consents cannot be checked ({error}): nothing is shared"
            ) from None
        if newest is not None:
            length, *macs = json.loads(newest)
            if length and (len(entries) < length or entries[length - 1].mac not in macs):
                raise LedgerBroken("the register of consents was cut short: nothing is shared")
        elif len(entries) > 1:
            raise LedgerBroken("the register of consents is not this gateway's: nothing is shared")
        if torn:  # a power cut while a line was written: it was never acknowledged
            os.truncate(self._path, len(raw) - len(torn))
        return entries
