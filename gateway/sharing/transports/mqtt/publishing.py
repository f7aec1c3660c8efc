"""Publishing: the one connection over which everything that was disclosed leaves.

There is a connection only while there is a consent to serve. When a consent ends, the connection is broken
off unless the broker has taken everything that was sent on it: nothing that waits in a buffer may still go. A
lost connection is never revived; the next one has another number, and what was on its way is sent anew.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime, timedelta

from gateway.sharing.formats import Message
from gateway.sharing.transports.mqtt.access import STATUS_TOPIC
from gateway.sharing.transports.mqtt.connection import Connection, Login, Will
from gateway.sharing.transports.transport import Served, Ticket

log = logging.getLogger(__name__)

_FIRST_RETRY = timedelta(seconds=1)
_LONGEST_RETRY = timedelta(seconds=60)
_TAKEN_WITHIN_S = 0.3
_STATUS_EXPIRY_S = 7 * 86_400


class Publishing:
    """Connects, says that the gateway is there, sends, and leaves. Safe to use from several threads."""

    def __init__(self, login: Login, clock: Callable[[], datetime]) -> None:
        self._login = login
        self._clock = clock
        self._lock = threading.RLock()
        self._connection: Connection | None = None
        self._number = 0
        self._greeted = False
        self._retry_at: datetime | None = None
        self._retry_delay = _FIRST_RETRY
        self._sent_to: dict[str, Served] = {}  # by consent: what something was sent to on this connection
        self._tickets = itertools.count(1)
        self._open: dict[int, set[int]] = {}  # ticket -> ids of messages that the broker has not taken yet
        self._taken: list[Ticket] = []
        self._listening_at: set[str] = set()
        self._heard: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self.connections = 0
        """How often the broker has let the gateway in."""

    @property
    def connected(self) -> bool:
        with self._lock:
            return self._connection is not None and self._connection.connected

    # --- the connection ----------------------------------------------------------------------

    def serve(self, valid: Sequence[Served]) -> Hashable | None:
        """See `Delivery.serve`."""
        with self._lock:
            if not valid:
                self._leave()
                return None
            self._break_off_from({served.consent.id for served in valid})
            if not self._is_ready():
                return None
            self._listen_for_births(valid)
            return self._number

    def _is_ready(self) -> bool:
        """Connect where there is no connection yet; whether one stands."""
        connection = self._connection
        if connection is None:
            if self._retry_at is None or self._clock() >= self._retry_at:
                # The MQTT client calls back in its own thread, with its locks held: only noted there.
                self._connection = Connection(
                    self._login,
                    will=Will(STATUS_TOPIC, b"offline"),
                    on_message=lambda topic, payload: self._heard.put((topic, payload)),
                )
                self._connection.open()
            return False
        if connection.ended is not None:
            self._note_end(connection)
            return False
        if connection.connected and not self._greeted:
            self._greet(connection)
        return connection.connected

    def _greet(self, connection: Connection) -> None:
        log.info("connected to the MQTT broker")
        self.connections += 1
        self._number += 1
        self._greeted = True
        self._retry_delay = _FIRST_RETRY
        connection.publish(STATUS_TOPIC, b"online", qos=1, expiry_s=_STATUS_EXPIRY_S, retain=True)

    def _note_end(self, ended: Connection) -> None:
        # A warning while the delays grow; then it is known, and the next one says that it is back.
        tell = log.warning if self._retry_delay < _LONGEST_RETRY else log.debug
        tell("%s: rows wait, and the gateway tries again", ended.complaint())
        self._forget()
        self._retry_at = self._clock() + self._retry_delay
        self._retry_delay = min(self._retry_delay * 2, _LONGEST_RETRY)

    def _forget(self) -> Connection | None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._note_taken(connection)
        self._greeted = False
        self._open.clear()
        self._sent_to.clear()
        self._listening_at.clear()
        return connection

    def _break_off_from(self, valid: set[str]) -> None:
        """Where a consent has ended, discard what the broker has not read yet; then connect anew."""
        connection = self._connection
        if connection is None or self._sent_to.keys() <= valid:
            return
        if connection.connected and self._takes_all(connection):
            for gone in self._sent_to.keys() - valid:
                self._say_farewell(connection, self._sent_to.pop(gone))
            return
        connection.abort()
        self._forget()
        self._retry_at = None
        log.info("a consent has ended: what was on its way to the MQTT broker is discarded")

    def _takes_all(self, connection: Connection) -> bool:
        """Whether the broker has taken all that was sent, or does so in a moment."""
        deadline = time.monotonic() + _TAKEN_WITHIN_S
        self._note_taken(connection)
        while not connection.settled and connection.connected and time.monotonic() < deadline:
            time.sleep(0.005)
            self._note_taken(connection)
        return connection.settled

    def _leave(self) -> None:
        """Nothing may be sent: clear what is retained, and be gone."""
        self._break_off_from(set())
        self._retry_at = None
        connection = self._forget()
        if connection is None:
            return
        if connection.connected:
            connection.publish(STATUS_TOPIC, b"", qos=1, retain=True)
        connection.leave()
        log.info("nothing may be sent: disconnected from the MQTT broker")

    def _say_farewell(self, connection: Connection, gone: Served) -> None:
        for message in gone.format.farewell(gone.consent):
            connection.publish(message.topic, message.payload, qos=1, retain=message.retained)

    def stop(self) -> None:
        """Say that the gateway goes offline, and end."""
        with self._lock:
            connection = self._connection
            if connection is not None and connection.connected:
                connection.publish(STATUS_TOPIC, b"offline", qos=1, expiry_s=_STATUS_EXPIRY_S, retain=True)
        if connection is not None:
            connection.close()
            with self._lock:
                self._forget()

    # --- sending -----------------------------------------------------------------------------

    def deliver(self, served: Served, messages: Sequence[Message], expiry_s: int) -> Ticket:
        """See `Delivery.deliver`."""
        with self._lock:
            return self._ticket(set(self._sent(served, messages, 1, expiry_s)))

    def show(self, served: Served, messages: Sequence[Message], expiry_s: int) -> None:
        """See `Delivery.show`."""
        with self._lock:
            self._sent(served, messages, 0, expiry_s)

    def _sent(self, served: Served, messages: Sequence[Message], qos: int, expiry_s: int) -> list[int]:
        assert self._connection is not None  # noqa: S101 - `serve` said that it stands
        self._sent_to[served.consent.id] = served
        return [
            self._connection.publish(
                message.topic, message.payload, qos=qos, expiry_s=expiry_s, retain=message.retained
            ).mid
            for message in messages
        ]

    def barrier(self) -> Ticket:
        """See `Delivery.barrier`."""
        with self._lock:
            return self._ticket(set() if self._connection is None else {self._connection.round_trip()})

    def _ticket(self, message_ids: set[int]) -> int:
        ticket = next(self._tickets)
        self._open[ticket] = message_ids
        return ticket

    def taken(self) -> Sequence[Ticket]:
        """See `Delivery.taken`."""
        with self._lock:
            if self._connection is not None:
                self._note_taken(self._connection)
            found, self._taken = self._taken, []
            return found

    def _note_taken(self, connection: Connection) -> None:
        acknowledged = set(connection.acknowledged())
        for ticket, message_ids in list(self._open.items()):
            message_ids.difference_update(acknowledged)
            if not message_ids:
                del self._open[ticket]
                self._taken.append(ticket)

    # --- recipients that start anew ----------------------------------------------------------

    def _listen_for_births(self, valid: Sequence[Served]) -> None:
        topics = {birth.topic for served in valid for birth in served.format.births}
        for topic in sorted(topics - self._listening_at):
            if self._connection is not None:
                self._connection.subscribe(topic)
        self._listening_at = topics

    def started_anew(self, valid: Sequence[Served]) -> Sequence[Served]:
        """See `Delivery.started_anew`."""
        heard = {self._heard.get() for _ in range(self._heard.qsize())}
        return [
            served
            for served in valid
            if any((birth.topic, birth.payload) in heard for birth in served.format.births)
        ]
