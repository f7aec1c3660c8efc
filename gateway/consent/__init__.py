"""Consent as a mechanism: nothing leaves the gateway but what `disclose` lets out.

terms           what, and how it stands       disclosure      what a consent lets out (pure)
ledger          the register, chained         disclosure_log  what was sent, counted
notice          what the owner is told        receipt         what the owner keeps
"""

from gateway.consent.disclosure import Device, Disclosure, LivePace, Offer, disclose
from gateway.consent.disclosure_log import DisclosureLog, Gap, Sent
from gateway.consent.ledger import Entry, Event, Ledger
from gateway.consent.notice import (
    CATEGORY_NAMES,
    GRANULARITY_NAMES,
    WITHDRAWAL,
    inferences,
    notice_text,
)
from gateway.consent.receipt import receipt_of
from gateway.consent.terms import (
    LONGEST,
    LONGEST_INTERVAL_S,
    LONGEST_NAME,
    LONGEST_PURPOSE,
    USUAL,
    Category,
    Consent,
    Granularity,
    Notice,
    State,
    Terms,
)

__all__ = [
    "CATEGORY_NAMES",
    "GRANULARITY_NAMES",
    "LONGEST",
    "LONGEST_INTERVAL_S",
    "LONGEST_NAME",
    "LONGEST_PURPOSE",
    "USUAL",
    "WITHDRAWAL",
    "Category",
    "Consent",
    "Device",
    "Disclosure",
    "DisclosureLog",
    "Entry",
    "Event",
    "Gap",
    "Granularity",
    "Ledger",
    "LivePace",
    "Notice",
    "Offer",
    "Sent",
    "State",
    "Terms",
    "disclose",
    "inferences",
    "notice_text",
    "receipt_of",
]
