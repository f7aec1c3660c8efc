"""The endless reader: from a source that may vanish at any moment to frames.

A lost line is reported and opened again, for ever; the delay doubles from one second to a minute
and starts over after a good frame. So is an open line that delivers no telegram, as `Watch` says. A telegram
that was under way when the line was lost, or fell silent, is reported as cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

from gateway.errors import (
    GatewayError,
    LineSilent,
    MeterUnavailable,
    NoTelegram,
    WrongSpeed,
)
from gateway.meter.source import Source
from gateway.meter.watch import Watch
from gateway.p1 import Frame, Framer

FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 60.0
_TICK_S = 1.0
# A read waits a second for bytes. This is longer than the ten seconds between two telegrams of an old meter:
# of one that sends no end, the next telegram's beginning is the end.
_SILENT_READS = 15


def frames(
    opened: Callable[[], Source],
    framer: Framer,
    wait: Callable[[float], bool],
    on_fault: Callable[[GatewayError], None],
    watch: Watch | None = None,
) -> Iterator[Frame | None]:
    """Yield each good frame, and None whenever there is none: at least about once a second.

    The Nones let the caller notice silence while the line is quiet, noisy or lost. They are not
    a clock: a telegram that comes in pieces may give several.

    `opened` opens the source. `wait` sleeps for so many seconds and returns True when the daemon
    is to stop (`threading.Event.wait`); the iterator then ends, as it does after a capture file.
    `on_fault` is told of every damaged telegram and lost or silent line. `watch` is the line's own, if given.
    """
    watch = watch or Watch()
    delay = FIRST_DELAY_S
    while True:
        try:
            with closing(opened()) as source:
                watch.opened()
                for frame in _until_stopped(source, framer, wait, on_fault, watch):
                    delay = FIRST_DELAY_S if frame else delay
                    yield frame
            lost = None
        except MeterUnavailable as error:
            lost = error
            on_fault(error)
            if isinstance(error, WrongSpeed | LineSilent | NoTelegram):  # not lost: it could be opened
                delay = FIRST_DELAY_S
            if not isinstance(error, LineSilent | NoTelegram):
                watch.lost()
        unfinished = framer.cut()
        if unfinished:
            on_fault(unfinished)
        if lost is None:
            return
        for pause in _ticks(delay):
            yield None
            if wait(pause):
                return
        delay = min(2 * delay, LONGEST_DELAY_S)


def _until_stopped(
    source: Source,
    framer: Framer,
    wait: Callable[[float], bool],
    on_fault: Callable[[GatewayError], None],
    watch: Watch,
) -> Iterator[Frame | None]:
    """The frames of one open source, None for each read that completed no frame."""
    silent_reads = 0
    while not wait(0):
        chunk = watch.read(source)
        if chunk is None:
            return
        silent_reads = 0 if chunk else silent_reads + 1
        unfinished = framer.cut() if silent_reads == _SILENT_READS else None
        if unfinished:
            on_fault(unfinished)
        quiet = True
        for found in framer.feed(chunk):
            watch.found(found)
            if isinstance(found, Frame):
                quiet = False
                yield found
            else:
                on_fault(found)
        fault = watch.fault()
        if fault:
            on_fault(fault)
        if quiet:
            yield None


def _ticks(seconds: float) -> Iterator[float]:
    """A delay in pieces of a second, so that the caller never waits longer for its turn."""
    while seconds > 0:
        yield min(seconds, _TICK_S)
        seconds -= _TICK_S
