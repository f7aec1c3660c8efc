# ruff: noqa: T201 - printing is what it is for
"""Bytes to readings: beside the peers, encrypted beside plain, and the delay from the wire on."""

from __future__ import annotations

import os
import statistics
import threading
import time
import tty
from collections.abc import Callable

from dsmr_parser import telegram_specifications
from dsmr_parser.parsers import TelegramParser
from smeterd.meter import P1Packet

from gateway.clock import utc_now
from gateway.meter import frames, open_source
from gateway.p1 import Decoder, Frame, Framer
from gateway.p1.cipher import Decryptor, MeterKey, encrypt

ROUNDS = 9
WIRED = 300
AT_ONCE = 64
KEY = MeterKey.parse("000102030405060708090A0B0C0D0E0F")
TITLE = b"XYZ\0\0\0\0\1"


def decoding(telegrams: list[bytes]) -> None:
    """Bytes to typed readings, checksum verified, against the peers on the same telegrams."""
    texts = [telegram.decode("ascii") for telegram in telegrams]
    parser = TelegramParser(telegram_specifications.V5)

    def dsmr_parser() -> None:
        for text in texts:
            parser.parse(text)

    def smeterd() -> None:
        for telegram in telegrams:
            P1Packet(telegram)

    ours, peers = _rounds(lambda: _decode(telegrams), dsmr_parser, smeterd)
    count = len(telegrams)
    print(f"decode: {_median_us(ours, count):.1f} µs a telegram (medians of {ROUNDS} rounds, all in turn)")
    for name, theirs in zip(("dsmr-parser 1.11", "smeterd 2.9"), peers, strict=True):
        print(f"  {name}: {_median_us(theirs, count):.1f} µs, {_ratio(theirs, ours):.1f} times as long")
    share = statistics.median(ours) / count * 100
    print(f"  at one telegram a second: {share:.4f} % of a core")


def decrypting(telegrams: list[bytes]) -> None:
    """The same telegrams encrypted: decrypted, tag and checksum verified, decoded."""
    encrypted = [bytes(encrypt(text, KEY, TITLE, number)) for number, text in enumerate(telegrams, 1)]
    plain, (sealed,) = _rounds(lambda: _decode(telegrams), lambda: _decode(encrypted, Decryptor(KEY)))
    print(
        f"decrypt and decode: {_median_us(sealed, len(telegrams)):.1f} µs a telegram,"
        f" {_ratio(sealed, plain):.2f} times a plain one"
    )


def wire_to_reading(telegrams: list[bytes]) -> None:
    """From the last byte written to a pty to the reading, through pyserial."""
    near, far = os.openpty()
    tty.setraw(far)
    written: list[float] = []
    read: list[float] = []
    turn = threading.Semaphore(0)

    def meter() -> None:
        for telegram in telegrams[:WIRED]:
            for first in range(0, len(telegram), AT_ONCE):  # as the driver of a cable hands them on
                time.sleep(AT_ONCE / 11_520)
                os.write(near, telegram[first : first + AT_ONCE])
            written.append(time.monotonic())
            turn.acquire()

    sending = threading.Thread(target=meter)
    decoder = Decoder()
    found = frames(
        lambda: open_source(os.ttyname(far), "115200 8N1"), Framer(), lambda _: False, lambda _: None
    )
    next(found)
    sending.start()
    for frame in found:
        if frame is not None:
            decoder.decode(frame, utc_now())
            read.append(time.monotonic())
            turn.release()
            if len(read) == len(telegrams[:WIRED]):
                break
    sending.join()
    os.close(near)
    os.close(far)
    delays = sorted((end - begin) * 1e3 for begin, end in zip(written, read, strict=True))
    middle, late = statistics.median(delays), delays[int(len(delays) * 0.99)]
    print(f"wire to reading: p50 {middle:.2f} ms, p99 {late:.2f} ms after the last byte, of {len(delays)}")


def _decode(telegrams: list[bytes], decryptor: Decryptor | None = None) -> None:
    framer, decoder, now = Framer(decryptor), Decoder(), utc_now()
    read = 0
    for telegram in telegrams:
        for frame in framer.feed(telegram):
            assert isinstance(frame, Frame)
            decoder.decode(frame, now)
            read += 1
    assert read == len(telegrams)


def _rounds(ours: Callable[[], None], *peers: Callable[[], None]) -> tuple[list[float], list[list[float]]]:
    """Seconds of CPU of each, a round of one after a round of the other."""
    works = (ours, *peers)
    spent: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for work, times in zip(works, spent, strict=True):
            began = time.process_time()
            work()
            times.append(time.process_time() - began)
    return spent[0], spent[1:]


def _median_us(seconds: list[float], count: int) -> float:
    return statistics.median(seconds) / count * 1e6


def _ratio(theirs: list[float], ours: list[float]) -> float:
    return statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
