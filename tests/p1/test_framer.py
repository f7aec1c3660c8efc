"""Frames out of bytes: any chunking, any noise, any damage."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import (
    ChecksumMismatch,
    ChecksumMissing,
    MalformedTelegram,
    TelegramCut,
    TelegramError,
    TelegramTooLong,
)
from gateway.p1 import Frame, Framer, decode
from gateway.p1.framer import MAX_FRAME, checksum
from gateway.p1.telegram import Telegram, serialize
from gateway.simulator import Household, SimulatedMeter

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
REAL = SimulatedMeter(Household(1), NOW).bytes_at(NOW)
SHORT = serialize(Telegram("XYZ5\\TEST", (("1-0:1.7.0", "(00.500*kW)"),)))
OLD = b"/ABC3\\OLD\r\n\r\n1-0:1.7.0(0000.98*kW)\r\n!\r\n"

# What a port may deliver: telegrams, parts of them, damage, noise, and the marks that confuse.
PIECES = st.lists(
    st.one_of(
        st.sampled_from([REAL, SHORT, OLD, b"/", b"!", b"\r\n", b"/XYZ5", b"!0000\r\n", b"\xff", b"\x00"]),
        st.builds(lambda cut: REAL[:cut], st.integers(1, len(REAL))),
        st.builds(lambda cut: SHORT[cut:], st.integers(1, len(SHORT))),
        st.binary(max_size=40),
        st.integers(0, 3 * MAX_FRAME).map(lambda n: b"/XYZ5" + b"x" * n),
    ),
    max_size=8,
).map(b"".join)


def outcome(stream: bytes, *cuts: int) -> tuple[list[Frame | str], int, str]:
    """Frames and errors of a stream fed in chunks, the noise, and what the line's end says."""
    framer = Framer()
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    found: list[Frame | str] = []
    for start, end in pairwise(edges):
        fed = framer.feed(stream[start:end])
        found += [one if isinstance(one, Frame) else repr(one) for one in fed]
    return found, framer.noise, repr(framer.cut())


def kinds(stream: bytes) -> list[type]:
    return [type(found) for found in Framer().feed(stream)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"123456789", 0xBB3D),
        (b"/XYZ5\\SIM-A\r\n\r\n1-3:0.2.8(50)\r\n!", 0x134C),
        (b"/XYZ5\\SIM-A\r\n\r\n1-3:0.2.8(50)\r\n0-0:96.13.0(40)\r\n!", 0x06B8),
    ],
)
def test_the_checksum_is_that_of_the_standard(text: bytes, expected: int) -> None:
    assert checksum(text) == expected


@pytest.mark.parametrize("digits", [b"06B8", b"6B8", b"6b8", b"06b8"])
def test_a_checksum_may_lack_its_zero_and_be_in_small_letters(digits: bytes) -> None:
    body = b"/XYZ5\\SIM-A\r\n\r\n1-3:0.2.8(50)\r\n0-0:96.13.0(40)\r\n!"
    assert list(Framer().feed(body + digits + b"\r\n")) == [Frame(body)]


@settings(deadline=None)
@given(PIECES, st.lists(st.integers(0, 60_000), max_size=30))
def test_any_chunking_gives_the_same_frames_and_errors(stream: bytes, cuts: list[int]) -> None:
    assert outcome(stream, *cuts) == outcome(stream)


@settings(max_examples=30, deadline=None)
@given(PIECES)
def test_byte_by_byte_gives_the_same_frames_and_errors(stream: bytes) -> None:
    assert outcome(stream, *range(len(stream))) == outcome(stream)


@settings(deadline=None)
@given(PIECES | st.binary(max_size=300).map(lambda noise: b"/ABC" + noise + b"!\r\n"))
def test_no_bytes_raise_and_little_more_than_the_cap_is_held(stream: bytes) -> None:
    framer = Framer()
    for found in framer.feed(stream):
        assert framer.held <= MAX_FRAME + 2048
        if isinstance(found, Frame):
            try:
                decode(found, NOW)
            except MalformedTelegram:
                continue
        else:
            assert isinstance(found, TelegramError)
    assert framer.held <= MAX_FRAME + 2048


def test_an_endless_line_without_an_end_is_dropped_in_pieces() -> None:
    framer = Framer()
    for _ in range(100):
        for found in framer.feed(b"/XYZ5" + b"7" * 5000):
            assert isinstance(found, TelegramTooLong | TelegramCut)
        assert framer.held <= MAX_FRAME + 2048


@given(st.integers(0, len(REAL) * 8 - 1))
def test_a_flipped_bit_never_gives_a_frame(bit: int) -> None:
    damaged = bytearray(REAL)
    damaged[bit // 8] ^= 1 << bit % 8
    # The case of the checksum's digits carries no meaning; nor does the line end after them.
    assert bytes(damaged).upper() == REAL or not any(
        isinstance(found, Frame) and found.body + REAL[-6:] != REAL for found in Framer().feed(bytes(damaged))
    )


def test_a_flipped_bit_is_told_as_a_checksum_mismatch() -> None:
    assert kinds(SHORT.replace(b"500", b"501")) == [ChecksumMismatch]


def test_a_cut_telegram_is_told_and_the_next_is_read() -> None:
    assert kinds(REAL[:300] + b"\r\n" + REAL) == [TelegramCut, Frame]


def test_a_cut_without_a_line_end_costs_one_telegram() -> None:
    """The beginning of the second stands in the middle of a line of the first."""
    assert kinds(SHORT[:30] + REAL + REAL) == [TelegramCut, Frame, Frame]


def test_a_telegram_that_is_too_long_is_dropped_and_the_next_is_read() -> None:
    long = b"/XYZ5\r\n\r\n0-0:96.13.0(" + b"41" * MAX_FRAME + b")\r\n!0000\r\n"
    found = kinds(long + REAL)
    assert found[0] is TelegramTooLong
    assert found[-1] is Frame


@pytest.mark.parametrize("noise", [b"/abc", b"/ABC garbage ", b"\x00\xff/", b"...!1234\r\n", b"/////"])
def test_noise_before_a_telegram_costs_nothing(noise: bytes) -> None:
    found = list(Framer().feed(noise + REAL))
    assert found[-1] == Frame(REAL[:-6])


def test_noise_is_counted_and_line_ends_are_not() -> None:
    framer = Framer()
    assert len(list(framer.feed(b"12345" + REAL + b"\x00\xff\r\n" + REAL))) == 2
    assert framer.noise == 5


@pytest.mark.parametrize("version", [b"1-3:0.2.8(50)", b"0-0:96.1.4(50217)"])
def test_a_dsmr_5_telegram_without_its_checksum_is_rejected(version: bytes) -> None:
    assert kinds(b"/XYZ5\\A\r\n\r\n" + version + b"\r\n!\r\n") == [ChecksumMissing]


def test_a_dsmr_3_telegram_needs_no_checksum() -> None:
    assert list(Framer().feed(OLD)) == [Frame(OLD[:-2])]


def test_a_slash_inside_a_message_is_no_beginning() -> None:
    sent = serialize(Telegram("XYZ5\\A", (("0-0:96.13.0", "(see /abc)"), ("1-0:1.7.0", "(00.500*kW)"))))
    assert kinds(sent) == [Frame]


def test_the_end_of_the_line_tells_what_was_under_way() -> None:
    framer = Framer()
    assert list(framer.feed(REAL + REAL[:100])) == [Frame(REAL[:-6])]
    assert isinstance(framer.cut(), TelegramCut)
    assert framer.held == 0
    assert framer.cut() is None
    assert list(framer.feed(REAL)) == [Frame(REAL[:-6])]
