"""Sharing: the owner's acts, each carried out in the ledger and at the broker.

Order is what makes it safe: a grant counts only once the broker has admitted the recipient; a
withdrawal counts at once, whatever the broker answers, and its cutting off is repeated until done.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from gateway.consent.consent import Consent, State, Terms
from gateway.consent.disclosure_log import DisclosureLog, Sent
from gateway.consent.ledger import Entry, Event, Ledger
from gateway.consent.receipt import receipt
from gateway.errors import BrokerUnavailable, ClockNotBelieved, ConsentError, LedgerBroken

log = logging.getLogger(__name__)
_ID_BYTES = 8
_PASSWORD_BYTES = 18


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a recipient needs to subscribe; the password is shown once and stored nowhere."""

    host: str
    port: int
    username: str
    password: str
    topic: str


class Access(Protocol):
    """The broker's doors (see `gateway.broker.access`)."""

    def admit(self, consent: Consent, password: str) -> Credentials:
        """Let a recipient in to its own topics. Raises BrokerUnavailable."""

    def cut_off(self, consent: Consent) -> None:
        """Clear its topics, then shut it out and disconnect it. Raises BrokerUnavailable."""


class Sharing:
    """Grants, withdrawals and the stop switch. Safe to use from several threads."""

    def __init__(
        self,
        ledger: Ledger,
        access: Access,
        disclosures: DisclosureLog,
        clock: Callable[[], datetime],
        on_change: Callable[[], None],
        clock_doubt: Callable[[], ClockNotBelieved | None] = lambda: None,
    ) -> None:
        """`on_change` is called after each act, so that the publisher connects or goes away.

        `clock_doubt` says why `clock` cannot be believed now, if so: then nothing can be granted.
        """
        self._ledger = ledger
        self._access = access
        self._disclosures = disclosures
        self._clock = clock
        self._on_change = on_change
        self._clock_doubt = clock_doubt
        self._acting = threading.Lock()

    # --- what the owner sees -----------------------------------------------------------------

    def consents(self) -> list[Consent]:
        """All of them, the newest first; those that the broker refused are left out."""
        return [consent for consent in self._ledger.consents() if consent.state is not State.REFUSED]

    def consent(self, consent_id: str) -> Consent:
        """Raises ConsentError."""
        return self._ledger.consent(consent_id)

    def entries(self, consent_id: str) -> list[Entry]:
        return self._ledger.entries(consent_id)

    def receipt(self, consent_id: str) -> dict[str, Any]:
        """Raises ConsentError."""
        return receipt(self.consent(consent_id), self.entries(consent_id), self._clock())

    def sent(self, consent_id: str) -> list[Sent]:
        return self._disclosures.of(consent_id)

    def last_sent(self, consent_id: str) -> datetime | None:
        return self._disclosures.last_sent(consent_id)

    @property
    def fault(self) -> LedgerBroken | None:
        """Why nothing can be shared at all: the register of consents failed its check."""
        return self._ledger.fault

    @property
    def clock_doubt(self) -> ClockNotBelieved | None:
        """Why nothing is shared for now: the machine's clock may be wrong."""
        return self._clock_doubt()

    @property
    def stopped(self) -> bool:
        return self._ledger.sharing_stopped

    # --- what the owner does -----------------------------------------------------------------

    def grant(self, terms: Terms, method: str) -> tuple[Consent, Credentials]:
        """Give a consent. `method` says where: "page", "command".

        Raises BrokerUnavailable, and then nothing was granted; ConsentError.
        """
        doubt = self._clock_doubt()
        if doubt is not None:
            raise doubt
        with self._acting:
            consent_id = "c" + secrets.token_hex(_ID_BYTES)
            self._ledger.append(Event.REQUESTED, consent_id, terms=terms.as_json(), method=method)
            try:
                credentials = self._access.admit(
                    self._ledger.consent(consent_id), secrets.token_urlsafe(_PASSWORD_BYTES)
                )
            except BrokerUnavailable:
                self._ledger.append(Event.REFUSED, consent_id, reason="the broker did not answer")
                raise
            self._ledger.append(Event.GIVEN, consent_id, method=method)
            consent = self._ledger.consent(consent_id)
        self._on_change()
        return consent, credentials

    def withdraw(self, consent_id: str, method: str) -> Consent:
        """Take a consent back. It counts from now on, also when the broker cannot be reached."""
        with self._acting:
            consent = self._ledger.consent(consent_id)
            if consent.state_at(self._clock()) not in (State.GIVEN, State.PAUSED):
                raise ConsentError("this consent has ended already")
            try:
                self._ledger.append(Event.WITHDRAWN, consent_id, method=method)
            finally:  # also when it cannot be written down
                self._settle()
                self._on_change()
        return self._ledger.consent(consent_id)

    def stop(self, method: str) -> None:
        """The stop switch on: nothing is shared, all consents are kept."""
        with self._acting:
            try:
                if not self._ledger.sharing_stopped:
                    self._ledger.append(Event.SHARING_STOPPED, method=method)
            finally:
                self._on_change()

    def start(self, method: str) -> None:
        """The stop switch off."""
        with self._acting:
            if self._ledger.sharing_stopped:
                self._ledger.append(Event.SHARING_STARTED, method=method)
        self._on_change()

    def settle(self) -> None:
        """Note what has expired, and repeat what the broker did not take yet. Called now and then."""
        with self._acting:
            now = self._clock()
            for consent in self._ledger.consents():
                if consent.state is State.REQUESTED:  # the gateway ended while it was being given
                    self._ledger.append(Event.REFUSED, consent.id, reason="the grant was interrupted")
                if consent.state_at(now) is State.EXPIRED and consent.state is not State.EXPIRED:
                    self._ledger.append(Event.EXPIRED, consent.id)
            self._settle()

    def _settle(self) -> None:
        for consent in self._ledger.to_cut_off():
            try:
                self._access.cut_off(consent)
            except BrokerUnavailable as error:
                log.warning("a recipient could not be cut off yet, nothing is sent to it: %s", error)
                return
            try:
                self._ledger.append(Event.CUT_OFF, consent.id)
            except ConsentError as error:
                log.warning("%s; a recipient was cut off, and will be once more", error)
                return
