"""Every finding suits the source it is about: nobody is told to push in a cable that is not there."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway import errors
from gateway.cli.doctor import judge_status
from gateway.errors import (
    ConfigError,
    GatewayError,
    MeterUnavailable,
    TelegramError,
)
from gateway.live import kind_of as name_of
from gateway.meter import open_source
from gateway.meter.damage import Cause
from gateway.meter.diagnosis import Expected, judge
from gateway.meter.findings import Finding, Grade, damage_remedy
from gateway.meter.source import SourceKind, kind_of
from gateway.operations import Status
from gateway.p1.checksum import checksum
from gateway.p1.cipher import MeterKey, encrypt
from gateway.p1.telegram import Telegram, serialize
from tests import made_up
from tests.pty_meter import nonsense

NOW = datetime(2026, 11, 3, 12, 0, 30, tzinfo=UTC)
KEY = MeterKey.parse("0F" * 16)
GOOD = serialize(Telegram("XYZ5\\TEST", (("1-3:0.2.8", "(50)"), ("1-0:1.7.0", "(00.500*kW)"))))


def telegram(content: bytes) -> bytes:
    """One with a right checksum, whatever stands between header and end."""
    body = b"/XYZ5\\TEST\r\n\r\n" + content + b"\r\n!"
    return body + b"%04X\r\n" % checksum(body)


UNREADABLE = telegram(b"total 12345.678 kWh")
ENCRYPTED_INSIDE = telegram(bytes(range(0x80, 0xC0)))  # as in Poland
HDLC = b"\x7e\xa0\x0a" + b"\x01\x02\x01\x10\x5a\x87\x34\x00" + b"\x7e"
FORBIDDEN = {
    SourceKind.SERIAL: r"reader|network|TCP|capture",
    SourceKind.NETWORK: r"cable|plug|click|push|pin 2|hub\b|serial port|this machine is too slow|this speed",
    SourceKind.FILE: r"cable|plug|click|push|pin 2|hub\b|\bport\b|power supply|reader|network|TCP|this speed",
}
SAMPLES: dict[str, tuple[bytes, Expected]] = {
    "silence": (b"", Expected()),
    "nonsense": (nonsense(500), Expected()),
    "text": (b"login: \r\n" * 20, Expected()),
    "another language": (HDLC * 3, Expected()),
    "none whole": (GOOD[:30], Expected()),
    "good": (GOOD * 3, Expected()),
    "altered": (GOOD * 3 + GOOD.replace(b"500", b"\xb200") + GOOD, Expected()),
    "lost": (GOOD * 3 + GOOD.replace(b"500", b"5") + GOOD, Expected()),
    "all damaged": (GOOD.replace(b"500", b"600") * 3, Expected()),
    "unreadable": (UNREADABLE * 3, Expected()),
    "some unreadable": (GOOD + UNREADABLE + GOOD, Expected()),
    "encrypted inside": (ENCRYPTED_INSIDE * 3, Expected()),
    "no key": (bytes(encrypt(GOOD, KEY, b"XYZ\0\0\0\0\1", 1)), Expected()),
    "wrong key": (bytes(encrypt(GOOD, KEY, b"XYZ\0\0\0\0\1", 1)), Expected(MeterKey.parse("0E" * 16))),
    "replayed": (bytes(encrypt(GOOD, KEY, b"XYZ\0\0\0\0\1", 1)) * 2, Expected(KEY)),
}
# The meter has a P1 port whatever the source is, and this machine a clock.
ALWAYS_THERE = re.compile(r"the meter's port|P1 port|switch the port to P1|a network connection is enough")
SPEAKING = [
    fault
    for fault in vars(errors).values()
    if isinstance(fault, type) and issubclass(fault, MeterUnavailable | TelegramError)
]

every_kind = pytest.mark.parametrize("kind", SourceKind)


def check(findings: list[Finding], kind: SourceKind) -> None:
    for finding in findings:
        said = ALWAYS_THERE.sub("", f"{finding.sentence} {finding.remedy}")
        unsuitable = re.search(FORBIDDEN[kind], said, re.IGNORECASE)
        assert unsuitable is None, (kind, unsuitable, finding)
        before, condition, _ = finding.remedy.partition("If this does not help")
        assert not condition or len(before) > 20, finding
        assert finding.remedy or finding.grade is not Grade.WRONG or finding.subject == "fault"


def status(fault: type[GatewayError] | None, *, receiving: bool = False) -> Status:
    """As the daemon gives it, for a fault that came a few times."""
    return made_up.status(
        meter="receiving" if receiving else "silent",
        telegrams=4 if receiving else 0,
        damaged=3,
        fault=fault and "something is wrong: do something about it",
        fault_kind=fault and name_of(fault),
        faults={name_of(fault): 3} if fault else {},
    )


@every_kind
@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_found_by_listening_suits_the_source(name: str, kind: SourceKind) -> None:
    sample, expected = SAMPLES[name]
    check(judge(sample, expected, NOW, kind), kind)


@every_kind
@pytest.mark.parametrize("receiving", [False, True])
@pytest.mark.parametrize("fault", [None, *SPEAKING], ids=lambda fault: fault and fault.__name__)
def test_what_the_running_gateway_says_suits_the_source(
    fault: type[GatewayError] | None, receiving: bool, kind: SourceKind
) -> None:
    check(judge_status(status(fault, receiving=receiving), kind), kind)


@every_kind
@pytest.mark.parametrize("cause", Cause)
def test_the_remedy_of_damage_suits_the_source(cause: Cause, kind: SourceKind) -> None:
    check([Finding("damage", Grade.WRONG, "", damage_remedy(cause, kind))], kind)


@every_kind
@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("silence", errors.LineSilent),
        ("nonsense", errors.NoTelegram),
        ("no key", errors.EncryptedWithoutKey),
        ("wrong key", errors.EncryptionKeyWrong),
        ("replayed", errors.FrameReplayed),
        ("unreadable", errors.MalformedTelegram),
        ("encrypted inside", errors.ContentEncrypted),
        ("good", errors.MeterNumberMissing),
    ],
)
def test_the_running_gateway_and_the_doctors_own_listening_blame_the_same(
    name: str, fault: type[GatewayError], kind: SourceKind
) -> None:
    sample, expected = SAMPLES[name]
    if fault is not errors.MeterNumberMissing:
        expected = replace(expected, number="E0001")
    listened = [one.remedy for one in judge(sample, expected, NOW, kind) if one.grade is Grade.WRONG]
    asked = [one.remedy for one in judge_status(status(fault), kind) if one.grade is Grade.WRONG]
    assert len(listened) == len(asked) == 1
    assert asked[0].startswith(listened[0])


@every_kind
@pytest.mark.parametrize("name", ["unreadable", "some unreadable"])
def test_telegrams_with_the_right_checksum_are_never_called_damaged(name: str, kind: SourceKind) -> None:
    found = {one.subject: one for one in judge(*SAMPLES[name], NOW, kind)}
    assert found["damage"].grade is Grade.GOOD
    assert "Report it" in found["telegrams" if name == "unreadable" else "unread"].remedy


@pytest.mark.parametrize("name", ["nonsense", "some keys"])
def test_what_is_no_damage_is_not_counted_as_damage(name: str) -> None:
    asked = status(errors.EncryptedWithoutKey if name == "some keys" else errors.NoTelegram, receiving=True)
    assert "damage" not in {one.subject for one in judge_status(asked, SourceKind.SERIAL)}


def test_silence_of_a_running_gateway_without_a_fault_has_a_remedy_of_its_own() -> None:
    remedy = judge_status(status(None), SourceKind.SERIAL)[1].remedy
    assert remedy.startswith("Push both ends")
    assert "If this does not help, stop the gateway" in remedy


@pytest.mark.parametrize(
    "address",
    [
        "http://192.168.1.20/api",
        "https://p1.local",
        "ws://p1:80/x",
        "mqtt://me:secret@broker",
        "rfc2217://p1:2001",
    ],
)
def test_an_address_of_another_kind_is_answered_with_what_is_possible(address: str) -> None:
    with pytest.raises(ConfigError) as refused:
        open_source(address)
    scheme = address.partition(":")[0]
    assert f"{scheme}:// is another way" in str(refused.value)
    assert "raw TCP" in str(refused.value)
    assert str(refused.value).endswith("write tcp://host:port")
    assert "secret" not in str(refused.value)
    assert kind_of(address) is SourceKind.NETWORK


@pytest.mark.parametrize("address", ["192.168.1.20:2001", "p1-reader.local:8088", "[fe80::1]:23"])
def test_a_host_and_port_without_tcp_is_told_how_to_write_it(address: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"write tcp://{address}") + "$"):
        open_source(address)


def test_a_path_is_a_serial_port_and_a_file_a_file(tmp_path: Path) -> None:
    assert kind_of("auto") is kind_of("/dev/serial/by-path/platform-usb-0:1:1.0") is SourceKind.SERIAL
    assert kind_of((tmp_path / "a").as_uri()) is SourceKind.FILE
