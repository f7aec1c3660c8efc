"""Consents: who may have what, for which purpose, how fine and until when.

A consent is a value; what happens to it (given, withdrawn, …) stands in the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self

from gateway.errors import ConsentError

LONGEST = timedelta(days=731)  # 24 months
USUAL = timedelta(days=365)
LONGEST_NAME = 80
LONGEST_PURPOSE = 300
LONGEST_INTERVAL_S = 3600


class Category(StrEnum):
    """What kind of data; each is granted by itself."""

    ELECTRICITY = "electricity"
    POWER = "power"
    PHASES = "phases"
    DEMAND = "demand"
    GAS = "gas"
    WATER = "water"
    HEAT = "heat"
    QUALITY = "quality"
    IDENTITY = "identity"


class Granularity(StrEnum):
    """How fine; from coarse to fine."""

    DAY = "day"
    HOUR = "hour"
    QUARTER = "quarter"
    LIVE = "live"


class State(StrEnum):
    REQUESTED = "requested"
    GIVEN = "given"
    PAUSED = "paused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Notice:
    """The words that the owner saw when deciding."""

    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What the owner decides on. Raises ConsentError when they are not proper terms.

    `format` and `transport` are names: how it is written, and who carries it (see `gateway.sharing`).
    `live_interval_s` is the shortest time between two live messages, in seconds.
    """

    recipient: str
    purpose: str
    grants: Mapping[Category, Granularity]
    valid_from: datetime
    valid_until: datetime
    notice: Notice
    format: str
    transport: str
    live_interval_s: int = 10

    def __post_init__(self) -> None:
        object.__setattr__(self, "grants", MappingProxyType(dict(self.grants)))
        _check_words("the recipient's name", self.recipient, LONGEST_NAME)
        _check_words("the purpose", self.purpose, LONGEST_PURPOSE)
        if not self.grants:
            raise ConsentError("choose at least one kind of data to share")
        if not 1 <= self.live_interval_s <= LONGEST_INTERVAL_S:
            raise ConsentError(f"the live interval must be between 1 and {LONGEST_INTERVAL_S} seconds")
        if self.valid_until <= self.valid_from:
            raise ConsentError("the consent must end after it begins")
        if self.valid_until - self.valid_from > LONGEST:
            raise ConsentError("a consent lasts at most 24 months: choose an earlier end")

    def as_json(self) -> dict[str, Any]:
        return {
            "recipient": self.recipient,
            "purpose": self.purpose,
            "grants": {category.value: granularity.value for category, granularity in self.grants.items()},
            "live_interval_s": self.live_interval_s,
            "valid_from": self.valid_from.isoformat(),
            "valid_until": self.valid_until.isoformat(),
            "format": self.format,
            "transport": self.transport,
            "notice": {"text": self.notice.text, "language": self.notice.language},
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The inverse of `as_json`."""
        return cls(
            recipient=stored["recipient"],
            purpose=stored["purpose"],
            grants={Category(c): Granularity(g) for c, g in stored["grants"].items()},
            live_interval_s=stored["live_interval_s"],
            valid_from=datetime.fromisoformat(stored["valid_from"]),
            valid_until=datetime.fromisoformat(stored["valid_until"]),
            format=stored["format"],
            transport=stored["transport"],
            notice=Notice(**stored["notice"]),
        )


@dataclass(frozen=True, slots=True)
class Consent:
    """The terms with an id, and how they stand.

    `is_a_request`: the recipient asked for it, so that it waits for the owner's decision.
    """

    id: str
    terms: Terms
    state: State
    given_at: datetime | None = None
    ended_at: datetime | None = None
    is_a_request: bool = False

    def is_valid(self, now: datetime) -> bool:
        """Whether anything may be disclosed under it at this moment."""
        return self.state is State.GIVEN and self.terms.valid_from <= now < self.terms.valid_until

    def state_at(self, now: datetime) -> State:
        """Its state; a given or paused one is expired from its last moment on."""
        lasting = self.state in (State.GIVEN, State.PAUSED)
        return State.EXPIRED if lasting and now >= self.terms.valid_until else self.state


def _check_words(what: str, words: str, longest: int) -> None:
    if not words.strip():
        raise ConsentError(f"{what} is missing")
    if len(words) > longest:
        raise ConsentError(f"{what} is longer than {longest} characters")
    if not words.isprintable():
        raise ConsentError(f"{what} contains characters that cannot be printed")
