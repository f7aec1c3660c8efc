"""What a transport is: it lets recipients in, and carries to each what was disclosed to it.

A transport gets messages, made of disclosures by a consent's format, and never a reading. Its doors are used
for an act of the owner and may take seconds; its delivery is used by the dispatcher and never waits long.
Without a consent to serve it has no connection and no open port.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from gateway.consent import Consent
from gateway.sharing.formats import Format, Message

Ticket = Hashable
"""Stands for what was sent, until the other side has taken it."""


@dataclass(frozen=True, slots=True)
class Example:
    """How to try credentials at once: these lines in a file of that program's, and then run it."""

    program: str
    file: str
    text: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a recipient needs, as its transport names it, in the order in which it is shown.

    They are shown once; what of them is `secret` is stored nowhere.
    """

    fields: Mapping[str, str | int]
    secret: frozenset[str] = frozenset()
    example: Example | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", MappingProxyType(dict(self.fields)))

    def __getitem__(self, name: str) -> str:
        """A field as it is typed."""
        return str(self.fields[name])

    def __repr__(self) -> str:
        shown = {name: "…" if name in self.secret else value for name, value in self.fields.items()}
        return f"Credentials({shown})"


@dataclass(frozen=True, slots=True)
class Served:
    """A consent, with the format that its recipient reads."""

    consent: Consent
    format: Format


class Witness(Protocol):
    """A few words of the gateway's own, remembered on the other side. Both raise TransportUnavailable."""

    def note(self) -> str | None: ...
    def put_note(self, text: str) -> None: ...


class Doors(Protocol):
    """Who is let in. Each act raises TransportUnavailable; any thread may ask."""

    def admit(self, served: Served) -> Credentials:
        """Let a recipient in to its own topics and no others."""

    def suspend(self, served: Served) -> None:
        """Shut a recipient out until `resume`: its credentials stay, what is retained for it goes."""

    def resume(self, served: Served) -> None:
        """Let it in again."""

    def cut_off(self, served: Served) -> None:
        """Take back what is retained for it, shut it out for good, and disconnect it."""

    def compare(self, lasting: Sequence[Served], paused: Collection[str] = ()) -> list[str]:
        """Let nobody in but these recipients; returns the ids of the consents that it does not know.

        `paused` are the ids of those of them that are shut out for now.
        """


class Delivery(Protocol):
    """The way out. Used by the dispatcher, one call at a time; no call waits for long."""

    @property
    def connected(self) -> bool: ...

    def serve(self, valid: Sequence[Served]) -> Hashable | None:
        """Be connected for exactly these; with none, not at all.

        Where one has ended since, nothing that was sent to it is on its way when this returns, and its
        format's farewell was said where that was possible. Returns what names the connection, another one
        after each loss; None while nothing can be sent.
        """

    def deliver(self, served: Served, messages: Sequence[Message], expiry_s: int) -> Ticket:
        """Send what must arrive. It is of no use after so many seconds."""

    def show(self, served: Served, messages: Sequence[Message], expiry_s: int) -> None:
        """Send what the next one replaces; nobody stores it for a recipient that is away."""

    def barrier(self) -> Ticket:
        """A ticket that is taken once everything has been that was sent before it."""

    def taken(self) -> Sequence[Ticket]:
        """The tickets that were taken since this was last asked."""

    def started_anew(self, valid: Sequence[Served]) -> Sequence[Served]:
        """Those of them whose recipient's program has started anew since this was last asked."""

    def stop(self) -> None:
        """Say that the gateway goes offline, and end."""


@dataclass(frozen=True, slots=True)
class Transport:
    """One way to recipients, by the name that a consent's terms call it.

    `describe` is what a receipt says of how something is sent, without secrets. `witness` is None where the
    other side can remember nothing for the gateway.
    """

    name: str
    describe: Callable[[Served], Mapping[str, Any]]
    doors: Doors
    delivery: Delivery
    witness: Witness | None = None
