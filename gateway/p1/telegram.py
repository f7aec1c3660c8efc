"""Telegrams: a frame's lines, as OBIS codes and their bracketed values. Read and written here.

A line ends where its brackets end, not at the end of the text line: DSMR 2 and 3 break some lines.
What a value means is not asked here (see `reading`). Source: DSMR P1 5.0.2, section 6.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.errors import MalformedTelegram
from gateway.p1.framer import Frame, checksum

LINE = re.compile(r"(\d+-\d+:[\d.:*]+)(\([^()]*+\)(?:\s*+\([^()]*+\))*+)")


Line = tuple[str, str]
"""An OBIS code and its values, brackets included: ("1-0:32.7.0", "(230.1*V)")."""


@dataclass(frozen=True, slots=True)
class Telegram:
    """`header` is the identification line without its "/": manufacturer, baud digit, model."""

    header: str
    lines: tuple[Line, ...]


def parse(frame: Frame) -> Telegram:
    """Return the lines of a frame, in the meter's order.

    Text is taken as Latin-1: some meters send bytes above 0x7F in messages.
    Raises MalformedTelegram when no line can be read.
    """
    text = frame.body.decode("latin-1")
    header = text[1:].split("\n", 1)[0].rstrip("\r")
    lines = tuple(LINE.findall(text))
    if not lines:
        raise MalformedTelegram("it has no line with an OBIS code")
    return Telegram(header, lines)


def serialize(telegram: Telegram) -> bytes:
    """Return the bytes a meter would send, checksum included."""
    lines = "".join(f"{code}{values}\r\n" for code, values in telegram.lines)
    body = f"/{telegram.header}\r\n\r\n{lines}!".encode("latin-1")
    return body + b"%04X\r\n" % checksum(body)
