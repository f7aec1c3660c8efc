"""Turns: unlocking takes 64 MiB and a while on purpose (Argon2id), so it is done one after another.

So few wait at a time that threads are left for all who read; a known browser goes before the others.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.web.server.throttle import TooManyTries

MOST_WAITING = 3
_AGAIN_AFTER_S = 3


class Turns:
    """One at a time. Safe to use from several threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._busy = False
        self._waiting = {True: 0, False: 0}

    @contextmanager
    def turn(self, known: bool) -> Iterator[None]:
        """Wait for one's turn. Raises TooManyTries when too many wait already."""
        with self._changed:
            if sum(self._waiting.values()) >= MOST_WAITING and not (known and not self._waiting[True]):
                raise TooManyTries(_AGAIN_AFTER_S)
            self._waiting[known] += 1
            self._changed.wait_for(lambda: not self._busy and (known or not self._waiting[True]))
            self._waiting[known] -= 1
            self._busy = True
        try:
            yield
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
