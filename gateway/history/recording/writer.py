"""Writing: seals what the recorder gives and commits it; in a thread of its own.

A slow card never delays the meter's port: the port's thread only puts batches into a bounded
queue. Each batch is one transaction, with the recorder's memory in it, so that after a power cut
rows and memory agree.
"""

from __future__ import annotations

import json
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from gateway.errors import HistoryError, NotClaimed
from gateway.history.keys import keyring
from gateway.history.keys.keyring import HouseholdSeal
from gateway.history.keys.root_keys import (
    HIDING_BYTES,
    Authenticator,
    GatewayKeys,
    GatewaySecret,
)
from gateway.history.keys.seal import CIPHER_NAME, TAG_BYTES, DataKey
from gateway.history.recording.memory import packed
from gateway.history.records import meters as records
from gateway.history.records import profile, trace
from gateway.history.records.meters import Meter
from gateway.history.records.profile import Row
from gateway.history.records.trace import Sample
from gateway.history.storage import states
from gateway.history.storage.anchor import Anchor
from gateway.history.storage.chain import (
    UNKNOWN,
    Head,
    authenticated,
    heads_json,
    heads_of,
)
from gateway.history.storage.rows import DataKeyRecord, Mark
from gateway.history.storage.store import Store

_QUEUE_BATCHES = 512
_RETRY_S = 5.0

Result = TypeVar("Result")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TraceQuarter:
    """The samples so far of one quarter hour of one meter. `day` is its local day.

    `size` is what its block takes: the same for all of that meter, one of trace.BLOCK_SIZES.
    """

    meter_number: str
    day: date
    starts_at: int
    samples: tuple[Sample, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What belongs together on disk. `day` is the local day of its rows' reading.

    `memory` is what the recorder must find again after a restart, as JSON values.
    """

    day: date
    rows: tuple[Row, ...]
    trace: tuple[TraceQuarter, ...]
    memory: dict[str, Any]
    meters: tuple[Meter, ...] = ()


class SealedWriter:
    """Seals batches under data keys and commits them to the store."""

    def __init__(self, store: Store, keys: Callable[[], GatewayKeys], anchor: Anchor) -> None:
        self.store = store
        self._keys = keys
        self._anchor = anchor
        self._data_keys: dict[tuple[str, date], tuple[int, DataKey]] = {}
        self._running: dict[str, tuple[int, int]] = {}  # of each meter: quarter and id of its block
        self._heads: dict[bytes, Head] | None = None
        self._anchor_behind = False

    def close(self) -> None:
        self.store.close()

    def write(self, *batches: Batch) -> None:
        """Commit batches. After an error nothing of them is on disk, and they may be written again."""
        try:
            with self.store.transaction():
                for batch in batches:
                    self._write(batch)
                self._remember(batches[-1].memory)
        except BaseException:
            # The records of new keys may have been rolled back: begin with fresh ones.
            self.begin_anew()
            raise
        self._move_anchor()

    def _move_anchor(self) -> None:
        # After the commit: a cut in between leaves an anchor that is behind, never one ahead.
        if self._anchor_behind:
            with suppress(HistoryError):  # the batch is on disk; the anchor follows with the next one
                self._anchor.move(self.store)
                self._anchor_behind = False

    def begin_anew(self) -> None:
        """Forget every data key: what follows is sealed under fresh ones."""
        self._data_keys.clear()
        self._running.clear()
        self._heads = None

    @property
    def authenticator(self) -> Authenticator:
        return self._keys().device_key.authenticator

    def keys_in_use(self) -> frozenset[int]:
        """The data keys that something can still be sealed under."""
        return frozenset(key_id for key_id, _ in self._data_keys.values())

    def forget_meter_beside(self, tag: bytes) -> None:
        """Before the last of a meter is removed: a cut in between is no older copy then."""
        self._anchor.forget_meter(tag)

    def forget_meter(self, tag: bytes, key_id: int) -> None:
        """Within the transaction that removes the last of a meter, its data key of this id."""
        self._known_heads().pop(tag, None)
        self._put_heads()
        forgotten = forgotten_meters(self.store, self._keys().secret) | {tag.hex(): key_id}
        plain = json.dumps(forgotten).encode()
        self.store.put_state(states.FORGOTTEN, self._keys().secret.hide(states.FORGOTTEN, plain))

    def _write(self, batch: Batch) -> None:
        if batch.meters:
            self._write_meters(batch.meters)
        # The trace first: the last quarter of a day still belongs to the day's own key.
        for quarter in batch.trace:
            self._write_block(quarter)
        for row in batch.rows:
            key_id, key = self._data_key(row.meter_number, batch.day)
            ends_at = int(row.ends_at.timestamp())
            sequence, sealed = key.seal(row.period, ends_at, profile.encode(row))
            self.store.put_row(key_id, row.period, ends_at, sequence, sealed)
            heads, mark = (
                self._known_heads(),
                Mark(key_id, row.period, ends_at, sequence, sealed[-TAG_BYTES:]),
            )
            heads[key.meter_tag] = heads[key.meter_tag].with_row(mark)

    def _remember(self, memory: dict[str, Any]) -> None:
        known = self.store.state(states.RECORDER)
        plain = packed(memory, 0 if known is None else len(known) - HIDING_BYTES)
        self.store.put_state(states.RECORDER, self._keys().secret.hide(states.RECORDER, plain))
        self._put_heads()

    def _put_heads(self) -> None:
        heads = heads_json(self._known_heads())
        self.store.put_state(states.HEAD, self._keys().secret.hide(states.HEAD, heads))

    def _write_block(self, quarter: TraceQuarter) -> None:
        key_id, key = self._data_key(quarter.meter_number, quarter.day)
        plain = trace.encode(quarter.starts_at, quarter.samples, quarter.size)
        sequence, sealed = key.seal("trace", quarter.starts_at, plain)
        starts_at, block_id = self._running.get(quarter.meter_number, (None, 0))
        again = starts_at == quarter.starts_at
        if again:
            self.store.replace_block(block_id, sequence, sealed)
        else:
            block_id = self.store.put_block(key_id, quarter.starts_at, sequence, sealed)
            self._running[quarter.meter_number] = (quarter.starts_at, block_id)
        mark = Mark(key_id, "trace", quarter.starts_at, sequence, sealed[-TAG_BYTES:])
        heads = self._known_heads()
        heads[key.meter_tag] = heads[key.meter_tag].with_block(mark, again)

    def _write_meters(self, meters: tuple[Meter, ...]) -> None:
        plain = records.encode(meters)
        for meter in meters:
            if meter.commodity == "electricity":
                sealed = self._household().seal_meters(plain, meter.number)
                tag = self._keys().secret.meter_tag(meter.number)
                self.store.put_meters_record(tag, sealed, int(time.time()))

    def _data_key(self, number: str, day: date) -> tuple[int, DataKey]:
        held = self._data_keys.get((number, day))
        if held is not None:
            return held
        raw, tag, household = DataKey.new_raw(), self._keys().secret.meter_tag(number), self._household()
        before = self._before(tag)
        record = DataKeyRecord(
            # Never a number that was used already, also when an older copy was put in the place of this.
            id=max(self.store.next_data_key_id(), self._anchor.next_data_key_id()),
            meter_tag=tag,
            day=day.toordinal(),
            suite=f"{household.suite}/{CIPHER_NAME}",
            sealed=household.seal_data_key(raw, number),
            previous_id=before.data_key_id or None,
            previous_rows=before.rows.count,
            previous_blocks=before.blocks.count,
            previous_rows_digest=before.rows.digest,
            previous_blocks_digest=before.blocks.digest,
        )
        self.store.put_data_key(authenticated(record, self._keys().device_key.authenticator))
        self._known_heads()[tag] = Head(record.id)
        self._anchor_behind = True
        # Keys of days that have ended are forgotten: the day's last quarter was written before this.
        self._data_keys = {held: key for held, key in self._data_keys.items() if held[0] != number}
        self._running.pop(number, None)
        self._data_keys[number, day] = (record.id, DataKey(raw, tag))
        return self._data_keys[number, day]

    def _household(self) -> HouseholdSeal:
        """The public half as it lies on disk now: a renewal may have changed it."""
        wrapped = self.store.household()
        if wrapped is None:
            raise NotClaimed
        keyring.check_household(wrapped, self._keys().device_key.authenticator)
        return HouseholdSeal(wrapped.suite, wrapped.public_key)

    def _before(self, tag: bytes) -> Head:
        """What the chain of a meter has come to.

        What is remembered counts, not what lies on disk: else a hole that was cut would be made good.
        """
        head = self._known_heads().get(tag)
        last = self.store.last_data_key_id(tag)
        if head is None and last is not None:
            return Head(last, UNKNOWN, UNKNOWN)
        return head or Head(0)

    def _known_heads(self) -> dict[bytes, Head]:
        if self._heads is None:
            hidden = self.store.state(states.HEAD)
            self._heads = {} if hidden is None else heads_of(self._keys().secret.reveal(states.HEAD, hidden))
        return self._heads


def forgotten_meters(store: Store, secret: GatewaySecret) -> dict[str, int]:
    """The last data key of each meter that the retention has removed to the last, by its tag in text."""
    hidden = store.state(states.FORGOTTEN)
    found: dict[str, int] = {} if hidden is None else json.loads(secret.reveal(states.FORGOTTEN, hidden))
    return found


class WriterThread:
    """Runs a SealedWriter behind a bounded queue.

    While the disk refuses, batches wait and are tried again; `on_fault` hears of it in a sentence.
    When the queue is full the batch is dropped, counted and reported: the meter is never kept waiting.
    """

    def __init__(
        self, writer: SealedWriter, on_fault: Callable[[HistoryError], None], retry_s: float = _RETRY_S
    ) -> None:
        self._writer = writer
        self._on_fault = on_fault
        self._retry_s = retry_s
        self._waiting: queue.Queue[Batch | None] = queue.Queue(_QUEUE_BATCHES)
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._calling = threading.Lock()
        self._ended = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="history writer")
        self.dropped = 0

    def start(self) -> None:
        self._thread.start()

    def submit(self, batch: Batch) -> None:
        try:
            self._waiting.put_nowait(batch)
        except queue.Full:
            self.dropped += 1
            self._on_fault(HistoryError("the disk is too slow or full: a part of the history was not kept"))

    def call(self, asked: Callable[[SealedWriter], Result]) -> Result:
        """Run something on the database between two batches; returns or raises what it does.

        It is also run while batches wait for a disk that refuses: what makes room must not wait for room.
        """
        answer: Future[Result] = Future()

        def run() -> None:
            try:
                answer.set_result(asked(self._writer))
            except Exception as error:  # noqa: BLE001 - it belongs to who asked
                answer.set_exception(error)

        with self._calling:
            if self._ended:
                raise HistoryError("the gateway is stopping: try again when it runs")
            self._calls.put(run)
        with suppress(queue.Full):  # then it is awake
            self._waiting.put_nowait(None)
        return answer.result()

    @property
    def waiting(self) -> int:
        """How many batches are not on disk yet."""
        return self._waiting.unfinished_tasks

    def stop(self) -> None:
        """Write what waits, then end; a disk that refuses gets one more try."""
        self._stopping.set()
        self._waiting.put(None)
        self._thread.join()
        self._writer.close()

    def drain(self) -> None:
        """Wait until all that was submitted so far is on disk."""
        self._waiting.join()

    def _run(self) -> None:
        keeping = True
        while True:
            batch = self._waiting.get()
            self._answer_calls()
            if batch is not None:
                # After one that was given up none is kept: what is on disk agrees with the recorder's memory.
                keeping = keeping and self._is_kept(batch)
            self._waiting.task_done()
            if self._stopping.is_set() and self._waiting.empty():
                break
        with self._calling:
            self._ended = True
            self._answer_calls()

    def _answer_calls(self) -> None:
        with suppress(queue.Empty):
            while True:
                self._calls.get_nowait()()

    def _is_kept(self, batch: Batch) -> bool:
        """Try until it is on disk; once the end was asked for, one more time."""
        last_try = False
        while not self._written(batch):
            if last_try:
                return False
            last_try = self._stopping.wait(self._retry_s)
            self._answer_calls()
        return True

    def _written(self, batch: Batch) -> bool:
        try:
            self._writer.write(batch)
        except sqlite3.Error as error:
            self._on_fault(HistoryError(f"the history cannot be written: {error}"))
            return False
        except HistoryError as error:
            self._on_fault(error)
            return False
        return True
