"""The gateway's time: the system's once that can be believed, and never before what it has reached.

A Raspberry Pi has no clock that goes on without power: after a power cut it says when it was last on. A
consent that ended meanwhile must not come back, so two rules hold. Time never runs backwards, over a
restart neither: what was reached is remembered, and the newest line of the ledger counts as well. And while
the system's clock is in doubt it moves nothing forward: time goes on from what was reached, as fast as
the machine's uptime, and nothing is published.

The meter's time is a witness only. It never becomes the gateway's: a meter that lies years ahead
must not end all consents.
"""

from __future__ import annotations

import ctypes
import functools
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.errors import (
    ClockBehind,
    ClockBehindHistory,
    ClockBehindMeter,
    ClockFarAhead,
    ClockNotBelieved,
    ClockNotYetSet,
)
from gateway.files import Slot

_TIMESYNCD_NOTE = Path("/run/systemd/timesync/synchronized")
_REFUSED = -1
_UNSYNCHRONISED = 5  # TIME_ERROR, adjtimex(2)
_TIMEX_BYTES = 512  # struct timex takes 208 of them on 64 bits, and needs none of them filled in

RELEASED = datetime(2026, 1, 1, tzinfo=UTC)
"""No right clock shows an earlier time than that of the first version."""
TOLERANCE = timedelta(minutes=5)
"""By so much clocks may differ without one of them being wrong."""
SETTLED_AFTER_S = 300.0
"""Long enough, in seconds of uptime, for a time server to be found where there is one."""
_LONGEST_STEP = timedelta(days=731)
"""So far an unconfirmed clock may be ahead: the longest consent has ended by then, in any case."""
_HISTORY_TOLERANCE = timedelta(days=1)
"""The history holds the meter's days, and its clock may follow another rule for summer time."""
_SAME_RUN = timedelta(minutes=1)
_TELEGRAMS_IN_AGREEMENT = 3
_SAVED_EVERY_S = 300.0


def utc_now() -> datetime:
    return datetime.now(UTC)


def uptime_s() -> float:
    """Seconds since the machine was started, those of its sleep too: no setting of the clock changes them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def is_synchronised() -> bool:
    """Whether the kernel's clock follows a time server."""
    try:
        state: int = _libc().adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (AttributeError, OSError):  # no such call on this system
        state = _REFUSED
    # A service may be kept from asking the kernel; systemd's own time service leaves a note, too.
    return _TIMESYNCD_NOTE.exists() if state == _REFUSED else state != _UNSYNCHRONISED


class GatewayClock:
    """Calling it gives the time, in UTC. Safe to use from several threads."""

    def __init__(
        self,
        system: Callable[[], datetime] = utc_now,
        uptime: Callable[[], float] = uptime_s,
        synchronised: Callable[[], bool] = is_synchronised,
    ) -> None:
        self._system = system
        self._uptime = uptime
        self._synchronised = synchronised
        self._lock = threading.RLock()
        self._reached = RELEASED
        self._reached_at_s = uptime()
        self._meter = _Witness()
        self._memory: Slot | None = None
        self._saved_at_s: float | None = None
        self._history_until = self._refuted_until = RELEASED
        self._confirmed_start: datetime | None = None

    def __call__(self) -> datetime:
        with self._lock:
            self._look()
            return self._reached

    def doubt(self) -> ClockNotBelieved | None:
        """Why the system's clock is not believed now, and so nothing published; None when it is."""
        with self._lock:
            return self._look()

    # --- what it is judged by ----------------------------------------------------------------

    def never_before(self, at: datetime | None) -> None:
        """The gateway's own record of an earlier act: it was this late then. None: there is no record."""
        with self._lock:
            if at is not None and at > self._refuted_until:
                self._reached = max(self._reached, at)

    def note_history(self, until: datetime | None) -> None:
        """The history goes on until then, by the meter's clock; None: there is none."""
        with self._lock:
            self._history_until = until or RELEASED

    def note_meter(self, at: datetime) -> None:
        """A telegram came, and says that it is now `at`."""
        with self._lock:
            self._meter.note(at, self._uptime())

    # --- over a restart ----------------------------------------------------------------------

    def remember_in(self, memory: Slot) -> None:
        """Go on where the last clock ended that remembered there. Raises HistoryError."""
        with self._lock:
            self._memory = memory
            stored = json.loads(memory.load() or b"{}")
            confirmed = stored.get("confirmed_start")
            self._confirmed_start = None if confirmed is None else _time(confirmed)
            self._refuted_until = _time(stored.get("refuted_until"))
            self._reached = max(self._reached, _time(stored.get("reached")))

    def save(self, *, due_only: bool = False) -> None:
        """Remember what was reached; with `due_only` every few minutes, for the card's sake.

        Raises HistoryError.
        """
        with self._lock:
            now_s = self._uptime()
            due = self._saved_at_s is None or now_s - self._saved_at_s >= _SAVED_EVERY_S
            if self._memory is None or (due_only and not due):
                return
            self._look()
            self._saved_at_s = now_s
            stored = {
                "reached": self._reached.timestamp(),
                "refuted_until": self._refuted_until.timestamp(),
                "confirmed_start": self._confirmed_start and self._confirmed_start.timestamp(),
            }
            self._memory.save(json.dumps(stored).encode())

    def confirm(self) -> None:
        """The owner says that the system's clock is right: until it is set, or the machine started again.

        What was recorded later than that was recorded by a wrong clock, and counts no more. The one way
        back in time: only for a clock that nobody else uses. Raises HistoryError.
        """
        with self._lock:
            now = self._system()
            recorded = max(self._reached, self._history_until)
            if recorded > now:
                self._refuted_until = max(self._refuted_until, recorded)
            self._reached = now
            self._confirmed_start = now - timedelta(seconds=self._uptime())
            self.save()

    # --- judging -----------------------------------------------------------------------------

    def _look(self) -> ClockNotBelieved | None:
        """Go on to the present; return why the system's clock was not followed."""
        system, uptime_s = self._system(), self._uptime()
        passed = timedelta(seconds=max(uptime_s - self._reached_at_s, 0.0))
        self._reached_at_s = uptime_s
        synchronised = self._synchronised()
        went_on = self._reached + passed
        # A time server sets back a clock that was ahead. Time stands still until it is as late again;
        # going on would leave it ahead, and so in doubt, for good.
        self._reached = max(self._reached, min(went_on, system)) if synchronised else went_on
        doubt = self._doubt(system, synchronised, uptime_s)
        if doubt is None:
            self._reached = max(self._reached, system)
        return doubt

    def _doubt(self, system: datetime, synchronised: bool, uptime_s: float) -> ClockNotBelieved | None:
        young = not synchronised and uptime_s <= SETTLED_AFTER_S
        if system < self._reached - TOLERANCE:
            return ClockNotYetSet() if young else ClockBehind()
        if self._history_until > max(system + _HISTORY_TOLERANCE, self._refuted_until):
            return ClockNotYetSet() if young else ClockBehindHistory()
        if synchronised or self._is_confirmed(system, uptime_s):
            return None
        if system > self._reached + _LONGEST_STEP:
            return ClockFarAhead()
        meter = self._meter.time(uptime_s)
        if meter is not None and meter > system + TOLERANCE:
            return ClockBehindMeter()
        agrees = meter is not None and meter >= system - TOLERANCE
        return ClockNotYetSet() if young and not agrees else None

    def _is_confirmed(self, system: datetime, uptime_s: float) -> bool:
        """Whether the clock goes as it did when the owner confirmed it, in the same run of the machine.

        A restart shows: by this clock, the machine was then started later. (Services may not read the
        kernel's name of the run.)
        """
        if self._confirmed_start is None:
            return False
        return abs(system - timedelta(seconds=uptime_s) - self._confirmed_start) <= _SAME_RUN


class _Witness:
    """The meter's time, once several telegrams agree on it."""

    def __init__(self) -> None:
        self._offset: timedelta | None = None
        self._last: timedelta | None = None
        self._count = 0

    def note(self, at: datetime, uptime_s: float) -> None:
        # Counted from the start of the machine: what sets the system's clock does not touch it.
        offset = at - RELEASED - timedelta(seconds=uptime_s)
        agrees = self._last is not None and abs(offset - self._last) <= TOLERANCE
        self._last = offset
        self._count = self._count + 1 if agrees else 1
        if self._count >= _TELEGRAMS_IN_AGREEMENT:
            self._offset = offset

    def time(self, uptime_s: float) -> datetime | None:
        """What the meter's clock shows now; None before it is known."""
        return None if self._offset is None else RELEASED + self._offset + timedelta(seconds=uptime_s)


def _time(stamp: float | None) -> datetime:
    return RELEASED if stamp is None else datetime.fromtimestamp(stamp, UTC)
