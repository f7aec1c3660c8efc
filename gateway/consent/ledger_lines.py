"""The ledger's lines: each authenticated, chained to the one before it, and sealed.

In the clear stand the schema, the number and the two authenticators, so that the chain is checked without
opening a line. When what happened, to whom and what for is sealed, and padded: the length of a name or of
a purpose does not show.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from gateway.errors import HistoryError, LedgerBroken

SCHEMA_VERSION = 2
GENESIS = "0" * 64


class Event(StrEnum):
    REQUESTED = "requested"
    REFUSED = "refused"
    GIVEN = "given"
    PAUSED = "paused"
    RESUMED = "resumed"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    CUT_OFF = "cut off"  # the transport no longer knows the recipient, and stores nothing for it
    SHARING_STOPPED = "sharing stopped"
    SHARING_STARTED = "sharing started"
    CHECKPOINT = "checkpoint"  # how far the history had come
    ROLLED_BACK = "rolled back"  # older copies of files were found in their place
    ACCEPTED = "roll-back accepted"  # the owner has seen it


# What is sealed is filled up to a multiple of this, so that a length tells the event at most.
_SIZES = {Event.REQUESTED: 4096, Event.CHECKPOINT: 512}
_USUAL_SIZE = 256


class LedgerKeys(Protocol):
    """The gateway secret, as far as the ledger needs it."""

    def subkey(self, purpose: str) -> bytes: ...
    def hide(self, name: str, plain: bytes) -> bytes: ...
    def reveal(self, name: str, hidden: bytes) -> bytes:
        """Raises HistoryError."""


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


class Lines:
    """Writes and reads lines under the keys of one gateway."""

    def __init__(self, keys: LedgerKeys) -> None:
        self._keys = keys
        self._mac_key = keys.subkey("ledger")

    def written(self, entry: Entry) -> tuple[Entry, bytes]:
        """The entry with its authenticator, and its line."""
        content = {"at": entry.at.isoformat(), "event": entry.event.value, "consent": entry.consent_id}
        plain = json.dumps(content | {"facts": entry.facts}, ensure_ascii=False).encode()
        plain = _padded(plain, _SIZES.get(entry.event, _USUAL_SIZE))
        hidden = self._keys.hide(_name(entry.sequence), plain)
        fields = {
            "schema": SCHEMA_VERSION,
            "sequence": entry.sequence,
            "previous": entry.previous,
            "sealed": base64.b64encode(hidden).decode(),
        }
        mac = self._mac(fields)
        sealed = Entry(
            entry.sequence, entry.at, entry.event, entry.consent_id, entry.facts, entry.previous, mac
        )
        return sealed, _line(fields | {"mac": mac})

    def read(self, lines: Iterable[bytes]) -> Iterator[tuple[Entry, int]]:
        """The entries of a whole chain, each with the schema of its line. Raises LedgerBroken."""
        previous = GENESIS
        for number, line in enumerate(lines, start=1):
            try:
                fields = json.loads(line)
                genuine = hmac.compare_digest(fields["mac"], self._mac(fields | {"mac": ""}))
                genuine = genuine and _line(fields) == line + b"\n"
                genuine = genuine and fields["previous"] == previous and fields["sequence"] == number
                entry = self._entry(fields) if genuine else None
            except (ValueError, KeyError, TypeError, HistoryError):
                entry = None
            if entry is None:
                raise LedgerBroken(
                    f"line {number} of the register of consents was altered: nothing is shared"
                )
            previous = entry.mac
            yield entry, fields["schema"]

    def _entry(self, fields: dict[str, Any]) -> Entry:
        content = fields
        if fields["schema"] != 1:  # version 0.1 wrote its lines in the clear
            hidden = base64.b64decode(fields["sealed"], validate=True)
            content = json.loads(self._keys.reveal(_name(fields["sequence"]), hidden))
        return Entry(
            sequence=fields["sequence"],
            at=datetime.fromisoformat(content["at"]),
            event=Event(content["event"]),
            consent_id=content["consent"],
            facts=content["facts"],
            previous=fields["previous"],
            mac=fields["mac"],
        )

    def _mac(self, fields: dict[str, Any]) -> str:
        return hmac.new(self._mac_key, _line(fields | {"mac": ""}), hashlib.sha256).hexdigest()


def _name(sequence: int) -> str:
    return f"ledger line {sequence}"


def _line(fields: dict[str, Any]) -> bytes:
    """The fields as one line: keys in order, so that the same fields are always the same bytes."""
    return json.dumps(fields, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _padded(plain: bytes, size: int) -> bytes:
    return plain.ljust(-(-len(plain) // size) * size)  # blanks behind it mean nothing in JSON
