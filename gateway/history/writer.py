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
from dataclasses import dataclass
from datetime import date
from typing import Any

from gateway.errors import HistoryError
from gateway.history import profile, trace
from gateway.history.keyring import DeviceKey, HouseholdSeal
from gateway.history.profile import Row
from gateway.history.seal import DataKey
from gateway.history.store import DataKeyRecord, Store
from gateway.history.trace import Sample

METERS_PURPOSE = "meters record"
DATA_KEY_PURPOSE = "data key"
RECORDER_STATE = "recorder"
_QUEUE_BATCHES = 512
_RETRY_S = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter of the household: its number and what it measures."""

    number: str
    commodity: str


@dataclass(frozen=True, slots=True)
class TraceQuarter:
    """The samples so far of one quarter hour of one meter. `day` is its local day."""

    meter_number: str
    day: date
    starts_at: int
    samples: tuple[Sample, ...]


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

    def __init__(self, store: Store, household: HouseholdSeal, device_key: DeviceKey) -> None:
        self._store = store
        self._household = household
        self._device_key = device_key
        self._keys: dict[tuple[str, date], tuple[int, DataKey]] = {}
        self._running: dict[str, tuple[int, int]] = {}  # of each meter: quarter and id of its block

    def close(self) -> None:
        self._store.close()

    def write(self, *batches: Batch) -> None:
        """Commit batches. After an error nothing of them is on disk, and they may be written again."""
        try:
            with self._store.transaction():
                for batch in batches:
                    self._write(batch)
                self._remember(batches[-1].memory)
        except BaseException:
            # The records of new keys may have been rolled back: begin with fresh ones.
            self._keys.clear()
            self._running.clear()
            raise

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
            self._store.put_row(key_id, row.period, ends_at, sequence, sealed)

    def _remember(self, memory: dict[str, Any]) -> None:
        plain = json.dumps(memory, separators=(",", ":")).encode()
        self._store.put_state(RECORDER_STATE, self._device_key.hide(RECORDER_STATE, plain))

    def _write_block(self, quarter: TraceQuarter) -> None:
        key_id, key = self._data_key(quarter.meter_number, quarter.day)
        plain = trace.encode(quarter.starts_at, quarter.samples)
        sequence, sealed = key.seal("trace", quarter.starts_at, plain)
        starts_at, block_id = self._running.get(quarter.meter_number, (None, 0))
        if starts_at == quarter.starts_at:
            self._store.replace_block(block_id, sequence, sealed)
        else:
            block_id = self._store.put_block(key_id, quarter.starts_at, sequence, sealed)
            self._running[quarter.meter_number] = (quarter.starts_at, block_id)

    def _write_meters(self, meters: tuple[Meter, ...]) -> None:
        plain = json.dumps([[meter.number, meter.commodity] for meter in meters]).encode()
        for meter in meters:
            if meter.commodity == "electricity":
                sealed = self._household.seal(plain, meter.number, METERS_PURPOSE)
                self._store.put_meters_record(
                    self._device_key.meter_tag(meter.number), sealed, int(time.time())
                )

    def _data_key(self, number: str, day: date) -> tuple[int, DataKey]:
        held = self._keys.get((number, day))
        if held is not None:
            return held
        raw, tag = DataKey.new_raw(), self._device_key.meter_tag(number)
        previous_id, count = self._store.last_data_key(tag) or (None, 0)
        record = DataKeyRecord(
            id=self._store.next_data_key_id(),
            meter_tag=tag,
            day=day.toordinal(),
            sealed=self._household.seal(raw, number, DATA_KEY_PURPOSE),
            previous_id=previous_id,
            previous_count=count,
            mac=b"",
        )
        self._store.put_data_key(authenticated(record, self._device_key))
        # Keys of days that have ended are forgotten: the day's last quarter was written before this.
        self._keys = {held: key for held, key in self._keys.items() if held[0] != number}
        self._keys[number, day] = (record.id, DataKey(raw, tag))
        return self._keys[number, day]


def authenticated(record: DataKeyRecord, device_key: DeviceKey) -> DataKeyRecord:
    """The record with the mac that this device key gives it."""
    # HPKE hides but does not say who sealed: only the gateway itself can make this mac.
    mac = device_key.authenticate(
        *(
            str(number).encode()
            for number in (record.id, record.day, record.previous_id, record.previous_count)
        ),
        record.meter_tag,
        record.sealed,
    )
    return DataKeyRecord(
        record.id, record.meter_tag, record.day, record.sealed, record.previous_id, record.previous_count, mac
    )


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
        while (batch := self._waiting.get()) is not None:
            # After one that was given up none is kept: what is on disk agrees with the recorder's memory.
            keeping = keeping and self._is_kept(batch)
            self._waiting.task_done()

    def _is_kept(self, batch: Batch) -> bool:
        """Try until it is on disk; once the end was asked for, one more time."""
        last_try = False
        while not self._written(batch):
            if last_try:
                return False
            last_try = self._stopping.wait(self._retry_s)
        return True

    def _written(self, batch: Batch) -> bool:
        try:
            self._writer.write(batch)
        except sqlite3.Error as error:
            self._on_fault(HistoryError(f"the history cannot be written: {error}"))
            return False
        return True
