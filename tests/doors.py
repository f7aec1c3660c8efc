"""A transport that carries nothing: its doors are a list of who is inside, and jam when it is away."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence

from gateway.errors import BrokerUnavailable
from gateway.sharing import Credentials, Message, Served, Transport
from gateway.sharing.transports.mqtt import describe
from gateway.sharing.transports.mqtt.access import credentials_of


class Doors:
    """Who is inside, with their passwords, and who of them is shut out for now."""

    def __init__(self) -> None:
        self.inside: dict[str, str] = {}
        self.suspended: set[str] = set()
        self.away = False

    def admit(self, served: Served) -> Credentials:
        self._answer()
        name = served.consent.id
        self.inside[name] = f"the password of {name}"
        return credentials_of("192.168.1.20", 8883, served, self.inside[name])

    def suspend(self, served: Served) -> None:
        self._answer()
        self.suspended.add(served.consent.id)

    def resume(self, served: Served) -> None:
        self._answer()
        self.suspended.discard(served.consent.id)

    def cut_off(self, served: Served) -> None:
        self._answer()
        self.inside.pop(served.consent.id, None)

    def compare(self, lasting: Sequence[Served], paused: Collection[str] = ()) -> list[str]:
        self._answer()
        known = {served.consent.id for served in lasting}
        self.inside = {name: password for name, password in self.inside.items() if name in known}
        self.suspended = {*paused}
        return [served.consent.id for served in lasting if served.consent.id not in self.inside]

    def _answer(self) -> None:
        if self.away:
            raise BrokerUnavailable("the MQTT broker at 192.168.1.20:8883 does not answer")


class Nowhere:
    """A delivery that never is connected."""

    connected = False

    def serve(self, valid: Sequence[Served]) -> Hashable | None:
        return None

    def deliver(self, served: Served, messages: Sequence[Message], expiry_s: int) -> Hashable:
        raise NotImplementedError

    def show(self, served: Served, messages: Sequence[Message], expiry_s: int) -> None:
        raise NotImplementedError

    def barrier(self) -> Hashable:
        raise NotImplementedError

    def taken(self) -> Sequence[Hashable]:
        return ()

    def started_anew(self, valid: Sequence[Served]) -> Sequence[Served]:
        return ()

    def stop(self) -> None:
        pass


def behind(doors: Doors) -> dict[str, Transport]:
    """The transports of a gateway that has these doors only."""
    return {"mqtt": Transport("mqtt", describe, doors, Nowhere())}
