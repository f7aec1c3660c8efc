"""Encrypted telegrams: opened with the right keys and the right tag, told apart otherwise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import (
    AuthenticationKeyWrong,
    EncryptedTelegramDamaged,
    EncryptedWithoutKey,
    EncryptionKeyWrong,
    FrameReplayed,
    MalformedTelegram,
    MeterKeyUnusable,
    SecurityUnsupported,
    TelegramError,
)
from gateway.p1 import (
    Decryptor,
    EncryptedFrame,
    MeterKey,
    encrypt,
)
from gateway.p1.checksum import checksum
from gateway.p1.telegram import Telegram, serialize
from tests.p1.encrypted import KEY, TITLE, VECTOR, sealed

TEXT = serialize(Telegram("XYZ5\\TEST", (("1-0:1.7.0", "(00.500*kW)"),)))
ENCRYPTION = "000102030405060708090A0B0C0D0E0F"
AUTHENTICATION = "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF"

FRAMES = st.builds(
    EncryptedFrame,
    system_title=st.binary(min_size=8, max_size=8),
    security=st.integers(0x10, 0x3F),
    counter=st.integers(0, 2**32 - 1),
    # Around the lengths where the length itself takes another byte.
    ciphertext=st.one_of(
        st.binary(min_size=1, max_size=300),
        st.sampled_from([110, 111, 238, 239, 8174]).map(lambda size: b"\xdb" * size),
    ),
    tag=st.binary(min_size=12, max_size=12),
)


def refusal(decryptor: Decryptor, raw: bytes) -> TelegramError:
    with pytest.raises(TelegramError) as caught:
        decryptor.open(EncryptedFrame.parse(raw))
    return caught.value


def flipped(raw: bytes, bit: int) -> bytes:
    damaged = bytearray(raw)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def test_the_published_vector_opens_to_its_telegram() -> None:
    text = Decryptor(KEY).open(EncryptedFrame.parse(VECTOR))
    assert len(VECTOR) == 309
    assert len(text) == 279
    assert text.startswith(b"/XYZ5\\SIM-LU\r\n")
    assert b"1-0:1.8.0(000123.456*kWh)\r\n" in text
    assert text.rstrip().endswith(b"!9268")
    assert checksum(text[: text.index(b"!") + 1]) == 0x9268


def test_what_the_simulator_seals_is_what_a_meter_sends() -> None:
    text = Decryptor(KEY).open(EncryptedFrame.parse(VECTOR))
    assert sealed(text, counter=1) == VECTOR


@given(FRAMES)
def test_a_frame_survives_being_written_and_read(frame: EncryptedFrame) -> None:
    assert EncryptedFrame.parse(bytes(frame)) == frame


def test_the_length_takes_one_two_or_three_bytes() -> None:
    def length(ciphertext: int) -> bytes:
        return bytes(EncryptedFrame(TITLE, 0x30, 1, bytes(ciphertext), bytes(12)))[10:13]

    assert length(110).startswith(b"\x7f\x30")
    assert length(111).startswith(b"\x81\x80\x30")
    assert length(238).startswith(b"\x81\xff\x30")
    assert length(239) == b"\x82\x01\x00"


def test_a_meter_may_spend_more_bytes_on_the_length_than_it_needs() -> None:
    short = sealed(TEXT[:20], 1)
    long = short[:10] + b"\x82\x00" + short[10:]
    assert EncryptedFrame.parse(long) == EncryptedFrame.parse(short)


@pytest.mark.parametrize("raw", [b"", VECTOR[:-1], VECTOR + b"\r", b"/" + VECTOR, TEXT])
def test_anything_but_one_whole_frame_is_no_frame(raw: bytes) -> None:
    with pytest.raises(MalformedTelegram):
        EncryptedFrame.parse(raw)


@given(st.binary(min_size=1, max_size=2000), st.integers(0, 2**32 - 1))
def test_what_is_encrypted_opens_with_the_same_keys(text: bytes, counter: int) -> None:
    key = MeterKey.parse(ENCRYPTION, AUTHENTICATION)
    assert Decryptor(key).open(encrypt(text, key, TITLE, counter)) == text


def test_without_a_key_the_owner_is_told_that_one_is_needed() -> None:
    told = refusal(Decryptor(None), VECTOR)
    assert isinstance(told, EncryptedWithoutKey)
    assert "configuration" in str(told)


def test_a_wrong_authentication_key_is_told() -> None:
    half_right = Decryptor(MeterKey.parse(ENCRYPTION, AUTHENTICATION))
    assert isinstance(refusal(half_right, VECTOR), AuthenticationKeyWrong)


def test_a_wrong_encryption_key_is_told() -> None:
    assert isinstance(refusal(Decryptor(MeterKey.parse("FF" * 16)), VECTOR), EncryptionKeyWrong)


@given(st.integers(18 * 8 + 4 * 8, len(VECTOR) * 8 - 1))
def test_damage_is_told_apart_from_a_wrong_key(bit: int) -> None:
    """The telegram's first four characters show that the key fits."""
    told = refusal(Decryptor(KEY), flipped(VECTOR, bit))
    # Where only the tag was hit, the telegram is whole, and the two cannot be told apart.
    if bit >= (len(VECTOR) - 12) * 8:
        assert isinstance(told, AuthenticationKeyWrong)
    else:
        assert isinstance(told, EncryptedTelegramDamaged)


@pytest.mark.parametrize(
    ("bit", "first"), [(17 * 8, EncryptionKeyWrong), (len(VECTOR) * 8 - 1, AuthenticationKeyWrong)]
)
def test_of_a_meter_that_was_read_before_no_key_is_suspected(bit: int, first: type) -> None:
    """A damaged counter or tag looks as a wrong key does."""
    decryptor = Decryptor(KEY)
    assert isinstance(refusal(decryptor, flipped(VECTOR, bit)), first)
    decryptor.open(EncryptedFrame.parse(VECTOR))
    assert isinstance(refusal(decryptor, flipped(VECTOR, bit)), EncryptedTelegramDamaged)


@given(st.integers(0, len(VECTOR) * 8 - 1))
def test_no_flipped_bit_ever_opens(bit: int) -> None:
    damaged = flipped(VECTOR, bit)
    with pytest.raises(TelegramError):
        Decryptor(KEY).open(EncryptedFrame.parse(damaged))


@pytest.mark.parametrize("control", [0x10, 0x20, 0x31, 0x32, 0x11])
@pytest.mark.parametrize("key", [KEY, None])
def test_another_protection_is_named_as_unsupported(control: int, key: MeterKey | None) -> None:
    told = refusal(Decryptor(key), VECTOR[:13] + bytes([control]) + VECTOR[14:])
    assert isinstance(told, SecurityUnsupported)
    assert f"{control:02X}" in str(told)


@pytest.mark.parametrize("counter", [6, 7])
def test_a_telegram_that_was_sent_before_is_refused(counter: int) -> None:
    decryptor = Decryptor(KEY)
    decryptor.open(EncryptedFrame.parse(sealed(TEXT, 7)))
    told = refusal(decryptor, sealed(TEXT, counter))
    assert isinstance(told, FrameReplayed)
    assert "restart" in str(told)
    assert decryptor.open(EncryptedFrame.parse(sealed(TEXT, 8))) == TEXT


def test_a_made_up_counter_locks_no_meter_out() -> None:
    decryptor = Decryptor(KEY)
    other = MeterKey.parse("FF" * 16)
    refusal(decryptor, sealed(TEXT, 2**32 - 1, other))
    assert decryptor.open(EncryptedFrame.parse(sealed(TEXT, 1))) == TEXT


def test_each_meter_counts_by_itself_and_only_the_last_eight_are_remembered() -> None:
    decryptor = Decryptor(KEY)
    for meter in range(9):
        decryptor.open(EncryptedFrame.parse(sealed(TEXT, 5, title=b"SIM%05d" % meter)))
    for meter in range(8, 0, -1):
        assert isinstance(refusal(decryptor, sealed(TEXT, 5, title=b"SIM%05d" % meter)), FrameReplayed)
    assert decryptor.open(EncryptedFrame.parse(sealed(TEXT, 5, title=b"SIM00000"))) == TEXT


def test_a_meter_that_keeps_sending_is_not_forgotten() -> None:
    decryptor = Decryptor(KEY)
    for meter in range(20):
        decryptor.open(EncryptedFrame.parse(sealed(TEXT, meter + 1)))
        decryptor.open(EncryptedFrame.parse(sealed(TEXT, 5, title=b"SIM%05d" % meter)))
        assert isinstance(refusal(decryptor, sealed(TEXT, 1)), FrameReplayed)


def test_keys_are_read_however_they_are_written() -> None:
    spaced = MeterKey.parse("00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f ", AUTHENTICATION.lower())
    assert spaced == MeterKey(bytes(range(16)), bytes(range(0xD0, 0xE0)))
    assert MeterKey.parse(ENCRYPTION, "30" + AUTHENTICATION) == spaced


def test_without_an_authentication_key_it_is_luxembourgs() -> None:
    assert MeterKey.parse(ENCRYPTION, " ").authentication.hex() == "00112233445566778899aabbccddeeff"


@pytest.mark.parametrize(
    ("encryption", "authentication", "which"),
    [
        ("", "", "encryption"),
        (ENCRYPTION[:-1], "", "encryption"),
        (ENCRYPTION + "00", "", "encryption"),
        ("30" + ENCRYPTION, "", "encryption"),
        (ENCRYPTION[:-1] + "G", "", "encryption"),
        (ENCRYPTION[:-1] + "٣", "", "encryption"),
        (ENCRYPTION, "31" + AUTHENTICATION, "authentication"),
        (ENCRYPTION, AUTHENTICATION[:-2], "authentication"),
        (ENCRYPTION, AUTHENTICATION[:-2] + "0x", "authentication"),
    ],
)
def test_an_unusable_key_is_told_without_its_digits(encryption: str, authentication: str, which: str) -> None:
    with pytest.raises(MeterKeyUnusable) as caught:
        MeterKey.parse(encryption, authentication)
    told = str(caught.value)
    assert which in told
    assert ENCRYPTION[:8] not in told
    assert AUTHENTICATION[:8] not in told


def test_keys_do_not_show_when_they_are_printed() -> None:
    assert repr(KEY) == "MeterKey()"
    assert "0102" not in str(KEY)
