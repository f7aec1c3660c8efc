"""Telegrams: a frame's lines, as OBIS codes and their bracketed values. Read and written here.

A line ends where its brackets end, not at the end of the text line: DSMR 2 and 3 break some lines.
What a value means is not asked here (see `forms`). Source: DSMR P1 5.0.2, section 6.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gateway.errors import ContentEncrypted, MalformedTelegram
from gateway.p1.checksum import checksum
from gateway.p1.framer import Frame

_VALUE = r"\((?:\([^()]*+\)|[^()]*+)\)"
_LINE = re.compile(rf"^[ \t\x00\xff]*+(\d+-\d+:[\d.:*]+)({_VALUE}(?:\s*+{_VALUE})*+)", re.MULTILINE)
_BRACKETS_MORE = re.compile(r"([()])\1")
_PRINTABLE = re.compile(r"[ -~\r\n]")
_SHORTEST_BINARY = 64
_CODE = re.compile(r"\d+-\d+:[\d.]+")


Line = tuple[str, str]
"""An OBIS code and its values, brackets included: ("1-0:32.7.0", "(230.1*V)")."""

Span = tuple[int, int]
"""Where something begins and ends in the bytes of a frame."""


@dataclass(frozen=True, slots=True)
class Telegram:
    """`header` is the identification line without its "/": manufacturer, baud digit, model.

    `broken` holds the text lines that are none: damaged before the meter made its checksum.
    `spans` tells where in its frame the values of each line stand, if it came in one.
    """

    header: str
    lines: tuple[Line, ...]
    broken: tuple[str, ...] = ()
    spans: tuple[Span, ...] = field(default=(), compare=False)


def parse(frame: Frame) -> Telegram:
    """Return the lines of a frame, in the meter's order.

    Text is taken as Latin-1: some meters send bytes above 0x7F in messages.
    Raises MalformedTelegram when no line can be read, ContentEncrypted where that is why.
    """
    header, _, text = frame.body.decode("latin-1")[1:-1].partition("\n")
    found = list(_LINE.finditer(text))
    if not found and _is_binary(text):
        raise ContentEncrypted
    if not found:
        raise MalformedTelegram("it has no line with an OBIS code")
    begin = len("/") + len(header) + len("\n")
    between = (part.strip("\r\x00\xff \t") for part in _LINE.sub("", text).split("\n"))
    return Telegram(
        header.rstrip("\r"),
        lines=tuple((line[1], _values(line[2])) for line in found),
        broken=tuple(part for part in between if part),
        spans=tuple((begin + line.start(2), begin + line.end(2)) for line in found),
    )


def _is_binary(text: str) -> bool:
    """Whether the bytes between header and end are no text: of encrypted ones a third would be."""
    return 2 * len(_PRINTABLE.findall(text)) < len(text) >= _SHORTEST_BINARY


def values_in(span: bytes) -> str:
    """The values of a line, from their span in the frame."""
    return _values(span.decode("latin-1"))


def _values(sent: str) -> str:
    """The same in single brackets: Lithuanian meters send some in double ones."""
    return _BRACKETS_MORE.sub(r"\1", sent)


def joined(written: str) -> str:
    """The values of a line that was broken, in one."""
    return "".join(written.split("\r\n")) if "\n" in written else written


def code_in(broken: str) -> str:
    """The code that a broken line begins with; empty when there is none."""
    found = _CODE.match(broken)
    return found[0] if found else ""


def serialize(telegram: Telegram) -> bytes:
    """Return the bytes a meter would send, checksum included."""
    lines = "".join(f"{code}{values}\r\n" for code, values in telegram.lines)
    body = f"/{telegram.header}\r\n\r\n{lines}!".encode("latin-1")
    return body + b"%04X\r\n" % checksum(body)
