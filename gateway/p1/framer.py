"""Frames: the bytes of one telegram, cut out of whatever the port delivers, plain or encrypted.

Bytes in, frames out: no port, no clock, no logging. Little more than MAX_FRAME bytes are ever
held; a longer telegram is dropped and reported, and the search starts again at the next
beginning. How the bytes were divided into chunks makes no difference to what comes out: each
decision is taken at the first byte that allows it, and no byte behind it changes it.

Source: DSMR P1 5.0.2, sections 5.12 and 6.2. For encrypted frames see `cipher`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from gateway.errors import (
    ChecksumMissing,
    FrameReplayed,
    MalformedTelegram,
    TelegramCut,
    TelegramError,
    TelegramTooLong,
)
from gateway.p1 import cipher
from gateway.p1.checksum import (
    START,
    checksum,
    fault,
    needs_checksum,
    split,
)
from gateway.p1.cipher import (
    CERTAIN_HEADER,
    HALF_HEADER,
    HEADER,
    Decryptor,
    EncryptedFrame,
)

# Luxembourg's telegrams have five messages of up to 2,048 characters each.
MAX_FRAME = 16 * 1024
_SLICE = 1024

# A beginning, or the first bytes of one at the end of what has arrived.
_BEGINNING = re.compile(
    rb"(?P<whole>%b|%b)|/[A-Za-z]{0,2}\Z|%b" % (START.pattern, HEADER.pattern, HALF_HEADER.pattern), re.DOTALL
)
# What may end a plain telegram, or the first bytes of such a mark at the end of what has arrived:
# - Its "!": meters send one to four hexadecimal digits behind it, or none before DSMR 4; fewer
#   than four need a byte behind them to show that they are all.
# - Another beginning at the start of a line: the telegram before it was cut or has no end.
# - 0xDB. In the first line, which is ASCII, it shows that no telegram began here.
_MARK = re.compile(
    rb"!(?P<digits>[0-9A-Fa-f]{4}|[0-9A-Fa-f]{0,3}(?=[\r\n\x00\xff/]))"
    rb"|(?<=[\n\x00\xff])(?P<cut>%b|%b)"
    rb"|(?P<half>![0-9A-Fa-f]{0,3}\Z|(?<=[\n\x00\xff])(?:/[A-Za-z]{0,2}\Z|%b))"
    rb"|(?P<foreign>\xdb)" % (START.pattern, HEADER.pattern, HALF_HEADER.pattern),
    re.DOTALL,
)
_FIRST_BYTES = (b"!", b"/", b"\xdb")
_LONGEST_MARK = cipher.LONGEST_HEADER + 1
# A beginning inside a telegram whose bytes are not as they were sent: a header line to its end,
# since three letters behind a "/" alone stand in every thirtieth encrypted telegram by chance.
_WITHIN = re.compile(rb"%b[ -'*-~]{0,80}\r?\n|%b" % (START.pattern, CERTAIN_HEADER.pattern), re.DOTALL)
_HALF_WITHIN = re.compile(
    rb"/(?:[A-Za-z]{0,2}|[A-Za-z]{3}[ -'*-~]{0,80}\r?)\Z|%b" % HALF_HEADER.pattern, re.DOTALL
)
_FIRST_LINE = re.compile(rb"[ -~]*\r?\n")
_LINE_KIND = re.compile(rb"^[^(\r\n]*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Frame:
    """The bytes of one telegram, "/" through "!". Its checksum, where it has one, was right.

    Of the few meters that send no end, "/" through the last line's end. `encrypted`: it was
    sent encrypted, and its tag was right too.
    """

    body: bytes
    encrypted: bool = False


class _Step(NamedTuple):
    """The first `length` bytes held are done with, and were `found`; None: they were noise.

    `shape` is that of a telegram without an end; see `_shape`.
    """

    length: int
    found: Frame | TelegramError | None
    shape: bytes | None = None


class Framer:
    """Cuts a stream into frames.

    `feed` yields a Frame for each good telegram and a TelegramError for each damaged one, in
    the order of the stream. `noise` counts the bytes that belonged to no telegram.
    """

    def __init__(self, decryptor: Decryptor | None = None) -> None:
        self._decryptor = decryptor or Decryptor(None)
        self._held = bytearray()
        self._scanned = 1  # what ends the held telegram does not begin before this index
        self._shape: bytes | None = None  # of the telegram before, when it had no end
        self.noise = 0

    @property
    def held(self) -> int:
        """Bytes waiting for the rest of their telegram."""
        return len(self._held)

    def feed(self, chunk: bytes) -> Iterator[Frame | TelegramError]:
        if not self._held and (frame := _whole(chunk)):
            self._shape = None
            yield frame
            return
        # Fed in slices, so that what is held stays near the cap whatever the chunk's size.
        for offset in range(0, len(chunk), _SLICE):
            self._held += chunk[offset : offset + _SLICE]
            while self._find_start():
                step = self._plain() if self._held[0] == ord("/") else self._encrypted()
                if step is None:
                    break
                if step.found is None:
                    self._drop_noise(step.length)
                else:
                    self._drop(step.length)
                    self._shape = step.shape
                    yield step.found

    def cut(self) -> TelegramCut | None:
        """The line ended: forget the unfinished telegram, and return it as an error.

        A caller with a clock may also call it once the line has been silent for longer than a
        minute. It need not: the next telegram's bytes show that this one is unfinished. Called
        between two telegrams, it makes a meter without ends start over each time.
        """
        self._shape = None
        unfinished = len(self._held)
        if self._find_start():
            unfinished = len(self._held)
            self._drop(unfinished)
            return TelegramCut(unfinished)
        self._drop_noise(unfinished)
        return None

    def _find_start(self) -> bool:
        """Drop what precedes the next beginning; True when that is held in whole."""
        if self._scanned > 1:  # it was found before
            return True
        start = _BEGINNING.search(self._held)
        whole = start is not None and start["whole"] is not None
        if start is None or start.start():
            self._drop_noise(len(self._held) if start is None else start.start())
        return whole

    def _plain(self) -> _Step | None:
        """What the plain telegram held first is; None when that is still to come."""
        mark = self._mark()
        if mark is None and len(self._held) < MAX_FRAME + _LONGEST_MARK:
            return None
        if mark is None or mark.start() >= MAX_FRAME:
            body = bytes(self._held[:MAX_FRAME])
            return _begun_within(body) or _Step(MAX_FRAME, TelegramTooLong(MAX_FRAME))
        if mark.lastgroup == "foreign":
            return _Step(mark.start(), None)
        body = bytes(self._held[: mark.start()])
        if mark.lastgroup == "cut":
            return _begun_within(body) or _without_end(body, self._shape)
        return _ended(body + b"!", mark["digits"])

    def _mark(self) -> re.Match[bytes] | None:
        """What ends the plain telegram held first; None while that is not certain."""
        held = self._held
        while True:
            first = [at for byte in _FIRST_BYTES if (at := held.find(byte, self._scanned)) >= 0]
            mark = _MARK.search(held, min(first)) if first else None
            self._scanned = mark.start() if mark else len(held)
            if mark is None or mark.lastgroup == "half":
                return None
            if mark.lastgroup != "foreign" or held.find(b"\n", 0, mark.start()) < 0:
                return mark
            self._scanned += 1

    def _encrypted(self) -> _Step | None:
        """What the encrypted frame held first is; None when that is still to come."""
        held = self._held
        header = HEADER.match(held)
        if header is None:
            raise AssertionError("an encrypted frame begins with its header")
        end = cipher.end_of(header)
        # The same meter's next frame, title and all: this one lost bytes or states a wrong length.
        again = held.find(held[: cipher.TITLE_END], max(header.end(), self._scanned), end)
        if again >= 0:
            # Where several meters share a line, another one's telegram may stand in between.
            within = _WITHIN.search(held, 1, again)
            length = within.start() if within else again
            return _Step(length, TelegramCut(length))
        if len(held) < end:
            self._scanned = max(1, len(held) - cipher.TITLE_END + 1)
            return None
        raw = bytes(held[:end])
        try:
            return _Step(end, _decrypted(self._decryptor.open(EncryptedFrame.parse(raw))))
        except FrameReplayed as replayed:  # its tag was right
            return _Step(end, replayed)
        except TelegramError as wrong:
            # Not verified, nor is its length: another one may have begun in it, or at its very end.
            within = _WITHIN.search(raw, 1)
            if within:
                return _Step(within.start(), TelegramCut(within.start()))
            half = _HALF_WITHIN.search(raw, 1)
            return _Step(half.start() if half else end, wrong)

    def _drop_noise(self, count: int) -> None:
        self.noise += len(self._held[:count].translate(None, b"\r\n\x00\xff"))
        self._drop(count)

    def _drop(self, count: int) -> None:
        del self._held[:count]
        self._scanned = 1


def _whole(chunk: bytes) -> Frame | None:
    """The short way for a telegram that comes in one piece; None for all that is out of the ordinary."""
    end = chunk.find(b"!") + 1
    if (
        chunk.startswith(b"/")
        and len(chunk) == end + len(b"FFFF\r\n")
        and chunk.endswith(b"\r\n")
        and end <= MAX_FRAME
        and chunk[1:4].isalpha()
        and chunk.find(b"/", 1) < 0
        and chunk.find(b"\xdb") < 0
    ):
        body = chunk[:end]
        if chunk[end : end + 4].upper() == b"%04X" % checksum(body):
            return Frame(body)
    return None


def _decrypted(text: bytes) -> Frame | TelegramError:
    """The telegram that a verified frame held."""
    body, digits = split(text) or (b"", b"")
    if not body:
        return MalformedTelegram("what was encrypted is not one complete telegram")
    if not digits:
        return ChecksumMissing()
    return fault(body, digits) or Frame(body, encrypted=True)


def _ended(body: bytes, digits: bytes) -> _Step:
    """A plain telegram with its end, checksum or not."""
    end = len(body) + len(digits)
    wrong = fault(body, digits)
    if digits and wrong is None:
        return _Step(end, Frame(body))
    if wrong is None and not _FIRST_LINE.match(body):
        # Bytes of an encrypted telegram, more likely, which begin and end like this by chance.
        wrong = MalformedTelegram("its first line is not text")
    # Without a checksum too: two halves must not pass as one.
    return _begun_within(body) or _Step(end, wrong or Frame(body))


def _begun_within(body: bytes) -> _Step | None:
    """Where another telegram began in one that is not known to be as it was sent.

    It may have begun within a line: behind noise that looked like a beginning, or where this
    one was cut.
    """
    again = _WITHIN.search(body, 1)
    if again is None:
        return None
    length = again.start()
    return _Step(length, TelegramCut(length) if b"\n" in body[:length] else None)


def _without_end(body: bytes, shape_before: bytes | None) -> _Step:
    """A telegram that another one's beginning ended, at the start of a line.

    Some meters without a checksum send no end at all (Iskra MT382). Once may be chance, so it is
    taken only when the telegram before had the same lines and no end either.
    """
    shape = _shape(body)
    complete = shape is not None and shape == shape_before
    return _Step(len(body), Frame(body) if complete else TelegramCut(len(body)), shape)


def _shape(body: bytes) -> bytes | None:
    """Header and codes of a telegram without an end; None when it was cut or should have one."""
    text = body.rstrip(b"\r\n\x00\xff")
    if not text.endswith(b")") or b"\n" not in body[len(text) :] or needs_checksum(body):
        return None
    return b"\n".join(_LINE_KIND.findall(text))
