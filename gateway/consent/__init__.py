"""Consent as a mechanism: nothing leaves the gateway but what `disclose` lets out.

terms           what, and how it stands       disclosure      what a consent lets out (pure)
ledger          the register, chained         disclosure_log  what was sent, counted
notice          what the owner is told        receipt         what the owner keeps
"""

from gateway.consent.disclosure import Device, Disclosure, Offer, disclose
from gateway.consent.disclosure_log import DisclosureLog, Gap, Sent
from gateway.consent.ledger import Entry, Event, Ledger
from gateway.consent.receipt import receipt
from gateway.consent.terms import (
    Category,
    Consent,
    Granularity,
    Notice,
    State,
    Terms,
)

__all__ = [
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
    "Notice",
    "Offer",
    "Sent",
    "State",
    "Terms",
    "disclose",
    "receipt",
]
