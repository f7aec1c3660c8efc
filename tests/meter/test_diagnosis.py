"""The diagnosis: each thing that can be wrong with what came, in words, and never a reading or a number."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.meter.diagnosis import Expected, is_enough, judge
from gateway.meter.findings import Finding, Grade
from gateway.meter.source import SourceKind
from gateway.p1 import MeterClock
from gateway.p1.checksum import checksum
from gateway.p1.cipher import MeterKey, encrypt
from gateway.p1.telegram import Telegram, serialize
from tests.pty_meter import nonsense

NOW = datetime(2026, 11, 3, 12, 0, 30, tzinfo=UTC)
KEY = MeterKey.parse("0F" * 16)
NUMBER = "E0047001234567890"
POWER = "01.193"


def plain(
    second: int = 0,
    time: str = "2611031300",
    version: str = "50",
    number: str = NUMBER,
    extra: tuple[tuple[str, str], ...] = (),
) -> bytes:
    lines = [
        ("1-3:0.2.8", f"({version})"),
        ("0-0:1.0.0", f"({time}{second:02}W)"),
        ("0-0:96.1.1", f"({number.encode().hex().upper()})"),
        ("1-0:1.8.1", "(002074.842*kWh)"),
        ("1-0:1.7.0", f"({POWER}*kW)"),
        *extra,
    ]
    return serialize(Telegram("XYZ5\\TEST", tuple(line for line in lines if line[1] != "()")))


def stream(count: int = 6, step: int = 1) -> bytes:
    return b"".join(plain(number * step) for number in range(count))


def sealed(count: int = 4, key: MeterKey = KEY) -> bytes:
    return b"".join(bytes(encrypt(plain(number), key, b"XYZ\0\0\0\0\1", number)) for number in range(count))


def altered(telegram: bytes) -> bytes:
    return telegram.replace(b"002074", b"0\xb22074")


def shortened(telegram: bytes) -> bytes:
    return telegram.replace(b"002074", b"0074")


HDLC = b"\x7e\xa0\x0a" + b"\x01\x02\x01\x10\x5a\x87\x34\x00" + b"\x7e"
M_BUS = (
    b"\x68\x05\x05\x68" + b"\x53\xff\x00\x01\x67" + bytes([(0x53 + 0xFF + 0x00 + 0x01 + 0x67) & 0xFF, 0x16])
)


def found(sample: bytes, expected: Expected | None = None, now: datetime = NOW) -> dict[str, Finding]:
    findings = judge(sample, expected or Expected(), now)
    said = " ".join(finding.sentence + finding.remedy for finding in findings)
    assert NUMBER not in said
    assert POWER not in said
    assert "1193" not in said
    assert "0f0f" not in said.lower()
    return {finding.subject: finding for finding in findings}


def wrong(sample: bytes, expected: Expected | None = None) -> dict[str, str]:
    """Only what is wrong: subject and sentence."""
    return {
        subject: finding.sentence
        for subject, finding in found(sample, expected).items()
        if finding.grade is Grade.WRONG
    }


def test_a_good_meter_is_described_and_nothing_is_wrong() -> None:
    gas = (
        ("0-1:24.1.0", "(003)"),
        ("0-1:96.1.0", f"({NUMBER.encode().hex()})"),
        ("0-1:24.2.1", "(261103130000W)(12785.123*m3)"),
    )
    findings = found(b"".join(plain(number * 10, extra=gas) for number in range(3)))
    assert not [finding for finding in findings.values() if finding.grade is not Grade.GOOD]
    assert findings["telegrams"].sentence == (
        "3 telegrams arrived well: from a meter of the Netherlands, DSMR 5.0, made by XYZ, "
        "one every 10 seconds."
    )
    assert findings["devices"].sentence.endswith(": gas.")


def test_a_sample_that_begins_and_ends_in_mid_telegram_is_not_called_damaged() -> None:
    assert not wrong(stream()[50:-50])


@pytest.mark.parametrize(
    ("sample", "expected", "subject", "sentence"),
    [
        (b"", None, "bytes", "Nothing comes from the meter."),
        (nonsense(500), None, "speed", "Bytes come, but they make no sense at this speed."),
        (b"login: \r\nPassword:" * 9, None, "telegrams", "Text comes, but no meter's telegram."),
        (HDLC * 3, None, "telegrams", "This meter speaks DLMS in HDLC frames, not P1."),
        (nonsense(40) + M_BUS, None, "telegrams", "This meter speaks DLMS over M-Bus, not P1."),
        (stream(1)[:150], None, "telegrams", "Telegrams begin, but none arrives whole."),
        (sealed(), None, "encryption", "The telegrams are encrypted, and no key is configured."),
        (
            sealed(),
            Expected(MeterKey.parse("0E" * 16)),
            "encryption",
            "The telegrams are encrypted, and the encryption key does not fit this meter.",
        ),
        (
            sealed(),
            Expected(MeterKey.parse("0F" * 16, "AA" * 16)),
            "encryption",
            "The encryption key fits this meter, but the authentication key does not.",
        ),
        (
            sealed(1) * 3,
            Expected(KEY),
            "encryption",
            "Encrypted telegrams come a second time: they are refused.",
        ),
        (
            plain(number=""),
            None,
            "number",
            "The meter does not send its number, so nothing is kept of its telegrams.",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_said_with_what_to_do(
    sample: bytes, expected: Expected | None, subject: str, sentence: str
) -> None:
    assert wrong(sample, expected) == {subject: sentence}
    assert found(sample, expected)[subject].remedy


def test_the_right_key_and_a_configured_number_make_all_well() -> None:
    assert not wrong(sealed(), Expected(KEY))
    assert found(sealed(), Expected(KEY))["encryption"].grade is Grade.GOOD
    assert not wrong(plain(number=""), Expected(number=NUMBER))
    assert found(stream(), Expected(KEY))["encryption"].grade is Grade.NOTE


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (altered, "bytes are altered on the way"),
        (lambda telegram: shortened(telegram).replace(b"kWh", b"k\xd7h"), "bytes are altered on the way"),
        (shortened, "bytes get lost on the way"),
    ],
)
def test_damage_is_counted_and_its_likely_cause_told(damage: object, cause: str) -> None:
    assert callable(damage)
    sample = stream(4) + damage(plain(5)) + plain(6) + damage(plain(7))
    assert wrong(sample) == {"damage": f"2 telegrams of 7 arrived damaged: it seems that {cause}."}


def test_bytes_altered_to_other_letters_are_told_by_the_length_they_left() -> None:
    assert "altered" in wrong(stream(3) + plain(4).replace(b"kWh", b"kWx"))["damage"]


def test_a_telegram_that_runs_into_the_next_lost_bytes() -> None:
    assert "get lost" in wrong(stream(3) + plain(4)[:-40] + stream(3))["damage"]


@pytest.mark.parametrize(
    ("now", "remedy"),
    [
        (NOW + timedelta(minutes=20), "set by the grid operator"),
        (NOW - timedelta(hours=1), "winter_time_only"),
    ],
)
def test_a_clock_that_differs_is_noted_and_whole_hours_point_to_the_configuration(
    now: datetime, remedy: str
) -> None:
    clock = found(stream(), now=now)["clock"]
    assert clock.grade is Grade.NOTE
    assert remedy in clock.remedy


def test_the_clock_of_a_recording_may_be_any() -> None:
    later = NOW + timedelta(days=100)
    assert {finding.grade for finding in judge(stream(), Expected(), later, SourceKind.FILE)} == {Grade.GOOD}


def test_an_unset_clock_is_noted() -> None:
    assert "not set" in found(plain(time="0001010000"))["clock"].sentence


def test_a_zone_east_of_here_is_taken_from_the_configuration() -> None:
    vilnius = Expected(clock=MeterClock(ZoneInfo("Europe/Vilnius")))
    assert found(plain(time="2611031400"), vilnius)["clock"].grade is Grade.GOOD


def test_lines_that_cannot_be_read_are_named_by_their_code_alone() -> None:
    lines = found(plain(extra=(("1-0:2.7.0", f"({NUMBER})"),)))["lines"]
    assert "1-0:2.7.0" in lines.sentence


@pytest.mark.parametrize(
    ("sample", "expected", "enough"),
    [
        (stream(5), Expected(), True),
        (stream(4), Expected(), False),
        (stream(5) + altered(plain()) + stream(5), Expected(), False),
        (nonsense(3000), Expected(), True),
        (nonsense(300), Expected(), False),
        (b"30" * 4000, Expected(), False),
        (HDLC, Expected(), True),
        (sealed(1), Expected(), False),
        (sealed(2), Expected(), True),
    ],
)
def test_listening_goes_on_until_more_would_change_nothing(
    sample: bytes, expected: Expected, enough: bool
) -> None:
    assert is_enough(sample, expected) is enough


@given(st.binary(max_size=600), st.integers(0, 600), st.binary(max_size=30))
def test_any_bytes_get_a_judgement(sample: bytes, at: int, inside: bytes) -> None:
    for sent in (sample, stream(3)[:at] + inside + stream(3)[at:]):
        assert judge(sent, Expected(KEY), NOW)


def test_much_nonsense_is_not_taken_for_another_language_nor_for_a_meter() -> None:
    for seed in range(8):
        assert list(wrong(random.Random(seed).randbytes(170_000))) == ["speed"]
    assert list(wrong(nonsense(99) + b"\n/Abc\x07\xe1\r\n\x90!\r\n" + nonsense(99))) == ["speed"]


@pytest.mark.parametrize("piece", [HDLC, M_BUS])
def test_nearly_another_language_is_not_taken_for_one(piece: bytes) -> None:
    broken = bytearray(piece)
    broken[-1] ^= 1
    assert "speed" in wrong(bytes(broken) + b"\x01" * 20)


def test_what_is_encrypted_inside_is_not_blamed_on_the_cable() -> None:
    """As Poland's meters send it: header and checksum are plain and right, the rest is binary."""
    chance = random.Random(11)
    bodies = [b"/XYZ5TEST\r\n\r\n" + chance.randbytes(800) + b"!" for _ in range(12)]
    sample = b"".join(body + b"%04X\r\n" % checksum(body) for body in bodies)
    found = judge(sample, Expected(), NOW)
    assert [(finding.subject, finding.grade) for finding in found] == [("telegrams", Grade.WRONG)]
    assert "encrypted" in found[0].sentence
    assert "cable" not in found[0].remedy.lower()
