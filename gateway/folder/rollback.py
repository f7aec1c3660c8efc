"""Rolled-back files: the checkpoints of a running gateway, written to every place and compared.

A place is one small class with `load` and `save`: the database, a hidden file, a line of the ledger, a file
beside the device key (the stick that it lies on counts where the card cannot reach), the broker. Another
one, a TPM for instance, needs no more than these two.
"""

from __future__ import annotations

import base64
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from gateway.consent import Ledger
from gateway.errors import (
    GatewayError,
    HistoryError,
    RolledBack,
    TransportUnavailable,
)
from gateway.folder import checkpoint as checkpoints
from gateway.folder.checkpoint import (
    BROKER,
    DATABASE,
    HISTORY,
    LEDGER,
    NAME,
    Checkpoint,
    beside,
)
from gateway.history import (
    Extent,
    GatewaySecret,
    HiddenFile,
    SealedHistory,
)

_COUNTED_EVERY_S = 3600.0
# The broker does not sync its file: what it took is relied on a while later only.
_RELIED_ON_AFTER_S = 600.0
# And when the ledger has gone on, but not for each of its lines.
_VISITED_EVERY_S = 3600.0
_VISITED_AGAIN_AFTER_S = 60.0
_LINE_EVERY = timedelta(hours=20)


class Place(Protocol):
    """Where a checkpoint is written. Both raise GatewayError when it is out of reach."""

    def load(self) -> bytes | None: ...
    def save(self, plain: bytes) -> None: ...


class Witness(Protocol):
    """A few words of the gateway's own, at a transport (see `gateway.sharing.transports`)."""

    def note(self) -> str | None: ...
    def put_note(self, text: str) -> None: ...


class DatabasePlace:
    def __init__(self, history: SealedHistory) -> None:
        self._history = history

    def load(self) -> bytes | None:
        return self._history.state(NAME)

    def save(self, plain: bytes) -> None:
        self._history.put_state(NAME, plain)


class LedgerPlace:
    """A line of the ledger: what the history had come to, in the ledger's own chain.

    Once a day at most, and whenever the household's keys or their password change.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def load(self) -> bytes | None:
        entry = self._ledger.checkpoint
        return None if entry is None else json.dumps(entry.facts).encode()

    def save(self, plain: bytes) -> None:
        made, before = Checkpoint.from_bytes(plain), self._ledger.checkpoint
        known = Checkpoint() if before is None else Checkpoint(**before.facts)
        same_keys = made.household == known.household
        if self._ledger.fault is None and not (same_keys and made.data_keys == known.data_keys):
            names = ("count", "data_keys", "household", "accepted")
            facts = {name: getattr(made, name) for name in names}
            self._ledger.append_checkpoint(facts, _LINE_EVERY if same_keys else timedelta(0))


class BesideDeviceKey:
    """A file beside the device key, while that is there: not in the place of a stick that was pulled."""

    def __init__(self, device_key: Path, key: GatewaySecret) -> None:
        self._device_key = device_key
        self._file = HiddenFile(beside(device_key), key)

    def load(self) -> bytes | None:
        return self._file.load()

    def save(self, plain: bytes) -> None:
        if self._device_key.exists():
            self._file.save(plain)


class WitnessPlace:
    """What a transport remembers for the gateway: for MQTT, the description of a role that nobody has."""

    def __init__(self, witness: Witness, key: GatewaySecret) -> None:
        self._witness = witness
        self._key = key

    def load(self) -> bytes | None:
        text = self._witness.note()
        with suppress(ValueError):
            return None if not text else self._key.reveal(NAME, base64.b64decode(text))
        return None

    def save(self, plain: bytes) -> None:
        self._witness.put_note(base64.b64encode(self._key.hide(NAME, plain)).decode())


class Files:
    """What lies there now, read at one moment."""

    def __init__(self, ledger: Ledger, extent: Extent) -> None:
        self._ledger = ledger
        self._extent = extent

    def ledger_contains(self, length: int, mac: str) -> bool:
        return self._ledger.contains(length, mac)

    def history_contains(self, tag: str, data_key: int) -> bool:
        return self._extent.contains(tag, data_key)


class RollbackCheck:
    """Compares what the places say, and writes to them how far everything has come."""

    def __init__(
        self,
        ledger: Ledger,
        history: SealedHistory,
        places: Mapping[str, Place],
        broker: Place | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`places` are quick to reach; the database is among them, as DATABASE, and counts first."""
        self._ledger = ledger
        self._history = history
        self._places = places
        self._broker = broker
        self._monotonic = monotonic
        self._lock = threading.RLock()
        self._latest = Checkpoint()
        self._written: Checkpoint | None = None
        self._written_at = 0.0
        self._visited_at = float("-inf")
        self._visited_end: tuple[int, str] | None = None
        self._seen_at_broker: tuple[int, float] = (0, 0.0)

    def start(self) -> None:
        """Compare all that can be reached, before anything is shared. Raises HistoryError."""
        with self._lock:
            found = load(self._places)
            self._latest = checkpoints.newest(found)
            older = [HISTORY] if self._history.older_copy() is not None else []
            self._find({*checkpoints.rolled_back(found, self._files()), *older})

    def tick(self, *, visit_broker: bool = True) -> None:
        """Compare what came within reach, and write what is new. Raises GatewayError."""
        with self._lock:
            if self._latest.pending and self._ledger.fault is None:  # the owner has accepted it
                self._history.accept()
                self._latest = checkpoints.accepted(self._latest)
            elsewhere = {
                name: place for name, place in self._places.items() if name not in (DATABASE, LEDGER)
            }
            for found in load(elsewhere).values():
                self._compare({"elsewhere": found})
            if visit_broker and self._broker is not None:
                self._visit(self._broker)
            self._write()

    def _compare(self, found: Mapping[str, Checkpoint]) -> None:
        """What was found in a place, against what the database holds."""
        known = {DATABASE: self._latest, **found}
        parts = checkpoints.rolled_back(known, self._files())
        latest = checkpoints.newest(known)
        # Counting goes on behind the highest; what the others know of it stays.
        self._latest = replace(self._latest, count=latest.count, accepted=latest.accepted)
        self._find(parts)

    def _find(self, parts: Collection[str]) -> None:
        fault = self._ledger.fault
        if isinstance(fault, RolledBack):
            parts = {*parts, *fault.parts}
        elif fault is not None:
            parts = {*parts, LEDGER}
        if parts:
            self._latest = replace(self._latest, pending=tuple(sorted({*self._latest.pending, *parts})))
            self._ledger.close(self._latest.pending)

    def _files(self) -> Files:
        return Files(self._ledger, self._extent())

    def _extent(self) -> Extent:
        try:
            return self._history.extent()
        except sqlite3.Error as error:
            raise HistoryError(f"the history cannot be read: {error}") from None

    def _write(self) -> None:
        """To every place, when something is new or an hour has gone by; the database first."""
        made, extent = self._latest, self._extent()
        if isinstance(self._ledger.fault, RolledBack | None):  # else its end is not to be believed
            length, mac = self._ledger.end
            made = replace(made, ledger_length=length, ledger_mac=mac)
        made = replace(made, data_keys=extent.data_keys, household=extent.household[:8].hex())
        new = replace(made, count=0)
        now = self._monotonic()
        if new == self._written and now - self._written_at < _COUNTED_EVERY_S:
            return
        made = replace(made, count=made.count + 1)
        plain = made.to_bytes()
        self._places[DATABASE].save(plain)
        self._latest, self._written, self._written_at = made, new, now
        for name, place in self._places.items():
            if name != DATABASE:
                with suppress(GatewayError):  # out of reach, or full: it is behind, and written again
                    place.save(plain)

    def _visit(self, broker: Place) -> None:
        """Read and write at the broker, which takes a connection."""
        now, end = self._monotonic(), self._ledger.end
        every = _VISITED_EVERY_S if end == self._visited_end else _VISITED_AGAIN_AFTER_S
        if now - self._visited_at < every:
            return
        self._visited_at = now
        with suppress(TransportUnavailable):
            found = _read(broker)
            if found is not None:
                self._compare({BROKER: found})
                self._rely_on(found.count, now)
            self._write()
            broker.save(self._latest.to_bytes())
            self._seen_at_broker = (self._latest.count, now)
            self._visited_end = end

    def _rely_on(self, count: int, now: float) -> None:
        """What the broker still knows after a while is on its disk: from then on it is expected there."""
        known, since = self._seen_at_broker
        if count == known and now - since >= _RELIED_ON_AFTER_S:
            self._latest = replace(self._latest, broker=max(self._latest.broker, count))


def load(places: Mapping[str, Place]) -> dict[str, Checkpoint]:
    """What the places hold that can be reached. One that does not open is worth as little as none."""
    found = {}
    for name, place in places.items():
        with suppress(GatewayError):
            one = _read(place)
            if one is not None:
                found[name] = one
    return found


def _read(place: Place) -> Checkpoint | None:
    plain = place.load()
    return None if plain is None else Checkpoint.from_bytes(plain)


def begin_anew(places: Mapping[str, Place]) -> None:
    """Take everything as it is, whatever the places say: after a restore. Raises GatewayError."""
    plain = checkpoints.accepted(checkpoints.newest(load(places))).to_bytes()
    places[DATABASE].save(plain)
    for name, place in places.items():
        if name not in (DATABASE, LEDGER):
            with suppress(GatewayError):
                place.save(plain)
