"""The outbox: profile rows on their way to a recipient, kept over a restart.

What waits is the row, not a message: what of it may go is asked again when it is sent. Bounded: at
most MOST_ROWS, none older than a day; the oldest go first. Beside them stand the periods that were let
out last, so that none goes a second time with other content, and when each meter's last row came. Hidden
under the gateway's keys, in a file that is always there and whose size tells nothing of what waits.
"""

from __future__ import annotations

import json
import struct
import threading
import zlib
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.errors import HistoryError
from gateway.files import Slot
from gateway.history import Period, Row

MOST_ROWS = 1000
LONGEST_WAIT = timedelta(days=1)
_ROWS_BYTES = 48 * 1024
"""Room for a day's rows of several meters, compressed; always taken."""
_PERIODS_STEP = 16 * 1024
_MOST_PERIODS = 200  # of one recipient: of more meters than a home has
_LENGTHS = struct.Struct(">II")
_OLDER_FORMAT = b"["


@dataclass(frozen=True, slots=True)
class Waiting:
    """One row for one recipient. `measured_since`: see `disclose`."""

    consent_id: str
    row: Row
    measured_since: datetime | None = None


class Outbox:
    """Rows that were not acknowledged yet. Safe to use from several threads."""

    def __init__(self, slot: Slot, clock: Callable[[], datetime]) -> None:
        self._slot = slot
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: list[Waiting] = []
        self._let_out: dict[str, dict[str, float]] = {}
        self._came: dict[str, float] = {}
        stored = slot.load()
        if stored is not None:
            self._recall(stored)
        if stored is None or stored.startswith(_OLDER_FORMAT):
            with suppress(HistoryError):  # a full disk is told when a row must be written
                self.save()

    def put(self, rows: list[Waiting]) -> None:
        """Add rows; they are on disk when this returns, and so is that their periods were let out."""
        if not rows:
            return
        with self._lock:
            self._waiting = (self._waiting + rows)[-MOST_ROWS:]
            for waiting in rows:
                periods = self._let_out.setdefault(waiting.consent_id, {})
                _note(periods, _of(waiting.row), waiting.row.ends_at.timestamp())
        self.save()

    def last_row(self, consent_id: str, row: Row) -> datetime | None:
        """The end of the last period of this row's meter and granularity that was let out."""
        with self._lock:
            stamp = self._let_out.get(consent_id, {}).get(_of(row))
        return None if stamp is None else datetime.fromtimestamp(stamp, UTC)

    def measured_since(self, row: Row) -> datetime | None:
        """When the row before this one came, of the same meter and granularity: None if none did.

        What a row says of its period was measured from then on, whatever the meter's clock did meanwhile.
        """
        with self._lock:
            stamp = self._came.get(_of(row))
        return None if stamp is None else datetime.fromtimestamp(stamp, UTC)

    def note_came(self, row: Row) -> None:
        """This row has come. Remembered from the next `put` on; forgetting it keeps back more, not less."""
        with self._lock:
            # It may have waited since it was read: then what follows was measured from before now on.
            _note(self._came, _of(row), min(self._clock(), row.read_at).timestamp())

    def waiting(self) -> list[Waiting]:
        """What is still to be acknowledged, the oldest first."""
        with self._lock:
            return list(self._waiting)

    def done(self, waiting: Waiting) -> None:
        """The broker has it. Saved when all are done, at the next `put` or at `save`."""
        with self._lock:
            found = waiting in self._waiting
            if found:
                self._waiting.remove(waiting)
            drained = found and not self._waiting
        if drained:
            self.save()

    def keep_only(self, consent_ids: Collection[str], lasting: Collection[str] | None = None) -> None:
        """Drop what waits for others, and what has waited for too long.

        `lasting` are the consents that may go on later: what was let out under them is remembered.
        """
        oldest = self._clock() - LONGEST_WAIT
        lasting = consent_ids if lasting is None else lasting
        with self._lock:
            kept = [w for w in self._waiting if w.consent_id in consent_ids and w.row.read_at >= oldest]
            let_out = {consent_id: of for consent_id, of in self._let_out.items() if consent_id in lasting}
            dropped = (len(kept), len(let_out)) != (len(self._waiting), len(self._let_out))
            self._waiting, self._let_out = kept, let_out
        if dropped:
            self.save()

    def save(self) -> None:
        with self._lock:
            self._slot.save(self._packed())

    def _packed(self) -> bytes:
        """All of it, in a size that depends on the number of recipients and meters in large steps only."""
        periods = _compressed({"let out": self._let_out, "came": self._came})
        rows = _compressed([_stored(waiting) for waiting in self._waiting])
        while len(rows) > _ROWS_BYTES:
            self._waiting = self._waiting[len(self._waiting) // 10 + 1 :]
            rows = _compressed([_stored(waiting) for waiting in self._waiting])
        size = _LENGTHS.size + _ROWS_BYTES + -(-len(periods) // _PERIODS_STEP) * _PERIODS_STEP
        return (_LENGTHS.pack(len(periods), len(rows)) + periods + rows).ljust(size, b"\0")

    def _recall(self, stored: bytes) -> None:
        if stored.startswith(_OLDER_FORMAT):  # of version 0.1: rows only
            self._waiting = [_waiting(one) for one in json.loads(stored)]
            return
        first, second = _LENGTHS.unpack_from(stored)
        periods = json.loads(zlib.decompress(stored[_LENGTHS.size : _LENGTHS.size + first]))
        rows = json.loads(zlib.decompress(stored[_LENGTHS.size + first : _LENGTHS.size + first + second]))
        self._let_out, self._came = periods["let out"], periods["came"]
        self._waiting = [_waiting(one) for one in rows]


def _of(row: Row) -> str:
    """The meter and granularity of a row, as one name."""
    return f"{row.meter_number}/{row.period.value}"


def _note(stamps: dict[str, float], name: str, stamp: float) -> None:
    stamps.pop(name, None)  # the newest stand last
    stamps[name] = stamp
    while len(stamps) > _MOST_PERIODS:
        del stamps[next(iter(stamps))]


def _compressed(plain: Mapping[str, Any] | list[Any]) -> bytes:
    return zlib.compress(json.dumps(plain, separators=(",", ":")).encode())


def _stored(waiting: Waiting) -> list[Any]:
    row = waiting.row
    times = [row.ends_at.timestamp(), row.read_at.timestamp()]
    meter = [row.meter_number, row.commodity, row.period.value, row.simulated]
    since = waiting.measured_since and waiting.measured_since.timestamp()
    return [waiting.consent_id, *meter, *times, dict(row.quantities), since]


def _waiting(stored: list[Any]) -> Waiting:
    consent_id, number, commodity, period, simulated, ends_at, read_at, quantities, *since = stored
    row = Row(
        meter_number=number,
        commodity=commodity,
        period=Period(period),
        ends_at=datetime.fromtimestamp(ends_at, UTC),
        read_at=datetime.fromtimestamp(read_at, UTC),
        quantities=quantities,
        simulated=simulated,
    )
    known = since and since[0] is not None
    return Waiting(consent_id, row, datetime.fromtimestamp(since[0], UTC) if known else None)
