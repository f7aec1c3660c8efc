"""Telegrams as public reports of real meters show them, in small. Numbers are invented."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.p1 import (
    Decoder,
    Frame,
    Framer,
    MeterClock,
    Reading,
    decode,
)
from gateway.p1.telegram import Line, Telegram, serialize

RECEIVED = datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC)
TIME: Line = ("0-0:1.0.0", "(261123130000W)")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
GAS: Line = ("0-1:24.1.0", "(003)")
GAS_REGISTER: Line = ("0-1:24.2.1", "(261123125500W)(01234.567*m3)")


def framed(*lines: Line, header: str = "XYZ5\\TEST") -> Frame:
    """The frame of a telegram with these lines."""
    (frame,) = Framer().feed(serialize(Telegram(header, lines)))
    assert isinstance(frame, Frame)
    return frame


def read(*lines: Line, header: str = "XYZ5\\TEST") -> Reading:
    """What a telegram with these lines means, which a plan that it compiled must find again."""
    frame, decoder = framed(*lines, header=header), Decoder()
    reading = decode(frame, RECEIVED, MeterClock())
    assert decoder.decode(frame, RECEIVED) == reading
    assert decoder.decode(frame, RECEIVED) == reading
    return reading
