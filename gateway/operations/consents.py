"""Consents: what the owner sees of them, with the running gateway or beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.consent import Consent, DisclosureLog, Entry, Event, Gap, Ledger, Sent, State, receipt_of
from gateway.errors import ClockNotBelieved, LedgerBroken
from gateway.sharing import FORMATS, Format, Served, Transport


def is_being_cut_off(consent: Consent, entries: Sequence[Entry], now: datetime) -> bool:
    """Whether a consent has ended, and its transport has not confirmed yet that the recipient is out.

    `entries` are the ledger's lines of this consent.
    """
    ended = consent.state_at(now) in (State.WITHDRAWN, State.EXPIRED)
    return ended and all(entry.event is not Event.CUT_OFF for entry in entries)


class Consents:
    """The register of consents, as it is shown. Safe to use from several threads."""

    def __init__(
        self,
        ledger: Ledger,
        transports: Mapping[str, Transport],
        disclosures: DisclosureLog,
        clock: Callable[[], datetime],
        clock_doubt: Callable[[], ClockNotBelieved | None] = lambda: None,
        *,
        formats: Mapping[str, Format] = FORMATS,
    ) -> None:
        """`clock_doubt` says why `clock` cannot be believed now, if so."""
        self._ledger = ledger
        self._transports = transports
        self._disclosures = disclosures
        self._clock = clock
        self._clock_doubt = clock_doubt
        self._formats = formats

    def consents(self) -> list[Consent]:
        """All of them, the newest first; those that were refused are left out."""
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
        consent = self.consent(consent_id)
        served = self._served(consent)
        technical = self._transports[consent.terms.transport].describe(served) if served else {}
        return receipt_of(consent, self.entries(consent_id), self._clock(), technical)

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
        """Whether its transport still has to confirm that this recipient is out. Raises ConsentError."""
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

    def _served(self, consent: Consent) -> Served | None:
        """A consent with its format; None where this version knows its format or transport no more."""
        form = self._formats.get(consent.terms.format)
        return (
            None if form is None or consent.terms.transport not in self._transports else Served(consent, form)
        )
