"""Throttling: who guesses a password or a code waits longer after each try.

Each address waits by itself; all together wait a little, so that many addresses are no way around it. None
of this keeps the owner out: a browser that the owner used before waits for its own tries only, and those who
have hardly tried yet do not wait for those who go on trying. An attempt counts before it is made: guesses
sent at the same moment gain nothing. Pure but for its memory, which is bounded.
"""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

_FORGOTTEN_AFTER = timedelta(hours=1)
_MOST_ADDRESSES = 1024


@dataclass(frozen=True, slots=True)
class Pace:
    """How many tries are free, and how the wait grows: doubled at each try, up to the longest."""

    free: int
    first_wait_s: int
    longest_wait_s: int

    def wait_after(self, tries: int) -> timedelta:
        if tries < self.free:
            return timedelta(0)
        doublings = min(tries - self.free, 16)
        return timedelta(seconds=min(self.first_wait_s * 2**doublings, self.longest_wait_s))


ONE_ADDRESS = Pace(free=4, first_wait_s=5, longest_wait_s=900)
ALL_ADDRESSES = Pace(free=20, first_wait_s=1, longest_wait_s=15)
NEW_ADDRESSES = Pace(free=20, first_wait_s=1, longest_wait_s=1)
"""All those together that have free tries left."""


@dataclass(slots=True)
class _Tries:
    count: int
    last_at: datetime


class TooManyTries(Exception):
    """Not now: again after `wait_s` seconds."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"wait {wait_s} seconds")
        self.wait_s = wait_s


class Throttle:
    """Counts tries. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tries: OrderedDict[str, _Tries] = OrderedDict()
        self._all = _Tries(0, clock())
        self._new = _Tries(0, clock())

    def attempt(self, address: str, browser: str | None = None) -> None:
        """Count a try that is about to be made. Raises TooManyTries when it must not be made yet.

        `browser` is the lane of a known one; None for all others.
        """
        now = self._clock()
        with self._lock:
            own = self._of(_lane(address, browser), now)
            together, pace = (self._all, ALL_ADDRESSES)
            if own.count < ONE_ADDRESS.free:
                together, pace = (self._new, NEW_ADDRESSES)
            if now - together.last_at >= _FORGOTTEN_AFTER:
                together.count = 0
            wait = _left(ONE_ADDRESS, own, now)
            if browser is None:
                wait = max(wait, _left(pace, together, now))
            if wait > timedelta(0):
                raise TooManyTries(-(-wait // timedelta(seconds=1)))
            for tries in (own,) if browser is not None else (own, together):
                tries.count += 1
                tries.last_at = now

    def succeeded(self, address: str, browser: str | None = None) -> None:
        """The try was right: this address begins anew, and its tries burden nobody else."""
        with self._lock:
            own = self._tries.pop(_lane(address, browser), None)
            if own is not None and browser is None:
                free = min(own.count, ONE_ADDRESS.free)
                self._new.count -= min(self._new.count, free)
                self._all.count -= min(self._all.count, own.count - free)

    def _of(self, address: str, now: datetime) -> _Tries:
        tries = self._tries.pop(address, None)
        if tries is None or now - tries.last_at >= _FORGOTTEN_AFTER:
            tries = _Tries(0, now)
        self._tries[address] = tries
        while len(self._tries) > _MOST_ADDRESSES:
            self._tries.popitem(last=False)
        return tries


def _left(pace: Pace, tries: _Tries, now: datetime) -> timedelta:
    """How long still to wait. A clock that was set back makes nobody wait longer than the pace says."""
    wait = pace.wait_after(tries.count)
    return min(wait, wait - (now - tries.last_at))


def _lane(address: str, browser: str | None) -> str:
    return _household_of(address) if browser is None else f"browser {browser}"


def _household_of(address: str) -> str:
    """The address; of IPv6 the network, since one computer has all the addresses of it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))
    return address
