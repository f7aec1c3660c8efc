"""Detection: the speed that the meter uses is found by listening, kept, and left only for a reason."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import GatewayError, WrongSpeed
from gateway.meter import MeterLine, frames
from gateway.meter.detection import Detection
from gateway.p1 import Framer
from gateway.p1.cipher import MeterKey, encrypt
from gateway.p1.telegram import Telegram, serialize
from tests.pty_meter import PtyMeter, nonsense

FAST, SLOW = "115200 8N1", "9600 7E1"
LINES = tuple((f"1-0:{code}.7.0", "(00.500*kW)") for code in range(1, 40))
GOOD = serialize(Telegram("XYZ5\\TEST", LINES))
ENCRYPTED = bytes(encrypt(GOOD * 2, MeterKey.parse("00" * 16), b"XYZ\0\0\0\0\1", 1))


def heard(detection: Detection, sent: bytes, size: int = 100) -> bool:
    """Let it hear bytes in pieces; True when it wants the other setting."""
    try:
        for offset in range(0, len(sent), size):
            detection.hear(sent[offset : offset + size])
    except WrongSpeed:
        detection.opened()
        return True
    return False


def test_the_fast_setting_is_tried_first_and_nonsense_leads_to_the_other_and_back() -> None:
    detection = Detection()
    tried = [detection.setting]
    for seed in range(3):
        assert heard(detection, nonsense(4096, seed))
        tried.append(detection.setting)
    assert tried == [FAST, SLOW, FAST, SLOW]


@given(st.integers(0, len(ENCRYPTED)), st.integers(20, 300), st.booleans())
def test_a_meter_at_the_right_speed_is_never_left_wherever_listening_began(
    begin: int, size: int, encrypted: bool
) -> None:
    detection = Detection()
    stream = (ENCRYPTED if encrypted else GOOD) * 5
    assert not heard(detection, stream[begin:], size)
    assert detection.setting == FAST


def test_a_long_message_is_no_nonsense() -> None:
    assert not heard(Detection(), b"3031" * 2000)


def test_beginnings_that_stand_in_nonsense_by_chance_do_not_hold_it_up() -> None:
    chance = random.Random(5)
    with_chance = b"".join(chance.randbytes(300) + b"/Abc" for _ in range(20))
    assert heard(Detection(), with_chance)


def test_a_settled_speed_outlives_some_noise_a_silence_and_a_new_connection_but_not_lasting_nonsense() -> (
    None
):
    detection = Detection()
    heard(detection, nonsense(4096))
    detection.settle()
    assert not heard(detection, nonsense(1000))
    detection.hear(b"")
    detection.opened()
    assert detection.setting == SLOW
    assert heard(detection, nonsense(4096))
    assert detection.setting == FAST


def test_after_a_silence_a_settled_speed_gives_way_to_the_first_and_an_unsettled_one_to_the_next() -> None:
    detection = Detection()
    tried = []
    for _ in range(2):
        detection.begin_again()
        tried.append(detection.setting)
    assert tried == [SLOW, FAST]
    heard(detection, nonsense(4096))
    detection.settle()
    assert detection.setting == SLOW
    detection.begin_again()
    assert detection.setting == FAST
    assert heard(detection, nonsense(4096))  # it is left as soon as at the first time


def read(line: MeterLine, count: int, faults: list[GatewayError]) -> Iterator[None]:
    """Read as the daemon does, with short delays, until so many telegrams came."""
    stop = threading.Event()
    deadline = time.monotonic() + 20

    def wait(seconds: float) -> bool:
        assert time.monotonic() < deadline, faults
        return stop.wait(seconds / 50)

    for frame in frames(line.open, Framer(), wait, faults.append):
        if frame is not None:
            line.settle()
            count -= 1
            yield
        if not count:
            stop.set()


@pytest.mark.parametrize("setting", [FAST, SLOW])
def test_a_meter_is_understood_at_whatever_speed_it_has_and_the_speed_kept(
    tmp_path: Path, setting: str
) -> None:
    faults: list[GatewayError] = []
    with PtyMeter(tmp_path / "port", lambda _: GOOD, setting) as meter:
        line = MeterLine(str(tmp_path / "port"))
        assert len(list(read(line, 3, faults))) == 3
        before = len(meter.asked)
        assert len(list(read(line, 3, faults))) == 3
    assert meter.asked[-1] == setting
    assert len(meter.asked) == before
    assert [type(fault) for fault in faults if isinstance(fault, WrongSpeed)] == [WrongSpeed] * (
        setting == SLOW
    )


def test_a_new_meter_of_another_speed_is_found_again(tmp_path: Path) -> None:
    faults: list[GatewayError] = []
    with PtyMeter(tmp_path / "port", lambda _: GOOD, SLOW, pause_s=0.01) as meter:
        reading = read(MeterLine(str(tmp_path / "port")), 20, faults)
        next(reading)
        meter.setting = FAST
        list(reading)
    assert meter.asked[-1] == FAST


def test_a_configured_speed_is_never_left(tmp_path: Path) -> None:
    with PtyMeter(tmp_path / "port", lambda _: nonsense(4096), None, pause_s=0.01) as meter:
        source = MeterLine(str(tmp_path / "port"), SLOW).open()
        assert sum(len(source.read() or b"") for _ in range(50)) > 20_000
        source.close()
    assert SLOW in meter.asked
    assert meter.asked[-1] == SLOW
