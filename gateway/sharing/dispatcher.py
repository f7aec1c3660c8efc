"""Publishing: what was disclosed, to the recipient it was disclosed to.

`disclose` is asked directly before each send. Without a valid consent, or while the clock that says
whether it is valid is in doubt, there is no connection. Live readings are never queued (the latest one
counts), and none goes before the broker has taken the last; rows wait in the outbox until acknowledged.
When a consent ends, the connection is broken off unless the broker has taken everything that was sent on it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from gateway.consent import (
    Consent,
    Disclosure,
    DisclosureLog,
    Granularity,
    Ledger,
    State,
    disclose,
)
from gateway.consent.disclosure import LivePace
from gateway.history import Row
from gateway.p1 import Reading
from gateway.sharing.formats import json as json_format
from gateway.sharing.outbox import Outbox, Waiting
from gateway.sharing.transports.mqtt.access import STATUS_TOPIC, consent_topic
from gateway.sharing.transports.mqtt.connection import Connection, Login, Will

log = logging.getLogger(__name__)

_FIRST_RETRY = timedelta(seconds=1)
_LONGEST_RETRY = timedelta(seconds=60)
_SETTLES_WITHIN_S = 0.3
_STATUS_EXPIRY_S = 7 * 86_400
_ROW_EXPIRY_S = 7 * 86_400


class Publisher:
    """The gateway's one connection for publishing. Safe to use from several threads."""

    def __init__(
        self,
        login: Login,
        ledger: Ledger,
        disclosures: DisclosureLog,
        outbox: Outbox,
        clock: Callable[[], datetime],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        clock_is_believed: Callable[[], bool] = lambda: True,
    ) -> None:
        self._login = login
        self._ledger = ledger
        self._disclosures = disclosures
        self._outbox = outbox
        self._clock = clock
        self._monotonic = monotonic
        self._clock_is_believed = clock_is_believed
        self._lock = threading.RLock()
        self._connection: Connection | None = None
        self._retry_at: datetime | None = None
        self._retry_delay = _FIRST_RETRY
        self._paces: dict[str, LivePace] = {}
        self._live_on_its_way: int | None = None
        self._served: set[str] = set()  # those that something was sent to on this connection
        self._announced: dict[str, Consent] = {}
        self._greeted = False
        self._in_flight: dict[int, tuple[Waiting, Disclosure]] = {}
        self._simulated: bool | None = None  # not known before the first reading
        self.connections = 0
        """How often the broker has let the gateway in."""

    @property
    def connected(self) -> bool:
        with self._lock:
            return self._connection is not None and self._connection.connected

    def offer(self, reading: Reading) -> None:
        """Send a reading to those who may have it live now."""
        with self._lock:
            self._simulated = reading.simulated
            reachable = self._reachable()
            self._deliver(reachable)
            if self._live_on_its_way is not None:
                return  # a broker that hangs has one live message of each recipient, and gets no other
            sent = [consent for consent in reachable if self._send_live(reading, consent)]
            if sent and self._connection is not None:
                self._live_on_its_way = self._connection.round_trip()

    def _send_live(self, reading: Reading, consent: Consent) -> bool:
        arrived_s, interval_s = self._monotonic(), consent.terms.live_interval_s
        pace = self._pace(consent, arrived_s)
        if not pace.allows(arrived_s):
            return False
        disclosure = disclose(reading, consent, self._clock(), pace.last)
        if disclosure is None:
            return False
        self._paces[consent.id] = pace.after(reading.at, arrived_s, interval_s)
        self._send(consent, disclosure, qos=0, expiry_s=2 * interval_s)
        self._disclosures.note(disclosure)
        return True

    def _pace(self, consent: Consent, now_s: float) -> LivePace:
        """How the consent's live messages went so far; after a restart, as the disclosure log says."""
        if consent.id not in self._paces:
            last = self._disclosures.last_sent(consent.id)
            passed_s = float("inf") if last is None else (self._clock() - last).total_seconds()
            wait_s = consent.terms.live_interval_s - passed_s
            self._paces[consent.id] = LivePace(None, now_s + wait_s if wait_s > 0 else now_s)
        return self._paces[consent.id]

    def offer_row(self, row: Row) -> None:
        """Send a profile row to those who may have it, or keep it for them."""
        with self._lock:
            now = self._clock()
            since = self._outbox.measured_since(row)
            self._outbox.note_came(row)
            may_have = [
                consent
                for consent in self._ledger.valid(now)
                if disclose(row, consent, now, last_row=self._outbox.last_row(consent.id, row)) is not None
            ]
            self._outbox.put([Waiting(consent.id, row, since) for consent in may_have])
            self._deliver(self._reachable())

    def reconcile(self) -> None:
        """Bring the connection in line with the ledger: after a change, and every few seconds."""
        with self._lock:
            self._deliver(self._reachable())
            if self._served:
                self._disclosures.mark_time()

    def stop(self) -> None:
        """Say that the gateway goes offline, and end."""
        with self._lock:
            connection = self._connection
            if connection is not None and connection.connected:
                connection.publish(STATUS_TOPIC, b"offline", qos=1, expiry_s=_STATUS_EXPIRY_S, retain=True)
        if connection is not None:
            connection.close()
            with self._lock:
                self._note_acknowledged(connection)
                self._forget_connection()
        self._outbox.save()

    # --- the connection ----------------------------------------------------------------------

    def _reachable(self) -> Sequence[Consent]:
        """The consents that can be served now; connects, announces and goes away as needed."""
        now = self._clock()
        believed = self._clock_is_believed()
        valid = self._ledger.valid(now) if believed else []
        if not valid:
            self._leave(for_now=not believed)
            return ()
        self._break_off_from({consent.id for consent in valid})
        if self._connection is None:
            if self._retry_at is None or now >= self._retry_at:
                self._connection = Connection(self._login, will=Will(STATUS_TOPIC, b"offline"))
                self._connection.open()
            return ()
        if self._connection.ended is not None:
            self._note_end(self._connection, now)
            return ()
        if not self._connection.connected:
            return ()
        if not self._greeted:
            self._greet(self._connection)
        self._note_acknowledged(self._connection)
        self._announce(self._connection, {consent.id: consent for consent in valid})
        return valid

    def _greet(self, connection: Connection) -> None:
        log.info("connected to the MQTT broker")
        self.connections += 1
        self._greeted = True
        self._retry_delay = _FIRST_RETRY
        connection.publish(STATUS_TOPIC, b"online", qos=1, expiry_s=_STATUS_EXPIRY_S, retain=True)

    def _note_end(self, ended: Connection, now: datetime) -> None:
        # Told while the delays grow, then only when it is back.
        told = log.warning if self._retry_delay < _LONGEST_RETRY else log.debug
        told("%s: rows wait, and the gateway tries again", ended.complaint())
        self._forget_connection()
        self._retry_at = now + self._retry_delay
        self._retry_delay = min(self._retry_delay * 2, _LONGEST_RETRY)

    def _forget_connection(self) -> Connection | None:
        connection, self._connection = self._connection, None
        self._greeted = False
        self._announced.clear()
        self._in_flight.clear()
        self._served.clear()
        self._live_on_its_way = None
        return connection

    def _break_off_from(self, valid: set[str]) -> None:
        """Where a consent has ended, discard what the broker has not read yet; then connect anew."""
        connection = self._connection
        if connection is None or self._served <= valid:
            return
        if connection.connected and self._settles(connection):
            self._served &= valid
            return
        connection.abort()
        self._forget_connection()
        self._retry_at = None
        log.info("a consent has ended: what was on its way to the MQTT broker is discarded")

    def _settles(self, connection: Connection) -> bool:
        """Whether the broker has taken all that was sent, or does so in a moment."""
        deadline = time.monotonic() + _SETTLES_WITHIN_S
        self._note_acknowledged(connection)
        while not connection.settled and connection.connected and time.monotonic() < deadline:
            time.sleep(0.005)
            self._note_acknowledged(connection)
        return connection.settled

    def _leave(self, *, for_now: bool) -> None:
        """Nothing may be sent: clear what is retained, and be gone. `for_now` leaves what waits waiting."""
        self._break_off_from(set())
        self._retry_at = None
        announced = list(self._announced.values())
        connection = self._forget_connection()
        if not for_now:
            self._outbox.keep_only((), self._lasting())
        if connection is None:
            return
        if connection.connected:
            for consent in announced:
                connection.publish(consent_topic(consent), b"", qos=1, retain=True)
            connection.publish(STATUS_TOPIC, b"", qos=1, retain=True)
        connection.leave()
        log.info("nothing may be sent: disconnected from the MQTT broker")

    def _announce(self, connection: Connection, valid: dict[str, Consent]) -> None:
        """Tell new recipients what they may have; clear what an ended one was told."""
        if self._simulated is None or valid == self._announced:
            return
        for consent_id in self._announced.keys() - valid.keys():
            gone = self._announced.pop(consent_id)
            connection.publish(consent_topic(gone), b"", qos=1, retain=True)
            self._paces.pop(consent_id, None)
        for consent_id in valid.keys() - self._announced.keys():
            consent = self._announced[consent_id] = valid[consent_id]
            told = json_format.announcement(consent, self._simulated)
            expiry_s = self._seconds_left(consent)
            connection.publish(consent_topic(consent), told, qos=1, expiry_s=expiry_s, retain=True)
            self._served.add(consent_id)
        self._outbox.keep_only(valid.keys(), self._lasting())

    def _lasting(self) -> set[str]:
        """The consents that may go on, also those that nothing is sent under now."""
        return {c.id for c in self._ledger.consents() if c.state in (State.GIVEN, State.PAUSED)}

    def _seconds_left(self, consent: Consent) -> int:
        return int((consent.terms.valid_until - self._clock()).total_seconds())

    # --- sending -----------------------------------------------------------------------------

    def _deliver(self, valid: Sequence[Consent]) -> None:
        """Send the rows that wait and are not on their way already."""
        by_id = {consent.id: consent for consent in valid}
        under_way = [waiting for waiting, _ in self._in_flight.values()]
        for waiting in self._outbox.waiting():
            consent = by_id.get(waiting.consent_id)
            if consent is None or waiting in under_way:
                continue
            disclosure = disclose(waiting.row, consent, self._clock(), measured_since=waiting.measured_since)
            if disclosure is None:
                self._outbox.done(waiting)
                continue
            message_id = self._send(consent, disclosure, qos=1, expiry_s=_ROW_EXPIRY_S)
            self._in_flight[message_id] = (waiting, disclosure)

    def _send(self, consent: Consent, disclosure: Disclosure, *, qos: int, expiry_s: int) -> int:
        assert self._connection is not None  # noqa: S101 - callers come through _reachable
        topic = f"{consent.topic_prefix}/{_TOPIC[disclosure.granularity]}"
        self._served.add(consent.id)
        expiry_s = min(expiry_s, self._seconds_left(consent))  # nothing waits for longer than the consent
        return self._connection.publish(
            topic, json_format.message(disclosure), qos=qos, expiry_s=expiry_s
        ).mid

    def _note_acknowledged(self, connection: Connection) -> None:
        for message_id in connection.acknowledged():
            if message_id == self._live_on_its_way:
                self._live_on_its_way = None
            if message_id in self._in_flight:
                waiting, disclosure = self._in_flight.pop(message_id)
                self._outbox.done(waiting)
                self._disclosures.note(disclosure)


_TOPIC = {granularity: granularity.value for granularity in Granularity}
