"""Sharing: the owner's acts about consents, each carried out in the ledger and at its transport.

Order is what makes it safe: a grant counts only once the transport has admitted the recipient; what takes
something back (withdrawal, pause, stop) counts at once, whatever the transport answers: the dispatcher hangs
up, then the recipient is shut out, which is repeated until it is done.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gateway.consent import (
    Consent,
    DisclosureLog,
    Event,
    Ledger,
    State,
    Terms,
)
from gateway.errors import (
    ClockNotBelieved,
    ConsentError,
    RecipientsUnknown,
    TransportUnavailable,
)
from gateway.operations.consents import Consents
from gateway.operations.remote import may_be_asked
from gateway.sharing import (
    FORMATS,
    Credentials,
    Doors,
    Format,
    Served,
    Transport,
)

log = logging.getLogger(__name__)
_ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A consent that was taken back. `cut_off`: its transport has confirmed that the recipient is out."""

    consent: Consent
    cut_off: bool


@dataclass(frozen=True, slots=True)
class Granted:
    """A consent that was given, and what its recipient needs: shown once, and stored nowhere."""

    consent: Consent
    credentials: Credentials


class Sharing(Consents):
    """Requests, grants, pauses, withdrawals and the stop switch. Safe to use from several threads.

    `method` says where the owner acted: "page", "command", "button".
    """

    def __init__(
        self,
        ledger: Ledger,
        transports: Mapping[str, Transport],
        disclosures: DisclosureLog,
        clock: Callable[[], datetime],
        on_change: Callable[[], None],
        clock_doubt: Callable[[], ClockNotBelieved | None] = lambda: None,
        *,
        formats: Mapping[str, Format] = FORMATS,
    ) -> None:
        """`on_change` is called after each act, so that the dispatcher connects or goes away.

        `clock_doubt` says why `clock` cannot be believed now, if so: then nothing can be granted.
        """
        super().__init__(ledger, transports, disclosures, clock, clock_doubt, formats=formats)
        self._on_change = on_change
        # A transport may take seconds, or for ever: what the owner takes back does not wait for it.
        self._acting = threading.Lock()
        self._granting = threading.Lock()
        self._at_the_doors = threading.Lock()
        self._not_shut: set[str] = set()  # paused or resumed, and the transport does not know yet

    # --- what the owner does -----------------------------------------------------------------

    @may_be_asked
    def request(self, terms: Terms, method: str) -> Consent:
        """Ask for a consent: nothing is granted before the owner decides. Raises ConsentError."""
        self._check(terms)
        consent_id = self._new_request(terms, method, is_a_request=True)
        return self._ledger.consent(consent_id)

    @may_be_asked
    def grant(self, terms: Terms, method: str) -> Granted:
        """Give a consent that the owner asks for: request and decision in one.

        Raises TransportUnavailable, and then nothing was granted; ConsentError.
        """
        self._check(terms)
        with self._granting:
            consent_id = self._new_request(terms, method)
            try:
                granted = self._admit(self._ledger.consent(consent_id), method)
            except TransportUnavailable:
                self._ledger.append(Event.REFUSED, consent_id, reason="the transport did not answer")
                raise
        self._on_change()
        return granted

    @may_be_asked
    def accept_request(self, consent_id: str, method: str, terms: Terms | None = None) -> Granted:
        """Give what was asked for, or less: these terms. Raises as `grant`; the request then waits on."""
        with self._granting:
            requested = self._ledger.consent(consent_id)
            if requested.state is not State.REQUESTED:
                raise ConsentError("this request was decided already")
            if terms is not None:
                self._check(terms)
            granted = self._admit(requested, method, terms)
        self._on_change()
        return granted

    @may_be_asked
    def decline(self, consent_id: str, method: str) -> Consent:
        """Say no to a request. Raises ConsentError."""
        with self._granting:
            if self._ledger.consent(consent_id).state is not State.REQUESTED:
                raise ConsentError("this request was decided already")
            self._ledger.append(Event.REFUSED, consent_id, method=method)
            self._ledger.append(Event.CUT_OFF, consent_id)  # it never was let in
        return self._ledger.consent(consent_id)

    def _check(self, terms: Terms) -> None:
        """Raises ConsentError where there is no such format or transport."""
        if terms.format not in self._formats:
            known = ", ".join(sorted(self._formats))
            raise ConsentError(f"the format {terms.format} is not known: choose one of {known}")
        if terms.transport not in self._transports:
            known = ", ".join(sorted(self._transports))
            raise ConsentError(f"the transport {terms.transport} is not known: choose one of {known}")

    def _new_request(self, terms: Terms, method: str, **facts: Any) -> str:
        consent_id = "c" + secrets.token_hex(_ID_BYTES)
        doubt = self._clock_doubt()
        if doubt is not None:
            raise doubt
        self._ledger.append(Event.REQUESTED, consent_id, terms=terms.as_json(), method=method, **facts)
        return consent_id

    def _admit(self, consent: Consent, method: str, terms: Terms | None = None) -> Granted:
        doubt = self._clock_doubt()
        if doubt is not None:
            raise doubt
        given = consent if terms is None else replace(consent, terms=terms)
        transport = self._transports[given.terms.transport]
        credentials = transport.doors.admit(Served(given, self._formats[given.terms.format]))
        if terms is not None:  # less than was asked for, in a line of the same length as what was asked
            self._ledger.append(
                Event.REQUESTED, consent.id, terms=terms.as_json(), method=method, is_a_request=True
            )
        self._ledger.append(Event.GIVEN, consent.id, method=method)
        return Granted(self._ledger.consent(consent.id), credentials)

    @may_be_asked
    def pause(self, consent_id: str, method: str) -> Consent:
        """Send nothing under a consent until `resume`; its recipient is shut out. Raises ConsentError."""
        return self._pause_or_resume(consent_id, method, State.GIVEN, Event.PAUSED)

    @may_be_asked
    def resume(self, consent_id: str, method: str) -> Consent:
        """Go on with a paused consent, with the same credentials. Raises ConsentError."""
        doubt = self._clock_doubt()
        if doubt is not None:
            raise doubt
        return self._pause_or_resume(consent_id, method, State.PAUSED, Event.RESUMED)

    def _pause_or_resume(self, consent_id: str, method: str, due: State, event: Event) -> Consent:
        with self._acting:
            if self._ledger.consent(consent_id).state_at(self._clock()) is not due:
                raise ConsentError(
                    "this consent is not in force" if due is State.GIVEN else "this consent is not paused"
                )
            try:
                self._ledger.append(event, consent_id, method=method)
            finally:  # a pause counts also when it cannot be written down
                self._not_shut.add(consent_id)
                self._on_change()
        self._bring_doors_in_line()
        return self._ledger.consent(consent_id)

    @may_be_asked
    def withdraw(self, consent_id: str, method: str) -> Withdrawn:
        """Take a consent back. It counts from now on, also when the transport cannot be reached.

        Raises ConsentError.
        """
        try:
            self._write_withdrawal(consent_id, method)
        finally:  # also when it cannot be written down
            self._cut_off_ended()
        return Withdrawn(self._ledger.consent(consent_id), not self.is_being_cut_off(consent_id))

    def _write_withdrawal(self, consent_id: str, method: str) -> None:
        with self._acting:
            consent = self._ledger.consent(consent_id)
            if consent.state_at(self._clock()) not in (State.GIVEN, State.PAUSED):
                raise ConsentError("this consent has ended already")
            try:
                self._ledger.append(Event.WITHDRAWN, consent_id, method=method)
            finally:
                self._on_change()

    @may_be_asked
    def stop(self, method: str) -> None:
        """The stop switch on: nothing is shared, all consents are kept."""
        with self._acting:
            try:
                if not self._ledger.sharing_stopped:
                    self._ledger.append(Event.SHARING_STOPPED, method=method)
            finally:
                self._on_change()

    @may_be_asked
    def start(self, method: str) -> None:
        """The stop switch off."""
        with self._acting:
            if self._ledger.sharing_stopped:
                self._ledger.append(Event.SHARING_STARTED, method=method)
        self._on_change()

    @may_be_asked
    def accept(self, method: str) -> None:
        """The owner has seen that the ledger was altered or files were put back. Raises ConsentError.

        Sharing is stopped afterwards; consents that cannot be relied on have ended (see `Ledger.accept`).
        """
        with self._acting:
            try:
                self._ledger.accept(method)
            finally:
                self._on_change()
        self._cut_off_ended()

    # --- what goes on by itself --------------------------------------------------------------

    def maintain(self) -> None:
        """Note what has expired, and repeat what a transport did not take yet. Called every few seconds."""
        if self._granting.acquire(blocking=False):  # else one is being given at this moment
            try:
                for consent in self._ledger.consents():
                    # The gateway ended while it was being given. A request waits for the owner.
                    if consent.state is State.REQUESTED and not consent.is_a_request:
                        self._ledger.append(Event.REFUSED, consent.id, reason="the grant was interrupted")
            finally:
                self._granting.release()
        with self._acting:
            now = self._clock()
            for consent in self._ledger.consents():
                if consent.state_at(now) is State.EXPIRED and consent.state is not State.EXPIRED:
                    self._ledger.append(Event.EXPIRED, consent.id)
        self._cut_off_ended()
        self._bring_doors_in_line()

    def compare(self) -> None:
        """Let nobody in at any transport but the recipients of consents.

        Raises TransportUnavailable, and RecipientsUnknown for those that only a new consent can let in again.
        """
        if self._ledger.fault is not None:
            return
        forgotten: list[str] = []
        with self._granting, self._at_the_doors:
            lasting = self.lasting()
            paused = {consent.id for consent in lasting if consent.state is State.PAUSED}
            # Those that are still to be cut off are: with their sessions, which takes a client to be known.
            all_known = [*lasting, *self._ledger.to_cut_off()]
            for name, transport in self._transports.items():
                own = [served for c in all_known if c.terms.transport == name and (served := self._served(c))]
                unknown = transport.doors.compare(own, paused)
                forgotten += [consent.id for consent in lasting if consent.id in unknown]
            self._not_shut.clear()
        if forgotten:
            raise RecipientsUnknown(tuple(forgotten))

    def _bring_doors_in_line(self) -> None:
        """Shut out who is paused, and let in who goes on."""
        with self._at_the_doors:
            for consent_id in sorted(self._not_shut):
                consent = self._ledger.consent(consent_id)
                if consent.state is State.PAUSED:
                    done = self._at_door(consent, lambda doors, served: doors.suspend(served))
                elif consent.state is State.GIVEN:
                    done = self._at_door(consent, lambda doors, served: doors.resume(served))
                else:
                    done = True
                if done:
                    self._not_shut.discard(consent_id)

    def _cut_off_ended(self) -> None:
        with self._at_the_doors:
            for consent in self._ledger.to_cut_off():
                if not self._at_door(consent, lambda doors, served: doors.cut_off(served)):
                    continue
                try:
                    self._ledger.append(Event.CUT_OFF, consent.id)
                except ConsentError as error:
                    log.warning("%s; a recipient was cut off, and will be once more", error)
                    return

    def _at_door(self, consent: Consent, act: Callable[[Doors, Served], None]) -> bool:
        """Whether the act was carried out at the consent's transport, or there is none any more."""
        served = self._served(consent)
        if served is None:
            return True
        try:
            act(self._transports[consent.terms.transport].doors, served)
        except TransportUnavailable as error:
            log.warning("a recipient's door could not be shut or opened yet: %s", error)
            return False
        return True
