"""The system's clock, and whether anybody set it."""

from __future__ import annotations

import ctypes
import time
from datetime import UTC, datetime
from pathlib import Path

_TIMESYNCD_NOTE = Path("/run/systemd/timesync/synchronized")
# Long enough for a time server to be found, where there is one.
_BOOTED_S = 300
_REFUSED = -1
_UNSYNCHRONISED = 5  # TIME_ERROR, adjtimex(2)
_TIMEX_BYTES = 512  # struct timex takes 208 of them on 64 bits, and needs none of them filled in


def utc_now() -> datetime:
    return datetime.now(UTC)


def is_synchronised() -> bool:
    """Whether the kernel's clock follows a time server.

    A Raspberry Pi has no clock that goes on without power: until then, it says when it was last on.
    """
    try:
        state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (AttributeError, OSError):  # no such call on this system
        state = _REFUSED
    # A service may be kept from asking the kernel; systemd's own time service leaves a note, too.
    return _TIMESYNCD_NOTE.exists() if state == _REFUSED else state != _UNSYNCHRONISED


def is_settled() -> bool:
    """Whether the clock will hardly be set any more: it is, or the machine has been on for a while."""
    return is_synchronised() or time.clock_gettime(time.CLOCK_BOOTTIME) > _BOOTED_S
