"""The dispatcher: what was disclosed, to the recipient it was disclosed to, by its format and transport.

`disclose` is asked directly before each send. Without a valid consent, or while the clock that says whether
it is valid is in doubt, no transport has anybody to serve, and so no connection. Live readings are never
queued (the latest one counts), and none goes before the transport has handed on the last; rows wait in the
outbox until acknowledged.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.consent import (
    Consent,
    Disclosure,
    DisclosureLog,
    Ledger,
    LivePace,
    State,
    disclose,
)
from gateway.history import Row
from gateway.p1 import Reading
from gateway.sharing import offers
from gateway.sharing.formats import FORMATS, Format
from gateway.sharing.outbox import Outbox, Waiting
from gateway.sharing.transports import Served, Ticket, Transport

log = logging.getLogger(__name__)

_ROW_EXPIRY_S = 7 * 86_400


@dataclass(slots=True)
class _Route:
    """One transport, and what is on its way by it."""

    transport: Transport
    connection: Hashable | None = None
    last_connection: Hashable | None = None
    greeted: dict[str, Consent] = field(default_factory=dict)
    live_on_its_way: Ticket | None = None
    rows: dict[Ticket, tuple[Waiting, Disclosure]] = field(default_factory=dict)

    def forget(self, connection: Hashable | None) -> None:
        """Another connection: what was on its way by the last one goes anew."""
        self.connection = connection
        self.last_connection = connection or self.last_connection
        self.live_on_its_way = None
        self.greeted.clear()
        self.rows.clear()


class Dispatcher:
    """Sends to all recipients, each by its own transport. Safe to use from several threads."""

    def __init__(
        self,
        ledger: Ledger,
        disclosures: DisclosureLog,
        outbox: Outbox,
        transports: Mapping[str, Transport],
        clock: Callable[[], datetime],
        *,
        formats: Mapping[str, Format] = FORMATS,
        monotonic: Callable[[], float] = time.monotonic,
        clock_is_believed: Callable[[], bool] = lambda: True,
    ) -> None:
        self._ledger = ledger
        self._disclosures = disclosures
        self._outbox = outbox
        self._routes = {name: _Route(transport) for name, transport in transports.items()}
        self._formats = formats
        self._clock = clock
        self._monotonic = monotonic
        self._clock_is_believed = clock_is_believed
        self._lock = threading.RLock()
        self._paces: dict[str, LivePace] = {}
        self._simulated: bool | None = None  # not known before the first reading

    def connected(self) -> dict[str, bool]:
        """Whether each transport has a connection now, by its name."""
        with self._lock:
            return {name: route.transport.delivery.connected for name, route in self._routes.items()}

    @property
    def connections(self) -> Hashable:
        """Names the connections that stand or stood last: another value after each new one."""
        with self._lock:
            return tuple(route.last_connection for route in self._routes.values())

    @property
    def live_is_under_way(self) -> bool:
        """Whether some transport has not handed on the last live message yet."""
        with self._lock:
            return any(route.live_on_its_way is not None for route in self._routes.values())

    def offer(self, reading: Reading) -> None:
        """Send a reading to those who may have it live now."""
        with self._lock:
            self._simulated = reading.simulated
            for route, reached in self._reach_all():
                if route.live_on_its_way is not None:
                    continue  # who hangs has one live message of each recipient, and gets no other
                if [served for served in reached if self._show(route, reading, served)]:
                    route.live_on_its_way = route.transport.delivery.barrier()

    def offer_row(self, row: Row) -> None:
        """Send a profile row to those who may have it, or keep it for them."""
        with self._lock:
            now = self._clock()
            since = self._outbox.measured_since(row)
            self._outbox.note_came(row)
            may_have = [
                consent
                for consent in self._ledger.valid(now)
                if disclose(offers.of_row(row), consent, now, last_row=self._outbox.last_row(consent.id, row))
                is not None
            ]
            self._outbox.put([Waiting(consent.id, row, since) for consent in may_have])
            self._reach_all()

    def reconcile(self) -> None:
        """Bring all connections in line with the ledger: after a change, and every few seconds."""
        with self._lock:
            self._reach_all()
            if any(route.greeted for route in self._routes.values()):
                self._disclosures.mark_time()

    def stop(self) -> None:
        """Say that the gateway goes offline, and end."""
        for route in self._routes.values():
            route.transport.delivery.stop()
            with self._lock:
                self._note_taken(route)
                route.forget(None)
        self._outbox.save()

    # --- reaching recipients -----------------------------------------------------------------

    def _reach_all(self) -> list[tuple[_Route, Sequence[Served]]]:
        """Serve the valid consents and no others, and deliver what waits for them."""
        believed = self._clock_is_believed()
        valid = self._ledger.valid(self._clock()) if believed else []
        for gone in self._paces.keys() - {consent.id for consent in valid}:
            if believed:
                del self._paces[gone]
        reached = [(route, self._reach(route, valid)) for route in self._routes.values()]
        if believed:  # while the clock is in doubt, what waits goes on waiting
            self._outbox.keep_only({consent.id for consent in valid}, self._lasting())
        for route, served in reached:
            self._deliver_rows(route, served)
        return reached

    def _reach(self, route: _Route, valid: Sequence[Consent]) -> Sequence[Served]:
        """Serve the consents of one transport; returns those that can be sent to now."""
        delivery = route.transport.delivery
        all_served = [
            Served(consent, self._formats[consent.terms.format])
            for consent in valid
            if consent.terms.transport == route.transport.name and consent.terms.format in self._formats
        ]
        connection = delivery.serve(all_served)
        self._note_taken(route)
        if connection != route.connection:
            route.forget(connection)
        if connection is None:
            return ()
        self._greet(route, all_served)
        return all_served

    def _greet(self, route: _Route, valid: Sequence[Served]) -> None:
        """Tell recipients what they may have: new ones, and those whose program has started anew."""
        if self._simulated is None:
            return
        for served in route.transport.delivery.started_anew(valid):
            route.greeted.pop(served.consent.id, None)
        for gone in route.greeted.keys() - {served.consent.id for served in valid}:
            del route.greeted[gone]
        for served in valid:
            consent = served.consent
            if route.greeted.get(consent.id) != consent:
                route.greeted[consent.id] = consent
                greeting = served.format.greeting(consent, self._simulated)
                route.transport.delivery.deliver(served, greeting, self._seconds_left(consent))

    def _note_taken(self, route: _Route) -> None:
        for ticket in route.transport.delivery.taken():
            if ticket == route.live_on_its_way:
                route.live_on_its_way = None
            if ticket in route.rows:
                waiting, disclosure = route.rows.pop(ticket)
                self._outbox.done(waiting)
                self._disclosures.note(disclosure)

    def _lasting(self) -> set[str]:
        """The consents that may go on, also those that nothing is sent under now."""
        return {c.id for c in self._ledger.consents() if c.state in (State.GIVEN, State.PAUSED)}

    def _seconds_left(self, consent: Consent) -> int:
        return int((consent.terms.valid_until - self._clock()).total_seconds())

    # --- sending -----------------------------------------------------------------------------

    def _show(self, route: _Route, reading: Reading, served: Served) -> bool:
        """Send a live reading, if the consent lets it out now; whether it did."""
        consent = served.consent
        arrived_s, interval_s = self._monotonic(), consent.terms.live_interval_s
        pace = self._pace(consent, arrived_s)
        if not pace.allows(arrived_s):
            return False
        disclosure = disclose(offers.of_reading(reading), consent, self._clock(), pace.last)
        if disclosure is None:
            return False
        self._paces[consent.id] = pace.after(reading.at, arrived_s, interval_s)
        expiry_s = min(2 * interval_s, self._seconds_left(consent))
        route.transport.delivery.show(served, served.format.messages(disclosure), expiry_s)
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

    def _deliver_rows(self, route: _Route, reached: Sequence[Served]) -> None:
        """Send the rows that wait and are not on their way already."""
        by_id = {served.consent.id: served for served in reached}
        under_way = [waiting for waiting, _ in route.rows.values()]
        for waiting in self._outbox.waiting():
            served = by_id.get(waiting.consent_id)
            if served is None or waiting in under_way:
                continue
            consent = served.consent
            disclosure = disclose(
                offers.of_row(waiting.row), consent, self._clock(), measured_since=waiting.measured_since
            )
            if disclosure is None:
                self._outbox.done(waiting)
                continue
            # Nothing waits for longer than the consent lasts.
            expiry_s = min(_ROW_EXPIRY_S, self._seconds_left(consent))
            ticket = route.transport.delivery.deliver(served, served.format.messages(disclosure), expiry_s)
            route.rows[ticket] = (waiting, disclosure)
