"""The ledger: the register of consents. Lines are only ever added, each chained to the one before.

Every line names the authenticator of its predecessor and carries its own (HMAC under a key of the
gateway). The newest one is remembered apart, so that lines cut off at the end are missed too. A
ledger that fails its check is not used: nothing is published until the owner has looked at it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from gateway.consent.consent import Consent, State, Terms
from gateway.errors import ConsentError, HistoryError, LedgerBroken

SCHEMA_VERSION = 1
_GENESIS = "0" * 64


class Event(StrEnum):
    REQUESTED = "requested"
    REFUSED = "refused"
    GIVEN = "given"
    PAUSED = "paused"
    RESUMED = "resumed"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    CUT_OFF = "cut off"  # the broker no longer knows the recipient, and keeps nothing for it
    SHARING_STOPPED = "sharing stopped"
    SHARING_STARTED = "sharing started"


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


class Slot(Protocol):
    """Where a few bytes are remembered, hidden and authenticated."""

    def load(self) -> bytes | None: ...
    def save(self, plain: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `facts` are the event's own: the terms, the method, the reason."""

    sequence: int
    at: datetime
    event: Event
    consent_id: str
    facts: dict[str, Any]
    previous: str
    mac: str


class Ledger:
    """The ledger file of one gateway. Safe to use from several threads of one process."""

    def __init__(self, path: Path, key: bytes, newest: Slot, clock: Callable[[], datetime]) -> None:
        """Reads and checks the whole file. If the check fails, `fault` says so and none is valid."""
        self._path = path
        self._key = key
        self._newest = newest
        self._clock = clock
        self._lock = threading.RLock()
        self._entries: list[Entry] = []
        self._consents: dict[str, Consent] = {}
        self._cut_off: set[str] = set()
        self._sharing_stopped = False
        self.fault: LedgerBroken | None = None
        try:
            self._entries = self._read()
        except LedgerBroken as fault:
            self.fault = fault
        for entry in self._entries:
            self._apply(entry)

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
    def newest_at(self) -> datetime | None:
        """The time of the newest line; None while there is none."""
        with self._lock:
            return self._entries[-1].at if self._entries else None

    @property
    def sharing_stopped(self) -> bool:
        """The stop switch: nothing is shared while it is on, whatever the consents say."""
        with self._lock:
            return self._sharing_stopped

    def valid(self, now: datetime) -> list[Consent]:
        """The consents under which something may be disclosed at this moment."""
        with self._lock:
            if self._sharing_stopped:
                return []
            return [consent for consent in self._consents.values() if consent.is_valid(now)]

    def to_cut_off(self) -> list[Consent]:
        """Consents that ended, but whose recipient the broker may still know."""
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
            previous = self._entries[-1].mac if self._entries else _GENESIS
            now = self._clock()
            entry = Entry(len(self._entries) + 1, now, event, consent_id, facts, previous, "")
            entry = replace(entry, mac=self._mac(entry))
            length = self._path.stat().st_size if self._path.exists() else 0
            try:
                self._write(_line(entry))
                self._newest.save(json.dumps([entry.sequence, entry.mac]).encode())
            except (OSError, HistoryError) as error:
                with suppress(OSError):  # else the next line would stand behind half of this one
                    os.truncate(self._path, length)
                if event in _TAKES_BACK:
                    self._apply(entry)
                reason = error.strerror if isinstance(error, OSError) else error
                raise ConsentError(f"the register of consents cannot be written: {reason}") from None
            self._entries.append(entry)
            self._apply(entry)
            return entry

    def _apply(self, entry: Entry) -> None:
        if entry.event in (Event.SHARING_STOPPED, Event.SHARING_STARTED):
            self._sharing_stopped = entry.event is Event.SHARING_STOPPED
        elif entry.event is Event.REQUESTED:
            terms = Terms.from_json(entry.facts["terms"])
            self._consents[entry.consent_id] = Consent(entry.consent_id, terms, State.REQUESTED)
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

    def _write(self, line: bytes) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def _read(self) -> list[Entry]:
        raw = self._path.read_bytes() if self._path.exists() else b""
        *whole, torn = raw.split(b"\n")
        entries = list(self._checked(whole))
        try:
            newest = self._newest.load()
        except HistoryError as error:
            raise LedgerBroken(
                f"the register of consents cannot be checked ({error}): nothing is shared"
            ) from None
        if newest is not None:
            count, mac = json.loads(newest)
            if len(entries) < count or entries[count - 1].mac != mac:
                raise LedgerBroken("the register of consents was cut short: nothing is shared")
        elif len(entries) > 1:
            raise LedgerBroken("the register of consents is not this gateway's: nothing is shared")
        if torn:  # a power cut while a line was written: it was never acknowledged
            os.truncate(self._path, len(raw) - len(torn))
        return entries

    def _checked(self, lines: Iterable[bytes]) -> Iterable[Entry]:
        previous = _GENESIS
        for number, line in enumerate(lines, start=1):
            try:
                entry = _entry(json.loads(line))
                genuine = hmac.compare_digest(entry.mac, self._mac(entry)) and _line(entry) == line + b"\n"
            except (ValueError, KeyError, TypeError):
                genuine = False
            if not genuine or entry.previous != previous or entry.sequence != number:
                raise LedgerBroken(
                    f"line {number} of the register of consents was altered: nothing is shared"
                )
            previous = entry.mac
            yield entry

    def _mac(self, entry: Entry) -> str:
        return hmac.new(self._key, _line(replace(entry, mac="")), hashlib.sha256).hexdigest()


def _line(entry: Entry) -> bytes:
    """The entry as its one line: keys in order, so that the same entry is always the same bytes."""
    fields = {
        "schema": SCHEMA_VERSION,
        "sequence": entry.sequence,
        "at": entry.at.isoformat(),
        "event": entry.event.value,
        "consent": entry.consent_id,
        "facts": entry.facts,
        "previous": entry.previous,
        "mac": entry.mac,
    }
    return json.dumps(fields, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _entry(fields: dict[str, Any]) -> Entry:
    return Entry(
        sequence=fields["sequence"],
        at=datetime.fromisoformat(fields["at"]),
        event=Event(fields["event"]),
        consent_id=fields["consent"],
        facts=fields["facts"],
        previous=fields["previous"],
        mac=fields["mac"],
    )
