"""Frames out of bytes: any chunking, any noise, any damage."""

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
from gateway.p1 import (
    Decryptor,
    Frame,
    Framer,
    MeterKey,
    decode,
)
from gateway.p1.checksum import checksum
from gateway.p1.framer import MAX_FRAME
from gateway.p1.telegram import Telegram, serialize
from tests.p1.encrypted import KEY, VECTOR
from tests.p1.streams import ENDLESS, KEYS, NOW, OLD, PIECES, REAL, SHORT, flipped, found_in, kinds, outcome


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
@given(PIECES, st.lists(st.integers(0, 60_000), max_size=30), KEYS)
def test_any_chunking_gives_the_same_frames_and_errors(
    stream: bytes, cuts: list[int], key: MeterKey | None
) -> None:
    assert outcome(stream, *cuts, key=key) == outcome(stream, key=key)


@settings(deadline=None)
@given(PIECES, PIECES)
def test_a_telegram_in_one_piece_is_read_as_one_in_pieces(before: bytes, after: bytes) -> None:
    """Telegrams that come whole, one a read, take a shorter way."""
    edges = [len(before), len(before + REAL), len(before + REAL + REAL), len(before + REAL + REAL + SHORT)]
    stream = before + REAL + REAL + SHORT + after
    assert outcome(stream, *edges) == outcome(stream, *range(0, len(stream), 7))


@settings(max_examples=30, deadline=None)
@given(PIECES)
def test_byte_by_byte_gives_the_same_frames_and_errors(stream: bytes) -> None:
    assert outcome(stream, *range(len(stream))) == outcome(stream)


@settings(deadline=None)
@given(PIECES | st.binary(max_size=300).map(lambda noise: b"/ABC" + noise + b"!\r\n"))
def test_no_bytes_raise_and_little_more_than_the_cap_is_held(stream: bytes) -> None:
    framer = Framer(Decryptor(KEY))
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
    # The case of the checksum's digits carries no meaning; nor does the line end after them.
    frames = [found for found in found_in(flipped(REAL, bit)) if isinstance(found, Frame)]
    assert frames in ([], [Frame(REAL[:-6])])
    assert not frames or bit >= (len(REAL) - 6) * 8


@given(st.integers(0, len(VECTOR) * 8 - 1))
def test_a_flipped_bit_never_gives_a_frame_of_an_encrypted_telegram(bit: int) -> None:
    """There is no bit in it that the tag does not cover."""
    assert not any(isinstance(found, Frame) for found in found_in(flipped(VECTOR, bit) + bytes(MAX_FRAME)))


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


@pytest.mark.parametrize(
    "line",
    [
        b"/abc",
        b"0-0:96.13.0(" + b"4" * MAX_FRAME + b")",
        b"0-0:96.13.0(\xdb)",
        b"0-0:96.13.0(!FFFF)",
        b"\xdb\x08",
    ],
    ids=["beginning", "too long", "beyond ASCII", "end", "encrypted"],
)
def test_an_odd_telegram_in_one_piece_is_read_as_one_in_pieces(line: bytes) -> None:
    body = b"/XYZ5\\A\r\n\r\n" + line + b"\r\n1-0:1.7.0(00.500*kW)\r\n!"
    sent = body + b"%04X\r\n" % checksum(body)
    assert outcome(sent) == outcome(sent, *range(len(sent)))


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


@pytest.mark.parametrize("byte", [b"\x07", b"\xe7", b"\x00"])
def test_what_only_begins_and_ends_like_a_telegram_is_rejected(byte: bytes) -> None:
    assert kinds(OLD.replace(b"OLD", b"O" + byte)) == [MalformedTelegram]
    assert kinds(b"/ABC" + byte + b"!\r\n") == [MalformedTelegram]


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


# --- what meters really send --------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        b"/ADN9 6534",
        b"/KAM5",
        b"/NWA-WARMTELINK",
        b"/Ene5\\T210-D ESMR5.0",
        b"/KMP5 ZABF001587315111",
        b"/ISk5\\2MT382-1000",
    ],
)
@pytest.mark.parametrize("blank", [b"\r\n\r\n", b"\r\n"])
def test_a_header_is_whatever_the_maker_likes(header: bytes, blank: bytes) -> None:
    body = header + blank + b"1-0:1.7.0(00.500*kW)\r\n!"
    assert kinds(body + b"%04X\r\n" % checksum(body)) == [Frame]


@pytest.mark.parametrize("padding", [b"\x00", b"\xff", b"\x00\x00\xff", b"\r\n\x00"])
def test_padding_around_telegrams_is_neither_noise_nor_a_fault(padding: bytes) -> None:
    framer = Framer()
    frame = Frame(REAL[:-6])
    assert list(framer.feed(padding + REAL + padding + REAL[:-2] + padding + REAL)) == [frame] * 3
    assert framer.noise == 0


def test_a_reading_that_starts_within_a_telegram_costs_only_that_one() -> None:
    assert kinds(REAL[400:] + REAL) == [Frame]


def test_the_end_may_stand_right_behind_the_last_value() -> None:
    body = b"/ADN9 6534\r\n\r\n0-0:1.0.0(261123120000W)\r\n1-0:71.7.0(123.1*A)!"
    assert found_in(body + b"%04X" % checksum(body)) == [Frame(body)]


def test_a_full_checksum_needs_no_line_end() -> None:
    assert found_in(REAL[:-2]) == [Frame(REAL[:-6])]


def test_a_short_checksum_waits_for_what_follows_it() -> None:
    body = b"/XYZ5\\SIM-A\r\n\r\n1-3:0.2.8(50)\r\n0-0:96.13.0(40)\r\n!"
    framer = Framer()
    assert list(framer.feed(body + b"6B8")) == []
    assert list(framer.feed(b"\r")) == [Frame(body)]


@pytest.mark.parametrize("text", [b"\xb0\xb3\xff\xff", b"\xdb", VECTOR, b"\xdb\x08" * 9, b"\n\xdb\x08"])
def test_bytes_above_ascii_do_not_matter_where_the_checksum_is_right(text: bytes) -> None:
    text = text.replace(b"!", b"")
    body = b"/XYZ5\\A\r\n\r\n1-3:0.2.8(50)\r\n0-0:96.13.0(" + text + b")\r\n!"
    assert found_in(body + b"%04X\r\n" % checksum(body)) == [Frame(body)]


@pytest.mark.parametrize("first", [b"\x7e\xa0\x79", b"\x68\x68", b"\x7e"])
def test_other_protocols_are_noise(first: bytes) -> None:
    framer = Framer(Decryptor(KEY))
    assert list(framer.feed(first + bytes(range(1, 33)) * 50)) == []
    assert framer.noise > 1000
    assert framer.held < 20


@pytest.mark.parametrize("line", [b"0-0:1.0.0(261123120000W)", b"0-0:1.0.0.255(261123120000W)"])
def test_a_telegram_with_its_time_must_have_a_checksum(line: bytes) -> None:
    assert kinds(b"/XYZ5\\A\r\n\r\n" + line + b"\r\n!\r\n") == [ChecksumMissing]


def test_two_halves_without_a_checksum_do_not_pass_as_one() -> None:
    other = OLD.replace(b"0.98", b"7.77")
    assert found_in(OLD[:25] + other)[1:] == [Frame(other[:-2])]


# --- meters that send no end ------------------------------------------------------------------


def test_a_meter_without_ends_is_read_from_the_second_telegram_on() -> None:
    found = found_in(ENDLESS * 4)
    assert [type(one) for one in found] == [TelegramCut, Frame, Frame]
    assert found[1] == Frame(ENDLESS)


@pytest.mark.parametrize(
    "second",
    [
        ENDLESS.replace(b"OLD", b"NEW"),
        ENDLESS + b"1-0:2.7.0(0000.00*kW)\r\n",
        ENDLESS + b"(00123.456)\r\n",
        ENDLESS[:-2],
        ENDLESS[:-2] + b"\x00",
        ENDLESS[:-3] + b"\r\n",
        OLD,
        OLD + ENDLESS,
        REAL + ENDLESS,
    ],
    ids=[
        "header",
        "one code more",
        "one value more",
        "no line end",
        "padding",
        "half a line",
        "end",
        "end between",
        "other",
    ],
)
def test_a_telegram_without_an_end_needs_its_like_before_it(second: bytes) -> None:
    found = found_in(ENDLESS + second + ENDLESS)
    assert Frame(ENDLESS) not in found
    assert Frame(second) not in found
    assert isinstance(found[0], TelegramCut)


def test_a_telegram_in_one_piece_between_two_without_ends_makes_them_start_over() -> None:
    framer = Framer()
    assert [type(found) for found in framer.feed(ENDLESS + b"/ABC\xdb ")] == [TelegramCut]
    assert framer.held == 0
    assert list(framer.feed(REAL)) == [Frame(REAL[:-6])]
    assert [type(found) for found in framer.feed(ENDLESS * 2)] == [TelegramCut]


def test_a_cut_dsmr_5_telegram_never_passes_as_one_without_an_end() -> None:
    cut_at_a_line = REAL[: REAL.index(b"1-0:2.8.1")]
    assert kinds(cut_at_a_line * 4) == [TelegramCut] * 3


def test_a_lost_line_makes_a_meter_without_ends_start_over() -> None:
    framer = Framer()
    assert [type(found) for found in framer.feed(ENDLESS * 2)] == [TelegramCut]
    assert isinstance(framer.cut(), TelegramCut)
    assert [type(found) for found in framer.feed(ENDLESS * 2)] == [TelegramCut]
