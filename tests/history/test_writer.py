"""The writer's thread: a disk that refuses, a disk that is too slow, and the end."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import HistoryError
from gateway.history import (
    GatewayKeys,
    HiddenFile,
    Period,
    SealedHistory,
    WriterThread,
)
from gateway.history.recording.writer import Batch, SealedWriter
from gateway.history.storage.anchor import Anchor
from gateway.history.storage.store import Store
from tests.history.recording import MINUTE, look, steady, unlocked
from tests.made_up import NOON

HOUR = timedelta(hours=1)
REFUSE = "CREATE TRIGGER refuse BEFORE INSERT ON profile_row BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END"


class Faults:
    """Hears of faults, and lets a test wait for them."""

    def __init__(self) -> None:
        self.told: list[HistoryError] = []
        self._heard = threading.Event()

    def __call__(self, fault: HistoryError) -> None:
        self.told.append(fault)
        if len(self.told) >= 2:
            self._heard.set()

    def wait_for_two(self) -> None:
        assert self._heard.wait(10)


@pytest.fixture
def batches(history: SealedHistory) -> list[Batch]:
    """One with the starting point, then one for each minute or boundary of an hour."""
    made: list[Batch] = []
    recorder = history.recorder(made.append, MINUTE)
    for reading in steady(NOON, NOON + HOUR, MINUTE):
        recorder.record(reading)
    return made


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def impatient(history: SealedHistory, path: Path, keys: GatewayKeys) -> Iterator[SealedWriter]:
    """A writer that does not wait for a lock: the thread's own retry must do it."""
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    store = Store(connection)
    writer = SealedWriter(store, lambda: keys, Anchor(HiddenFile(path.parent / "anchor", keys.secret)))
    yield writer
    writer.close()


@contextmanager
def writing(writer: SealedWriter, faults: Faults) -> Iterator[WriterThread]:
    thread = WriterThread(writer, faults, retry_s=0.02)
    thread.start()
    try:
        yield thread
    finally:
        thread.stop()


def shown(history: SealedHistory) -> int:
    opened = unlocked(history)
    return len(opened.rows(Period.QUARTER, NOON, NOON + HOUR, opened.meters[0])) if opened.meters else 0


def test_what_is_submitted_is_on_disk_after_drain(
    history: SealedHistory, batches: list[Batch], faults: Faults
) -> None:
    with writing(history.open_writer(), faults) as thread:
        for batch in batches:
            thread.submit(batch)
        thread.drain()
        assert shown(history) == 5
    assert (faults.told, thread.dropped) == ([], 0)


def test_stop_writes_what_still_waits(history: SealedHistory, batches: list[Batch], faults: Faults) -> None:
    thread = WriterThread(history.open_writer(), faults)
    for batch in batches:
        thread.submit(batch)
    thread.start()
    thread.stop()
    assert shown(history) == 5


def test_a_locked_database_is_tried_again_and_nothing_is_lost(
    history: SealedHistory, path: Path, impatient: SealedWriter, batches: list[Batch], faults: Faults
) -> None:
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as other,
        writing(impatient, faults) as thread,
    ):
        other.execute("BEGIN IMMEDIATE")
        for batch in batches:
            thread.submit(batch)
        faults.wait_for_two()
        other.execute("ROLLBACK")
    assert {str(fault) for fault in faults.told} == {"the history cannot be written: database is locked"}
    assert shown(history) == 5
    assert thread.dropped == 0


def test_a_disk_that_refuses_is_reported_tried_again_and_nothing_is_lost(
    history: SealedHistory, path: Path, batches: list[Batch], faults: Faults
) -> None:
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as other,
        writing(history.open_writer(), faults) as thread,
    ):
        other.execute(REFUSE)
        for batch in batches:
            thread.submit(batch)
        faults.wait_for_two()
        assert look(path, "SELECT count(*) FROM data_key") == [(0,)]  # all or nothing
        other.execute("DROP TRIGGER refuse")
    assert {str(fault) for fault in faults.told} == {"the history cannot be written: disk I/O error"}
    assert shown(history) == 5
    assert unlocked(history).damaged == set()


def test_the_end_does_not_wait_for_a_disk_that_never_comes_back(
    history: SealedHistory, path: Path, batches: list[Batch], faults: Faults
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(REFUSE)
    thread = WriterThread(history.open_writer(), faults, retry_s=60)
    while not thread.dropped:
        thread.submit(batches[0])  # even a full queue does not keep it
    thread.start()
    began = time.monotonic()
    thread.stop()
    assert time.monotonic() - began < 10
    assert look(path, "SELECT count(*) FROM daemon_state") == [(0,)]


def test_a_full_queue_drops_counts_and_never_keeps_the_meter_waiting(
    history: SealedHistory, batches: list[Batch], faults: Faults
) -> None:
    with closing(history.open_writer()) as writer:
        thread = WriterThread(writer, faults)  # not started: nothing is taken out
        while not thread.dropped:
            thread.submit(batches[0])
        thread.submit(batches[1])
    assert thread.dropped == 2
    assert [str(fault) for fault in faults.told] == [
        "the disk is too slow or full: a part of the history was not kept"
    ] * 2


def test_a_batch_and_the_recorders_memory_are_on_disk_together_or_not_at_all(
    history: SealedHistory, path: Path, batches: list[Batch]
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(REFUSE)
        with closing(history.open_writer()) as writer:
            with pytest.raises(sqlite3.IntegrityError):
                writer.write(*batches)
            assert look(path, "SELECT count(*) FROM daemon_state") == [(0,)]
            other.execute("DROP TRIGGER refuse")
            writer.write(*batches)
            assert look(path, "SELECT name FROM daemon_state") == [("head",), ("recorder",)]
    assert shown(history) == 5


def test_a_new_data_key_is_made_for_each_meter_each_day_and_each_start(
    history: SealedHistory, path: Path
) -> None:
    batches: list[Batch] = []
    recorder = history.recorder(batches.append, HOUR)
    for reading in steady(NOON, NOON + timedelta(days=1), timedelta(minutes=30)):
        recorder.record(reading)
    for part in (batches[:5], batches[5:]):
        with closing(history.open_writer()) as writer:
            writer.write(*part)
    keys = look(path, "SELECT id, day, previous_id, previous_rows + previous_blocks FROM data_key")
    first_day = NOON.date().toordinal()
    assert [key[:3] for key in keys] == [(1, first_day, None), (2, first_day, 1), (3, first_day + 1, 2)]
    counted = look(path, "SELECT data_key_id, count(*) FROM (SELECT data_key_id FROM profile_row UNION ALL"
                         " SELECT data_key_id FROM trace_block) GROUP BY data_key_id ORDER BY 1")  # fmt: skip
    assert [key[3] for key in keys[1:]] == [count for _, count in counted[:2]]
    assert len({sealed for (sealed,) in look(path, "SELECT sealed FROM data_key")}) == 3


def test_what_is_asked_runs_between_two_batches_and_gives_its_answer(
    history: SealedHistory, path: Path, batches: list[Batch], faults: Faults
) -> None:
    with writing(history.open_writer(), faults) as thread:
        for batch in batches:
            thread.submit(batch)
        assert thread.call(lambda writer: writer.store.household()) is not None
        assert thread.call(lambda _: threading.current_thread().name) == "history writer"
        with pytest.raises(HistoryError, match="no room"):
            thread.call(refused)
    assert (shown(history), faults.told) == (5, [])


def refused(_: SealedWriter) -> None:
    raise HistoryError("no room")


def test_what_makes_room_need_not_wait_for_room(
    history: SealedHistory, path: Path, batches: list[Batch], faults: Faults
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(REFUSE)
        with writing(history.open_writer(), faults) as thread:
            for batch in batches:
                thread.submit(batch)
            faults.wait_for_two()
            thread.call(lambda writer: writer.store._db.execute("DROP TRIGGER refuse"))
    assert shown(history) == 5


def test_who_asks_a_writer_that_has_stopped_is_told_so(history: SealedHistory, faults: Faults) -> None:
    with writing(history.open_writer(), faults) as thread:
        pass
    with pytest.raises(HistoryError, match="the gateway is stopping"):
        thread.call(lambda _: None)


def test_many_ask_at_once_while_it_records_and_stops(
    history: SealedHistory, batches: list[Batch], faults: Faults
) -> None:
    answers: list[int | HistoryError] = []

    def ask(number: int) -> None:
        try:
            answers.append(thread.call(lambda _: number))
        except HistoryError as error:
            answers.append(error)

    with writing(history.open_writer(), faults) as thread:
        asking = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
        for number, one in enumerate(asking):
            one.start()
            if number < len(batches):
                thread.submit(batches[number])
    for one in asking:
        one.join(10)
    assert len(answers) == 20
