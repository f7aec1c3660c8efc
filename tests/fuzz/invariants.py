"""What holds for any bytes that a port may deliver. Asserted here, for atheris and for pytest.

An input is one byte that says how the rest is used, then the rest. So that made-up bytes get past
checksum and tag, they can be given a right checksum, a right tag, or both.
"""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.errors import MalformedTelegram, TelegramError
from gateway.p1 import (
    Decoder,
    Decryptor,
    Frame,
    Framer,
    MeterKey,
    decode,
    telegram,
)
from gateway.p1.checksum import checksum
from gateway.p1.framer import MAX_FRAME
from tests.p1.encrypted import KEY, sealed

WITH_CHECKSUM, WITH_TAG, WITHOUT_KEY, TWICE = 1, 2, 4, 8
IN_PIECES = 16  # the four bits above: how many bytes a read brings

_NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
_MOST_HELD = MAX_FRAME + 2048


def check(given: bytes) -> None:
    """Raises AssertionError, or whatever the gateway should not have raised."""
    if not given:
        return
    how, stream = given[0], given[1:]
    if how & WITH_CHECKSUM:
        stream = b"/" + stream + b"!"
        stream += b"%04X\r\n" % checksum(stream)
    if how & WITH_TAG:
        stream = sealed(stream, counter=1)
    if how & TWICE:
        stream += stream
    key = None if how & WITHOUT_KEY else KEY
    size = 3 + 9 * (how // IN_PIECES)

    found, rest = _fed([stream], key)
    assert _fed([stream[i : i + size] for i in range(0, len(stream), size)], key) == (found, rest)
    decoder = Decoder()
    for frame in found:
        if isinstance(frame, Frame):
            _check_reading(frame, decoder)


def _fed(chunks: list[bytes], key: MeterKey | None) -> tuple[list[Frame | str], tuple[int, str]]:
    framer = Framer(Decryptor(key))
    found: list[Frame | str] = []
    for chunk in chunks:
        for one in framer.feed(chunk):
            assert isinstance(one, Frame | TelegramError)
            found.append(one if isinstance(one, Frame) else repr(one))
            assert framer.held <= _MOST_HELD
        assert framer.held <= _MOST_HELD
    unfinished = framer.cut()
    assert framer.held == 0
    return found, (framer.noise, repr(unfinished))


def _check_reading(frame: Frame, decoder: Decoder) -> None:
    try:
        reading = decode(frame, _NOW)
    except MalformedTelegram:
        return
    assert decoder.decode(frame, _NOW) == reading, "the plan of another telegram reads something else"
    assert decoder.decode(frame, _NOW) == reading, "its own plan reads something else"

    sent = telegram.parse(frame)
    # Not cut anew: what was encrypted may hold what ends a plain telegram.
    again = telegram.parse(Frame(telegram.serialize(sent)[: -len(b"FFFF\r\n")]))
    assert (again.header, again.lines) == (sent.header, sent.lines)
