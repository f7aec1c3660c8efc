"""What a format is: how a disclosure is written for its recipient, and what is said around it. Pure.

A format names its topics itself, what of it stays (is retained), what the recipient hears at the beginning,
at the end and when it starts anew. What the recipient may read or say at a broker follows from that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.consent import Consent, Disclosure


@dataclass(frozen=True, slots=True)
class Message:
    """One message: where it goes, and whether it stays there for who comes later.

    An empty payload of a retained message takes back what stood there.
    """

    topic: str
    payload: bytes
    retained: bool = False


class Format(Protocol):
    """One way of writing disclosures. Implementations are stateless, and pure."""

    @property
    def name(self) -> str:
        """What a consent's terms call it."""

    def messages(self, disclosure: Disclosure) -> Sequence[Message]:
        """The messages for a disclosed reading or row; none is retained."""

    def greeting(self, consent: Consent, simulated: bool) -> Sequence[Message]:
        """What the recipient is told at the beginning, and again when it has started anew."""

    def farewell(self, consent: Consent) -> Sequence[Message]:
        """What takes back all that may be retained, when the consent ends or pauses."""

    def topics(self, consent: Consent) -> Sequence[str]:
        """What the recipient may read, as topic filters: all that the messages may go to."""

    @property
    def births(self) -> Sequence[Message]:
        """What the recipient's program says when it has started anew; empty where it says nothing."""


def own_topic(consent_id: str) -> str:
    """The topic below which everything of a consent stands, unless its format has a place of its own."""
    return f"p1/{consent_id}"
