"""The watch: an open line without telegrams is reported and opened anew; one that speaks is left alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.errors import (
    ChecksumMismatch,
    EncryptedWithoutKey,
    GatewayError,
    LineSilent,
    NoTelegram,
)
from gateway.meter import frames
from gateway.meter.watch import Watch
from gateway.p1 import Framer
from gateway.p1.cipher import MeterKey, encrypt
from gateway.p1.telegram import Telegram, serialize
from tests.pty_meter import nonsense

GOOD = serialize(Telegram("XYZ5\\TEST", (("1-0:1.7.0", "(00.500*kW)"),)))
ENCRYPTED = bytes(encrypt(GOOD, MeterKey.parse("00" * 16), b"XYZ\0\0\0\0\1", 1))
HOUR = 3600


class Line:
    """A line on which time passes as it is read: a second for each read. `sends` is by the second."""

    def __init__(self, sends: Callable[[int], bytes]) -> None:
        self.now = 0.0
        self.opened_at: list[float] = []
        self._sends = sends

    def clock(self) -> float:
        return self.now

    def open(self) -> Line:
        self.opened_at.append(self.now)
        return self

    def read(self) -> bytes:
        self.now += 1
        return self._sends(int(self.now))

    def close(self) -> None: ...


def watched(sends: Callable[[int], bytes], seconds: int) -> tuple[Line, list[tuple[float, GatewayError]]]:
    """Read for so long; the line, and the faults with the second of each."""
    line = Line(sends)
    faults: list[tuple[float, GatewayError]] = []

    def wait(pause: float) -> bool:
        line.now += pause
        return line.now > seconds

    watch = Watch("look at the cable", clock=line.clock)
    for _ in frames(line.open, Framer(), wait, lambda fault: faults.append((line.now, fault)), watch):
        pass
    return line, faults


def gaps(line: Line) -> list[int]:
    return [round(after - before) for before, after in zip(line.opened_at, line.opened_at[1:], strict=False)]


@pytest.mark.parametrize(
    ("sends", "kind"),
    [
        (lambda _: b"", LineSilent),
        (lambda second: GOOD if second < 5 else b"", LineSilent),
        (lambda second: GOOD if second < 5 else GOOD[:30] if second == 5 else b"", LineSilent),
        (lambda second: nonsense(99, second), NoTelegram),
        (lambda second: b"login: \r\n", NoTelegram),
        (lambda second: b"\x00" if second % 10 == 0 else b"", NoTelegram),
        (lambda second: GOOD[: 9 + second % 5], NoTelegram),
    ],
    ids=["silent", "falls silent", "in mid-telegram", "nonsense", "text", "rare noise", "only cut ones"],
)
def test_an_open_line_without_telegrams_is_reported_after_30_s_and_opened_anew_after_ever_longer(
    sends: Callable[[int], bytes], kind: type[GatewayError]
) -> None:
    line, faults = watched(sends, HOUR + HOUR // 2)  # in much more nonsense, some looks like a telegram
    found = [(at, fault) for at, fault in faults if isinstance(fault, LineSilent | NoTelegram)]
    assert {type(fault) for _, fault in found} == {kind}
    assert 30 <= found[0][0] <= 36
    assert "opened anew" not in str(found[0][1])
    assert 60 <= found[1][0] <= 66
    assert "opened anew" in str(found[1][1])
    assert all(gap - usual <= 7 for gap, usual in zip(gaps(line), [60, 120, 240, 480, 900], strict=False))
    assert max(gaps(line)) <= 902
    assert len(found) == 1 + len(gaps(line))


@pytest.mark.parametrize("period", [1, 10, 25])
@pytest.mark.parametrize(
    "telegram", [GOOD, GOOD.replace(b"500", b"600"), ENCRYPTED], ids=["good", "damaged", "no key"]
)
def test_a_meter_that_speaks_however_slowly_or_wrongly_is_never_left(period: int, telegram: bytes) -> None:
    line, faults = watched(lambda second: telegram if second % period == 0 else b"", HOUR)
    assert len(line.opened_at) == 1
    assert {type(fault) for _, fault in faults} <= {ChecksumMismatch, EncryptedWithoutKey}


def test_a_meter_that_pauses_for_a_minute_after_it_was_switched_on_is_read() -> None:
    line, faults = watched(lambda second: GOOD if second > 61 and second % 10 == 0 else b"", HOUR)
    assert len(line.opened_at) == 2
    assert [type(fault) for _, fault in faults] == [LineSilent, LineSilent]


def test_a_telegram_starts_the_patience_over() -> None:
    line, _ = watched(lambda second: GOOD if second in (500, 501) else b"", 800)
    assert gaps(line)[:3] == [61, 121, 241]
    assert next(at for at in line.opened_at if at > 501) <= 501 + 62


def test_what_the_reader_of_the_frames_takes_is_no_silence() -> None:
    line = Line(lambda second: GOOD[:50])
    watch = Watch(clock=line.clock)
    watch.opened()
    watch.read(line)
    line.now += HOUR
    assert watch.fault() is None


def test_the_caller_of_a_reopening_is_asked_first() -> None:
    begun: list[str] = []
    line = Line(lambda second: b"")
    watch = Watch("", lambda: begun.append("again"), line.clock)
    for _ in range(60):
        watch.read(line)
    assert not begun
    with pytest.raises(LineSilent):
        watch.fault()
    assert begun == ["again"]


def test_silence_after_another_fault_or_another_kind_of_fault_is_reported_again() -> None:
    line = Line(lambda second: b"" if second <= 70 else nonsense(9, second))
    watch = Watch("", clock=line.clock)

    def seconds(count: int) -> list[type[GatewayError]]:
        found: list[type[GatewayError]] = []
        for _ in range(count):
            watch.read(line)
            if fault := watch.fault():
                found.append(type(fault))
        return found

    assert seconds(35) == [LineSilent]
    watch.lost()
    watch.opened()
    assert seconds(35) == [LineSilent]
    watch.opened()
    assert seconds(59) == [NoTelegram]
