"""Sharing: the owner's acts, each carried out in the ledger and at the broker.

Order is what makes it safe: a grant counts only once the broker has admitted the recipient; a
withdrawal counts at once, whatever the broker answers: the publisher hangs up, then the recipient is cut
off at the broker, which is repeated until it is done.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from gateway.consent.disclosure_log import DisclosureLog, Gap, Sent
from gateway.consent.ledger import Entry, Event, Ledger
from gateway.consent.receipt import receipt
from gateway.consent.terms import Consent, State, Terms
from gateway.errors import (
    BrokerUnavailable,
    ClockNotBelieved,
    ConsentError,
    LedgerBroken,
    RecipientsUnknown,
)

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
    """The broker's doors (see `gateway.sharing.transports.mqtt.access`)."""

    def admit(self, consent: Consent, password: str) -> Credentials:
        """Let a recipient in to its own topics. Raises BrokerUnavailable."""

    def cut_off(self, consent: Consent) -> None:
        """Clear its topics, then shut it out and disconnect it. Raises BrokerUnavailable."""

    def compare(self, consents: Sequence[Consent]) -> list[str]:
        """Let nobody in but the recipients of these consents; returns those that are not known.

        Raises BrokerUnavailable.
        """


def is_being_cut_off(consent: Consent, entries: Sequence[Entry], now: datetime) -> bool:
    """Whether a consent has ended, and the broker has not confirmed yet that its recipient is out.

    `entries` are the ledger's lines of this consent.
    """
    ended = consent.state_at(now) in (State.WITHDRAWN, State.EXPIRED)
    return ended and all(entry.event is not Event.CUT_OFF for entry in entries)


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
        # The broker may take seconds, or for ever: what the owner takes back does not wait for it.
        self._acting = threading.Lock()
        self._granting = threading.Lock()
        self._cutting_off = threading.Lock()

    # --- what the owner sees -----------------------------------------------------------------

    def consents(self) -> list[Consent]:
        """All of them, the newest first; those that the broker refused are left out."""
        return [consent for consent in self._ledger.consents() if consent.state is not State.REFUSED]

    def consent(self, consent_id: str) -> Consent:
        """Raises ConsentError."""
        return self._ledger.consent(consent_id)

    def lasting(self) -> list[Consent]:
        """Those that go on, also while they are paused or all sharing is stopped."""
        now = self._clock()
        return [c for c in self._ledger.consents() if c.state_at(now) in (State.GIVEN, State.PAUSED)]

    def entries(self, consent_id: str) -> list[Entry]:
        return self._ledger.entries(consent_id)

    def receipt(self, consent_id: str) -> dict[str, Any]:
        """Raises ConsentError."""
        return receipt(self.consent(consent_id), self.entries(consent_id), self._clock())

    def sent(self, consent_id: str) -> list[Sent]:
        return self._disclosures.of(consent_id)

    def last_sent(self, consent_id: str) -> datetime | None:
        return self._disclosures.last_sent(consent_id)

    def gaps(self, consent_id: str) -> list[Gap]:
        """When counts of this consent may be missing. Raises ConsentError."""
        consent = self.consent(consent_id)
        if consent.given_at is None:
            return []
        begins, ends = consent.given_at, consent.ended_at or self._clock()
        return [gap for gap in self._disclosures.gaps() if gap.begins_at <= ends and gap.ends_at >= begins]

    def is_being_cut_off(self, consent_id: str) -> bool:
        """Whether the broker still has to confirm that this recipient is out. Raises ConsentError."""
        return is_being_cut_off(self.consent(consent_id), self.entries(consent_id), self._clock())

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
        with self._granting:
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
        """Take a consent back. It counts from now on, also when the broker cannot be reached.

        `is_being_cut_off` says then whether the broker still has to be told.
        """
        try:
            self._write_withdrawal(consent_id, method)
        finally:  # also when it cannot be written down
            self._cut_off_ended()
        return self._ledger.consent(consent_id)

    def _write_withdrawal(self, consent_id: str, method: str) -> None:
        with self._acting:
            consent = self._ledger.consent(consent_id)
            if consent.state_at(self._clock()) not in (State.GIVEN, State.PAUSED):
                raise ConsentError("this consent has ended already")
            try:
                self._ledger.append(Event.WITHDRAWN, consent_id, method=method)
            finally:
                self._on_change()

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

    def settle(self) -> None:
        """Note what has expired, and repeat what the broker did not take yet. Called every few seconds."""
        if self._granting.acquire(blocking=False):  # else one is being given at this moment
            try:
                for consent in self._ledger.consents():
                    if consent.state is State.REQUESTED:  # the gateway ended while it was being given
                        self._ledger.append(Event.REFUSED, consent.id, reason="the grant was interrupted")
            finally:
                self._granting.release()
        with self._acting:
            now = self._clock()
            for consent in self._ledger.consents():
                if consent.state_at(now) is State.EXPIRED and consent.state is not State.EXPIRED:
                    self._ledger.append(Event.EXPIRED, consent.id)
        self._cut_off_ended()

    def compare(self) -> None:
        """Let nobody into the broker but the recipients of consents.

        Raises BrokerUnavailable, and RecipientsUnknown for those that only a new consent can let in again.
        """
        if self._ledger.fault is not None:
            return
        with self._granting, self._cutting_off:
            lasting = self.lasting()
            # Those that are still to be cut off are: with their sessions, which takes a client to be known.
            unknown = self._access.compare([*lasting, *self._ledger.to_cut_off()])
        forgotten = tuple(consent.id for consent in lasting if consent.id in unknown)
        if forgotten:
            raise RecipientsUnknown(forgotten)

    def _cut_off_ended(self) -> None:
        with self._cutting_off:
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
