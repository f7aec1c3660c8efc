"""The endless reader: lines that vanish and return, delays that grow, and an end when asked."""

import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from gateway.errors import (
    ChecksumMismatch,
    GatewayError,
    MeterUnavailable,
    TelegramCut,
    WrongSpeed,
)
from gateway.meter import Source, frames, open_source
from gateway.p1 import Framer
from gateway.p1.telegram import Telegram, serialize

GOOD = serialize(Telegram("XYZ5\\TEST", (("1-0:1.7.0", "(00.500*kW)"),)))
BROKEN = GOOD.replace(b"500", b"600")


class Script:
    """A source that plays a list: bytes to deliver, an error to raise, None to end."""

    def __init__(self, *plays: bytes | MeterUnavailable | None) -> None:
        self._plays = iter(plays)
        self.closed = False

    def read(self) -> bytes | None:
        play = next(self._plays)
        if isinstance(play, MeterUnavailable):
            raise play
        return play

    def close(self) -> None:
        self.closed = True


class Waits:
    """Remembers how long was waited in all, and says stop after so many seconds."""

    def __init__(self, stop_after: float = 1e9) -> None:
        self.total = 0.0
        self._stop_after = stop_after

    def __call__(self, seconds: float) -> bool:
        self.total += seconds
        return self.total > self._stop_after


def ignored(fault: GatewayError) -> None:
    pass


LOST = MeterUnavailable("gone")


def played(*sources: Script | MeterUnavailable) -> Callable[[], Source]:
    left = iter(sources)

    def opened() -> Source:
        source = next(left)
        if isinstance(source, MeterUnavailable):
            raise source
        return source

    return opened


def read_all(opened: Callable[[], Source], wait: Callable[[float], bool]) -> tuple[int, list[GatewayError]]:
    """How many good frames came, and the faults that were told."""
    faults: list[GatewayError] = []
    count = sum(1 for frame in frames(opened, Framer(), wait, faults.append) if frame)
    return count, faults


def test_a_lost_line_is_opened_again_and_the_telegram_under_way_counted() -> None:
    first, second = Script(GOOD + GOOD[:40], LOST), Script(GOOD[40:] + GOOD, None)
    count, faults = read_all(played(first, second), Waits())
    assert count == 2
    assert [type(fault) for fault in faults] == [MeterUnavailable, TelegramCut]
    assert first.closed
    assert second.closed


def test_damaged_telegrams_are_told_and_the_next_is_read() -> None:
    count, faults = read_all(played(Script(BROKEN, GOOD, None)), Waits())
    assert (count, [type(fault) for fault in faults]) == (1, [ChecksumMismatch])


def test_the_delay_doubles_up_to_a_minute() -> None:
    waits = Waits(stop_after=300)
    began: list[float] = []

    def opened() -> Source:
        began.append(waits.total)
        raise LOST

    read_all(opened, waits)
    assert [after - before for before, after in pairwise(began)][:8] == [
        1, 2, 4, 8, 16, 32, 60, 60,
    ]  # fmt: skip


def test_a_good_frame_starts_the_delays_over() -> None:
    waits = Waits()
    read_all(played(LOST, LOST, LOST, Script(GOOD, LOST), Script(None)), waits)
    assert waits.total == 1 + 2 + 4 + 1


def test_a_line_without_good_frames_does_not_start_the_delays_over() -> None:
    waits = Waits()
    read_all(played(LOST, LOST, Script(b"noise", BROKEN, LOST), Script(None)), waits)
    assert waits.total == 1 + 2 + 4


def test_a_speed_that_is_only_sought_does_not_lengthen_the_delays() -> None:
    waits = Waits()
    wrong = WrongSpeed("115200 8N1", "9600 7E1")
    read_all(played(LOST, LOST, Script(wrong), Script(wrong), Script(None)), waits)
    assert waits.total == 1 + 2 + 1 + 1


def test_a_telegram_that_falls_silent_is_told_as_cut_once() -> None:
    count, faults = read_all(played(Script(GOOD[:40], *[b""] * 40, GOOD, None)), Waits())
    assert (count, [type(fault) for fault in faults]) == (1, [TelegramCut])


def test_a_meter_that_sends_no_end_has_its_usual_pause_to_say_so_with_the_next() -> None:
    silence = [b""] * 10
    endless = [GOOD[: GOOD.index(b"!")], *silence]
    count, _ = read_all(played(Script(*endless * 4, None)), Waits())
    assert count == 2  # the first shows what it looks like, the last is not over


def test_the_caller_gets_its_turn_on_a_quiet_a_noisy_and_a_lost_line() -> None:
    turns = list(frames(played(Script(b"", b"noise", LOST), Script(None)), Framer(), Waits(), ignored))
    assert turns == [None, None, None]
    waiting = frames(played(*[LOST] * 9), Framer(), Waits(stop_after=100), ignored)
    assert len(list(waiting)) == 101


def test_it_stops_when_told_even_on_a_line_that_never_pauses() -> None:
    class Endless:
        def read(self) -> bytes:
            return b"noise"

        def close(self) -> None: ...

    stop = threading.Event()
    turns = frames(Endless, Framer(), stop.wait, ignored)
    next(turns)
    stop.set()
    assert list(turns) == []


def test_a_capture_ends(tmp_path: Path) -> None:
    capture = tmp_path / "a capture.bin"
    capture.write_bytes(b"\x00noise" + GOOD * 20 + BROKEN + GOOD + GOOD[:30])
    count, faults = read_all(lambda: open_source(capture.as_uri()), Waits())
    assert count == 21
    assert [type(fault) for fault in faults] == [ChecksumMismatch, TelegramCut]
