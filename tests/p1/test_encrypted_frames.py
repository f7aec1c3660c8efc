"""Encrypted frames in a stream: found among plain ones, noise and damage, and lost one at a time."""

import re

import pytest

from gateway.errors import (
    ChecksumMismatch,
    ChecksumMissing,
    EncryptedTelegramDamaged,
    EncryptedWithoutKey,
    FrameReplayed,
    MalformedTelegram,
    SecurityUnsupported,
    TelegramCut,
    TelegramError,
)
from gateway.p1 import Decryptor, Frame, Framer
from gateway.p1.checksum import checksum
from gateway.p1.framer import MAX_FRAME
from tests.p1.encrypted import KEY, VECTOR, sealed
from tests.p1.streams import OLD, REAL, SEALED, flipped, found_in, kinds

SEALED_FRAME = Frame(REAL[:-6], encrypted=True)


def test_encrypted_and_plain_telegrams_may_alternate() -> None:
    plain = Frame(REAL[:-6])
    stream = REAL + SEALED[0] + b"\r\n" + SEALED[1] + REAL + b"noise" + SEALED[2] + REAL
    assert found_in(stream) == [plain, SEALED_FRAME, SEALED_FRAME, plain, SEALED_FRAME, plain]


@pytest.mark.parametrize("end", [b"", b"\r", b"\r\n", b"\r\n\r\n"])
def test_the_line_end_within_an_encrypted_telegram_does_not_matter(end: bytes) -> None:
    assert found_in(sealed(REAL[:-2] + end, 1)) == [SEALED_FRAME]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (REAL.replace(b"(50)", b"(42)"), ChecksumMismatch),
        (REAL[:-6] + b"\r\n", ChecksumMissing),
        (OLD, ChecksumMissing),
        (REAL[:-7], MalformedTelegram),
        (b"\r\n" + REAL, MalformedTelegram),
        (REAL + b"x", MalformedTelegram),
        (b"x", MalformedTelegram),
    ],
)
def test_what_was_encrypted_must_be_one_whole_telegram(text: bytes, told: type) -> None:
    assert kinds(sealed(text, 1) + SEALED[0]) == [told, Frame]


def test_a_beginning_by_chance_within_an_encrypted_telegram_disturbs_nothing() -> None:
    """Counters are tried until three letters behind a "/" stand in the ciphertext."""
    by_chance = (sealed(REAL, counter) for counter in range(10, 100_000))
    sent = next(one for one in by_chance if re.search(rb"/[A-Za-z]{3}", one[18:]))
    after = sealed(REAL, 200_000)
    assert found_in(sent + after) == [SEALED_FRAME] * 2
    begun = re.search(rb"/[A-Za-z]{3}", sent)
    assert begun is not None
    assert found_in(sent[begun.start() :].replace(b"\n", b"") + after) == [SEALED_FRAME]
    for key, kind in [(None, EncryptedWithoutKey), (KEY, EncryptedTelegramDamaged)]:
        damaged = flipped(sent, 20 * 8 + 160) if key else sent
        assert [type(found) for found in found_in(damaged + after, key)] == [kind, Frame if key else kind]


@pytest.mark.parametrize("lost", [1, 2, 9, 10, 11, 13, 14, 15, 100, 500])
def test_bytes_lost_from_an_encrypted_telegram_cost_only_that_one(lost: int) -> None:
    """Its length then reaches into the next one's beginning."""
    found = found_in(SEALED[0][:300] + SEALED[0][300 + lost :] + SEALED[1] + SEALED[2])
    assert [type(one) for one in found[1:]] == [Frame, Frame]
    assert isinstance(found[0], TelegramError)


@pytest.mark.parametrize("lost", [1, 3, 4, 12, 100, 500])
def test_bytes_lost_before_a_plain_telegram_cost_only_one(lost: int) -> None:
    found = found_in(SEALED[0][:-lost] + REAL + SEALED[1])
    assert isinstance(found[0], TelegramError)
    assert found[1:] == [Frame(REAL[:-6]), SEALED_FRAME]


def test_a_length_that_is_too_long_is_noticed_at_the_next_beginning() -> None:
    framer = Framer(Decryptor(KEY))
    long = SEALED[0][:11] + b"\x1f" + SEALED[0][12:]
    assert [type(found) for found in framer.feed(long + SEALED[1])] == [TelegramCut, Frame]
    assert framer.held == 0


@pytest.mark.parametrize("cut", [7, 30, 400])
def test_encrypted_telegrams_behind_a_cut_plain_one_are_found_at_last(cut: int) -> None:
    """Nothing in a plain telegram shows that encrypted ones follow, but that its end never comes."""
    stream = REAL[:cut] + b"".join(sealed(REAL, counter) for counter in range(1, 30))
    found = found_in(stream)
    assert found.count(SEALED_FRAME) == 29
    assert all(isinstance(one, TelegramError) for one in found if one != SEALED_FRAME)


def test_an_encrypted_telegram_within_one_that_is_too_long_is_found() -> None:
    begun = b"/XYZ5\r\n" + b"7" * (MAX_FRAME - 1000)
    assert found_in(begun + SEALED[0] + b"7" * 1000)[1:] == [SEALED_FRAME]


def test_an_encrypted_telegram_that_comes_again_is_refused() -> None:
    assert kinds(SEALED[1] + SEALED[1] + SEALED[0] + SEALED[2]) == [
        Frame,
        FrameReplayed,
        FrameReplayed,
        Frame,
    ]


def test_another_protection_is_told_and_the_next_telegram_is_read() -> None:
    assert kinds(VECTOR[:13] + b"\x20" + VECTOR[14:] + SEALED[0]) == [SecurityUnsupported, Frame]


def test_without_a_key_each_encrypted_telegram_is_told() -> None:
    assert [type(found) for found in found_in(b"".join(SEALED) + REAL, None)] == [EncryptedWithoutKey] * 3 + [
        Frame
    ]
    assert [type(found) for found in Framer().feed(VECTOR)] == [EncryptedWithoutKey]


@pytest.mark.parametrize("held", [14, 100, len(VECTOR) - 1])
def test_an_unfinished_encrypted_telegram_is_told_at_the_end_of_the_line(held: int) -> None:
    framer = Framer(Decryptor(KEY))
    assert list(framer.feed(VECTOR[:held])) == []
    assert isinstance(framer.cut(), TelegramCut)
    assert framer.held == 0
    assert list(framer.feed(SEALED[0])) == [SEALED_FRAME]


@pytest.mark.parametrize("size", [MAX_FRAME - 31, MAX_FRAME - 19])
def test_the_longest_encrypted_telegram_is_read(size: int) -> None:
    body = b"/XYZ5\\A\r\n\r\n0-0:96.13.0("
    body += b"4" * (size - len(body) - 8) + b")\r\n!"
    text = body + b"%04X" % checksum(body)
    assert found_in(sealed(text, 1)) == [Frame(body, encrypted=True)]
