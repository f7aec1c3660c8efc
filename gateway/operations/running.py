"""The running gateway, as all its edges see it: page, control socket, button, and an API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from gateway.live import Live
from gateway.operations.keys import Keys
from gateway.operations.remote import Answered, answered, may_be_asked
from gateway.operations.sharing import Sharing
from gateway.operations.status import Status
from gateway.operations.storage import Storage


class Gateway:
    """What is asked about the gateway as a whole."""

    def __init__(self, live: Live, read_status: Callable[[], Status]) -> None:
        self._live = live
        self._read_status = read_status

    @may_be_asked
    def status(self) -> Status:
        """How it is doing: no reading, no number."""
        return self._read_status()

    @may_be_asked
    def meter_number(self) -> str | None:
        """The number of the meter on the line; None without one."""
        return self._live.meter_number()


@dataclass(frozen=True, slots=True)
class Operations:
    """Every act and every question, once. `clock` gives the time in UTC; `zone` is the home's."""

    gateway: Gateway
    sharing: Sharing
    keys: Keys
    storage: Storage
    live: Live
    clock: Callable[[], datetime]
    zone: ZoneInfo

    def today(self) -> date:
        """The day it is at home."""
        return self.clock().astimezone(self.zone).date()

    def answered(self) -> dict[str, Answered]:
        """What may be asked from another process, by name."""
        return answered(self.gateway, self.sharing, self.keys, self.storage)
