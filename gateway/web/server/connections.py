"""Connections that take too long, or are too many, are closed: also without a web server in front.

waitress closes a connection only after a time without any byte: a header that comes a byte at a time holds
its place for as long as it likes, and a hundred of them keep everybody out. So its connections are looked at
several times a second, in the thread that serves them. One whose request is being answered is never closed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from waitress.channel import HTTPChannel

HEADER_WITHIN_S = 10.0
REQUEST_WITHIN_S = 30.0
IDLE_S = 60.0
MOST = 80
MOST_OF_AN_ADDRESS = 20
ACCEPTED_AT_ONCE = 500
"""How many waitress may take before they are looked at again; more than come in that time."""
_EVERY_S = 0.2


@dataclass(slots=True)
class _Seen:
    """Since when a connection has been sending its present request, or has been idle."""

    receiving: bool
    since: float


class Connections:
    """Looks after the connections in waitress' map of sockets."""

    def __init__(
        self,
        sockets: Mapping[int, Any],
        limit_addresses: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Without `limit_addresses` they all come from the web server in front, which counts them."""
        self._sockets = sockets
        self._limit_addresses = limit_addresses
        self._clock = clock
        self._seen: dict[HTTPChannel, _Seen] = {}
        self._looked_at = clock()

    def look(self) -> None:
        """Close what is due. Called by the thread that serves, as often as it likes."""
        now = self._clock()
        if now - self._looked_at < _EVERY_S:
            return
        self._looked_at = now
        channels = [found for found in self._sockets.values() if isinstance(found, HTTPChannel)]
        waiting = self._note([channel for channel in channels if not channel.requests], now)
        closed = {channel for channel in waiting if self._is_late(channel, now)}
        left = [channel for channel in waiting if channel not in closed]
        if self._limit_addresses:
            closed |= _too_many_of_one(left, channels)
        over = len(channels) - len(closed) - MOST
        if over > 0:  # the oldest first: whoever has just come gets an answer
            closed |= set([channel for channel in left if channel not in closed][:over])
        for channel in closed:
            channel.will_close = True
            channel.handle_close()

    def _note(self, waiting: Iterable[HTTPChannel], now: float) -> list[HTTPChannel]:
        """Those that are idle or still send their request, the longest first."""
        seen: dict[HTTPChannel, _Seen] = {}
        for channel in waiting:
            receiving = channel.request is not None
            known = self._seen.get(channel)
            seen[channel] = (
                known if known is not None and known.receiving == receiving else _Seen(receiving, now)
            )
        self._seen = seen
        return sorted(seen, key=lambda channel: seen[channel].since)

    def _is_late(self, channel: HTTPChannel, now: float) -> bool:
        seen = self._seen[channel]
        took_s = now - seen.since
        request = channel.request
        if not seen.receiving or request is None:
            return took_s > IDLE_S
        return took_s > (REQUEST_WITHIN_S if request.headers_finished else HEADER_WITHIN_S)


def _too_many_of_one(waiting: list[HTTPChannel], channels: list[HTTPChannel]) -> set[HTTPChannel]:
    """The oldest of each address that has more connections than a browser needs."""
    counts: dict[str, int] = {}
    for channel in channels:
        counts[_address(channel)] = counts.get(_address(channel), 0) + 1
    closed = set()
    for channel in waiting:
        address = _address(channel)
        if counts[address] > MOST_OF_AN_ADDRESS:
            counts[address] -= 1
            closed.add(channel)
    return closed


def _address(channel: HTTPChannel) -> str:
    return str(channel.addr[0]) if isinstance(channel.addr, tuple) else str(channel.addr)
