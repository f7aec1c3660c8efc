"""Frames: the bytes of one telegram, cut out of whatever the port delivers.

Bytes in, frames out: no port, no clock, no logging. Little more than MAX_FRAME bytes are ever
held; a longer telegram is dropped and reported, and the search starts again at the next "/".
How the bytes were divided into chunks makes no difference to what comes out.

Source: DSMR P1 5.0.2, sections 5.12 and 6.2; CRC-16/ARC over "/" through "!".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fastcrc import crc16

from gateway.errors import (
    ChecksumMismatch,
    ChecksumMissing,
    TelegramCut,
    TelegramError,
    TelegramTooLong,
)

MAX_FRAME = 8 * 1024

# A telegram begins with "/" and the three letters of its manufacturer.
_START = re.compile(rb"/[A-Za-z]{3}")
# Another telegram's beginning at the start of a line: the one before it was cut.
_CUT = re.compile(rb"/(?<=[\n\x00\xff]/)[A-Za-z]{3}")
# Meters send one to four hexadecimal digits, or none before DSMR 4; fewer than four need a
# byte behind them to show that they are all.
_END = re.compile(rb"!([0-9A-Fa-f]{4}|[0-9A-Fa-f]{0,3}(?=[\r\n\x00\xff/]))")
_LONGEST_TOKEN = 5
_HALF_START = re.compile(rb"/[A-Za-z]{0,2}\Z")
_SLICE = 1024
_VERSIONS_WITH_CHECKSUM = (b"\n1-3:0.2.8(", b"\n0-0:96.1.4(")


@dataclass(frozen=True, slots=True)
class Frame:
    """The bytes of one telegram, "/" through "!". Its checksum, where it has one, was right."""

    body: bytes


class Framer:
    """Cuts a stream into frames.

    `feed` yields a Frame for each good telegram and a TelegramError for each damaged one, in
    the order of the stream. `noise` counts the bytes that belonged to no telegram.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._scanned = 1  # no cut and no end of the held telegram begins before this index
        self.noise = 0

    @property
    def held(self) -> int:
        """Bytes waiting for the rest of their telegram."""
        return len(self._held)

    def feed(self, chunk: bytes) -> Iterator[Frame | TelegramError]:
        # Fed in slices, so that what is held stays near the cap whatever the chunk's size.
        for offset in range(0, len(chunk), _SLICE):
            self._held += chunk[offset : offset + _SLICE]
            while self._find_start():
                found = self._next()
                if found is None:
                    break
                yield found

    def cut(self) -> TelegramCut | None:
        """The line ended: forget the unfinished telegram, and return it as an error."""
        unfinished = len(self._held)
        began = _START.match(self._held) is not None
        if began:
            self._drop(unfinished)
            return TelegramCut(unfinished)
        self._drop_noise(unfinished)
        return None

    def _find_start(self) -> bool:
        """Drop what precedes the next "/"; True when a telegram's beginning is held."""
        start = _START.search(self._held)
        kept = start or _HALF_START.search(self._held)
        self._drop_noise(len(self._held) if kept is None else kept.start())
        return start is not None

    def _next(self) -> Frame | TelegramError | None:
        """The telegram at the start of what is held; None when its end is still to come."""
        while True:
            end = _END.search(self._held, self._scanned)
            cut = _CUT.search(self._held, self._scanned, end.start() if end else len(self._held))
            token = cut or end
            if token is None and len(self._held) < MAX_FRAME + _LONGEST_TOKEN:
                self._scanned = max(1, len(self._held) - _LONGEST_TOKEN + 1)
                return None
            if token is None or token.start() >= MAX_FRAME:
                self._drop(MAX_FRAME)
                return TelegramTooLong(MAX_FRAME)
            if token is cut:
                self._drop(token.start())
                return TelegramCut(token.start())
            body = bytes(self._held[: token.start() + 1])
            fault = _fault(body, token[1])
            # Another one may have begun within a line: behind noise that looked like a beginning,
            # or where this one was cut.
            again = _START.search(body, 1) if isinstance(fault, ChecksumMismatch) else None
            if again is None:
                self._drop(token.end())
                return fault or Frame(body)
            if b"\n" in body[: again.start()]:
                self._drop(again.start())
                return TelegramCut(again.start())
            self._drop_noise(again.start())

    def _drop_noise(self, count: int) -> None:
        self.noise += len(self._held[:count].translate(None, b"\r\n\x00\xff"))
        self._drop(count)

    def _drop(self, count: int) -> None:
        del self._held[:count]
        self._scanned = 1


def checksum(body: bytes) -> int:
    """CRC-16/ARC of a telegram's bytes, "/" through "!"."""
    return crc16.arc(body)


def _fault(body: bytes, digits: bytes) -> TelegramError | None:
    if digits:
        stated, computed = int(digits, 16), checksum(body)
        return None if stated == computed else ChecksumMismatch(stated, computed)
    # Without this rule, a DSMR 4 or 5 telegram that lost its checksum would pass as a DSMR 3 one.
    if any(version in body for version in _VERSIONS_WITH_CHECKSUM):
        return ChecksumMissing()
    return None
