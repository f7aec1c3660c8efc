"""Publishing never holds up who offers, and loses no row."""

from __future__ import annotations

import threading
from datetime import timedelta

from gateway.errors import HistoryError
from gateway.history import Period, Row
from gateway.p1 import Reading
from gateway.sharing import DispatcherThread
from tests.made_up import NOON, NUMBER, reading

READINGS = 1000
EVERY = 10  # of them, one comes with a row


class SlowDispatcher:
    """Stands still, as on a slow card, until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.rows: list[Row] = []
        self.readings: list[Reading] = []

    def offer_row(self, row: Row) -> None:
        self.let_go.wait(20)
        self.rows.append(row)

    def offer(self, reading: Reading) -> None:
        self.let_go.wait(20)
        self.readings.append(reading)


def test_a_dispatcher_that_stands_still_holds_up_nobody_and_loses_no_row() -> None:
    dispatcher = SlowDispatcher()
    publishing = DispatcherThread(dispatcher, lambda _: None)
    publishing.start()
    rows = []
    for second in range(READINGS):
        at = NOON + timedelta(seconds=second)
        ended = [Row(NUMBER, "electricity", Period.QUARTER, at, at, {"demand_w": second})]
        rows += ended if second % EVERY == 0 else []
        publishing.offer(ended if second % EVERY == 0 else [], reading(at, power_import_w=second))
    assert dispatcher.readings == []  # all was offered before anything was published

    dispatcher.let_go.set()
    publishing.stop()
    assert dispatcher.rows == rows
    times = [taken.at for taken in dispatcher.readings]
    assert times == sorted(times)
    assert len(times) < READINGS  # what was too much was left out, not kept


class UnwritableDispatcher(SlowDispatcher):
    """Cannot keep its rows, as on a full disk."""

    def offer_row(self, row: Row) -> None:
        super().offer_row(row)
        raise HistoryError("the disk is full")


def test_a_full_disk_is_told_and_publishing_goes_on() -> None:
    dispatcher, told = UnwritableDispatcher(), list[HistoryError]()
    dispatcher.let_go.set()
    publishing = DispatcherThread(dispatcher, told.append)
    publishing.start()
    row = Row(NUMBER, "electricity", Period.QUARTER, NOON, NOON, {"demand_w": 1})
    publishing.offer([row, row], reading(NOON, power_import_w=1))
    publishing.stop()
    assert dispatcher.rows == [row, row]
    assert len(dispatcher.readings) == 1
    assert [str(fault) for fault in told] == ["the disk is full"] * 2
