"""Dispatching in a thread of its own: neither the broker nor a slow card delays the meter's port."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from gateway.errors import HistoryError
from gateway.history import Row
from gateway.p1 import Reading

_MOST_WAITING = 100
_Item = TypeVar("_Item")


class Dispatching(Protocol):
    """What a dispatcher does; see `gateway.sharing.dispatcher`."""

    def offer(self, reading: Reading) -> None: ...
    def offer_row(self, row: Row) -> None: ...


class DispatcherThread:
    """Hands each reading and its rows to the dispatcher, in order.

    While the dispatcher is slow, readings are left out (only the latest counts) and rows never.
    """

    def __init__(self, dispatcher: Dispatching, on_fault: Callable[[HistoryError], None]) -> None:
        """`on_fault` hears when what waits cannot be kept over a restart: it is still sent."""
        self._dispatcher = dispatcher
        self._on_fault = on_fault
        self._waiting: queue.SimpleQueue[tuple[Sequence[Row], Reading] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="dispatcher")

    def start(self) -> None:
        self._thread.start()

    def offer(self, rows: Sequence[Row], reading: Reading) -> None:
        if rows or self._waiting.qsize() < _MOST_WAITING:
            self._waiting.put((rows, reading))

    def stop(self) -> None:
        """Send what waits, then end."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (offered := self._waiting.get()) is not None:
            rows, reading = offered
            for row in rows:
                self._try(self._dispatcher.offer_row, row)  # quarter, hour, day
            self._try(self._dispatcher.offer, reading)  # live

    def _try(self, offer: Callable[[_Item], None], item: _Item) -> None:
        try:
            offer(item)
        except HistoryError as fault:
            self._on_fault(fault)
