"""Receipts: a consent's record for the owner to keep, after each grant and each withdrawal.

The fields follow ISO/IEC TS 27560 and the Kantara consent receipt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.consent.ledger import Entry
from gateway.consent.terms import Consent

RECEIPT_VERSION = "1"


def receipt_of(
    consent: Consent, entries: Sequence[Entry], now: datetime, technical: Mapping[str, Any]
) -> dict[str, Any]:
    """The receipt as JSON values. `entries` are the ledger's lines of this consent, oldest first.

    `technical` is what its transport says of how it is sent.

    It names the owner and the meter by nothing: both keep it, and it may be passed on.
    """
    terms = consent.terms
    return {
        "schema_version": RECEIPT_VERSION,
        "record_id": consent.id,
        "state": consent.state_at(now).value,
        "recipient": {"name": terms.recipient},
        "purpose": terms.purpose,
        "lawful_basis": "consent, GDPR article 6(1)(a)",
        "data": [
            {"category": category.value, "granularity": granularity.value}
            for category, granularity in terms.grants.items()
        ],
        "live_interval_s": terms.live_interval_s,
        "given_at": consent.given_at and consent.given_at.isoformat(),
        "valid_from": terms.valid_from.isoformat(),
        "valid_until": terms.valid_until.isoformat(),
        "ended_at": consent.ended_at and consent.ended_at.isoformat(),
        "storage_location": "on the owner's gateway; a copy of what is sent is with the recipient",
        "notice": {
            "text": terms.notice.text,
            "language": terms.notice.language,
            "sha256": hashlib.sha256(terms.notice.text.encode()).hexdigest(),
        },
        "withdrawal": "on the gateway's page under Sharing, or: p1-gateway consent withdraw " + consent.id,
        "technical": dict(technical),
        "rights": "access, copy, erasure and portability: GDPR articles 15, 17 and 20",
        "complaints": "the data protection authority of your country; in the Netherlands: "
        "Autoriteit Persoonsgegevens",
        "events": [
            {
                "sequence": entry.sequence,
                "at": entry.at.isoformat(),
                "event": entry.event.value,
                "method": entry.facts.get("method"),
                "authenticator": entry.mac,
            }
            for entry in entries
        ],
    }
