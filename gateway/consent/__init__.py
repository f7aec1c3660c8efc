"""Consent as a mechanism: nothing leaves the gateway but what `disclose` lets out.

terms           what, and how it stands       disclosure      what a consent lets out (pure)
ledger          the register, chained         disclosure_log  what was sent, counted
notice          what the owner is told        receipt         what the owner keeps
sharing         the owner's acts, in the ledger and at the broker
"""

from gateway.consent.disclosure import Disclosure, disclose
from gateway.consent.disclosure_log import DisclosureLog, Gap, Sent
from gateway.consent.ledger import Ledger
from gateway.consent.sharing import (
    Access,
    Credentials,
    Sharing,
    is_being_cut_off,
)
from gateway.consent.terms import (
    Category,
    Consent,
    Granularity,
    Notice,
    State,
    Terms,
)

__all__ = [
    "Access",
    "Category",
    "Consent",
    "Credentials",
    "Disclosure",
    "DisclosureLog",
    "Gap",
    "Granularity",
    "Ledger",
    "Notice",
    "Sent",
    "Sharing",
    "State",
    "Terms",
    "disclose",
    "is_being_cut_off",
]
