"""Encrypted telegrams, as meters in Luxembourg and Austria send them: open and seal one frame.

A frame is opened only with the right tag; what a wrong one holds is looked at to choose the
error's sentence, and never returned. Nothing here is shown, logged or stored.

Source: IEC 62056-5-3 (DLMS/COSEM), general-glo-ciphering with security suite 0: AES-128-GCM with
a tag of 12 bytes; Luxembourg's P1 specification 1.1.3, section 3.2.5.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR, GCM

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
from gateway.p1 import checksum

SECURITY = 0x30  # authenticated and encrypted, suite 0
_TITLE_BYTES = 8
TAG_BYTES = 12
_COUNTER_BYTES = 4
_KEY_BYTES = 16
_METERS_REMEMBERED = 8
_LUXEMBOURG = "00112233445566778899AABBCCDDEEFF"  # the same for every meter there

# 0xDB, the title behind its own length, the length of the rest, the security control. The rest is
# at least one byte of ciphertext and less than 16 KiB.
_LENGTH = rb"(?:([\x12-\x7f])|\x81([\x12-\xff])|\x82(\x00[\x12-\xff]|[\x01-\x3f].))"
HEADER = re.compile(rb"\xdb\x08.{8}" + _LENGTH + rb"[\x10-\x3f]", re.DOTALL)
# One that hardly stands in encrypted bytes by chance: a title begins with its maker's three letters.
CERTAIN_HEADER = re.compile(rb"\xdb\x08[A-Z]{3}.{5}" + _LENGTH + rb"\x30", re.DOTALL)
# The first bytes of a header, where what has arrived ends.
HALF_HEADER = re.compile(
    rb"\xdb(?:\x08(?:.{0,8}|.{8}(?:" + _LENGTH + rb"|\x81|\x82[\x00-\x3f]?)))?\Z", re.DOTALL
)
TITLE_END = 10
LONGEST_HEADER = 14


@dataclass(frozen=True, slots=True)
class MeterKey:
    """The two keys of one meter, 16 bytes each, from the grid operator."""

    encryption: bytes = field(repr=False)
    authentication: bytes = field(repr=False)

    @classmethod
    def parse(cls, encryption: str, authentication: str = "") -> Self:
        """Keys from hexadecimal digits; spaces and case do not matter.

        Without an authentication key it is Luxembourg's. With 34 digits, the first two are the
        security control, 30. Raises MeterKeyUnusable.
        """
        second = "".join(authentication.split()) or _LUXEMBOURG
        if len(second) == 2 * (_KEY_BYTES + 1) and second.startswith("30"):
            second = second[2:]
        return cls(_key(encryption, "encryption"), _key(second, "authentication"))


def _key(text: str, which: str) -> bytes:
    digits = "".join(text.split())
    if not re.fullmatch(r"[0-9A-Fa-f]*", digits):
        raise MeterKeyUnusable(which, "it has a character that is no hexadecimal digit")
    if len(digits) != 2 * _KEY_BYTES:
        raise MeterKeyUnusable(which, f"it has {len(digits)} hexadecimal digits instead of {2 * _KEY_BYTES}")
    return bytes.fromhex(digits)


@dataclass(frozen=True, slots=True)
class EncryptedFrame:
    """One encrypted telegram as it is sent. A change of any of its bits makes the tag wrong, or
    what is left is no such frame."""

    system_title: bytes
    security: int
    counter: int
    ciphertext: bytes
    tag: bytes

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Raises MalformedTelegram when the bytes are not exactly one encrypted frame."""
        header = HEADER.match(raw)
        if header is None or end_of(header) != len(raw):
            raise MalformedTelegram("it is not one complete encrypted frame")
        behind = header.end() + _COUNTER_BYTES
        return cls(
            system_title=raw[2:TITLE_END],
            security=raw[header.end() - 1],
            counter=int.from_bytes(raw[header.end() : behind]),
            ciphertext=raw[behind:-TAG_BYTES],
            tag=raw[-TAG_BYTES:],
        )

    def __bytes__(self) -> bytes:
        """The bytes that are sent, with the shortest form of the length."""
        rest = struct.pack(">BI", self.security, self.counter) + self.ciphertext + self.tag
        length = len(rest).to_bytes(1 if len(rest) < 0x100 else 2)
        form = b"" if len(rest) < 0x80 else bytes([0x80 | len(length)])
        return bytes([0xDB, _TITLE_BYTES]) + self.system_title + form + length + rest

    @property
    def nonce(self) -> bytes:
        return self.system_title + self.counter.to_bytes(_COUNTER_BYTES)


def end_of(header: re.Match[bytes]) -> int:
    """Where the frame of a header ends: its length counts from the security control on."""
    return header.end() - 1 + int.from_bytes(header[1] or header[2] or header[3])


class Decryptor:
    """Opens the frames of the meters that share one key; without a key, none."""

    def __init__(self, key: MeterKey | None) -> None:
        self._aes = AES(key.encryption) if key else None
        self._associated = bytes([SECURITY]) + key.authentication if key else b""
        # The last counter of each meter, by its title. Only verified frames come in, so that no
        # made-up frame can lock a meter out or have its counter forgotten.
        self._counters: dict[bytes, int] = {}

    def open(self, frame: EncryptedFrame) -> bytes:
        """The text of one frame, its tag verified.

        Raises SecurityUnsupported, EncryptedWithoutKey, FrameReplayed; with a wrong tag, as far as
        it can be told, AuthenticationKeyWrong, EncryptionKeyWrong or EncryptedTelegramDamaged.
        """
        if frame.security != SECURITY:
            raise SecurityUnsupported(frame.security)
        if self._aes is None:
            raise EncryptedWithoutKey
        opened = Cipher(self._aes, GCM(frame.nonce, frame.tag, min_tag_length=TAG_BYTES)).decryptor()
        opened.authenticate_additional_data(self._associated)
        text = opened.update(frame.ciphertext)
        try:
            opened.finalize()
        except InvalidTag:
            raise self._reason(self._aes, frame) from None
        last = self._counters.get(frame.system_title)
        if last is not None and frame.counter <= last:
            raise FrameReplayed
        self._remember(frame)
        return text

    def _remember(self, frame: EncryptedFrame) -> None:
        self._counters.pop(frame.system_title, None)
        self._counters[frame.system_title] = frame.counter
        if len(self._counters) > _METERS_REMEMBERED:
            del self._counters[next(iter(self._counters))]

    def _reason(self, aes: AES, frame: EncryptedFrame) -> TelegramError:
        """Why the tag is wrong. The text stays here: it chooses the sentence and nothing else."""
        if frame.system_title in self._counters:  # both keys have opened this meter's before
            return EncryptedTelegramDamaged()
        # GCM encrypts as counter mode does; its first block, 1, is the tag's.
        counted = Cipher(aes, CTR(frame.nonce + (2).to_bytes(4))).decryptor()
        text = counted.update(frame.ciphertext)
        telegram, digits = checksum.split(text) or (b"", b"")
        if digits and checksum.fault(telegram, digits) is None:
            return AuthenticationKeyWrong()
        return EncryptedTelegramDamaged() if checksum.START.match(text) else EncryptionKeyWrong()


def encrypt(text: bytes, key: MeterKey, system_title: bytes, counter: int) -> EncryptedFrame:
    """What a meter makes of a telegram. The counter must never repeat under one key and title."""
    nonce = system_title + counter.to_bytes(_COUNTER_BYTES)
    sealed = Cipher(AES(key.encryption), GCM(nonce)).encryptor()
    sealed.authenticate_additional_data(bytes([SECURITY]) + key.authentication)
    ciphertext = sealed.update(text) + sealed.finalize()
    return EncryptedFrame(system_title, SECURITY, counter, ciphertext, sealed.tag[:TAG_BYTES])
