"""The checksum at a telegram's end: CRC-16/ARC over "/" through "!".

Source: DSMR P1 5.0.2, section 5.12. DSMR 2 and 3 have none.
"""

from __future__ import annotations

import re

from fastcrc import crc16

from gateway.errors import ChecksumMismatch, ChecksumMissing, TelegramError

# A telegram begins with "/" and the three letters of its manufacturer.
START = re.compile(rb"/[A-Za-z]{3}")
_DIGITS = re.compile(rb"[0-9A-Fa-f]{0,4}")
# Lines that only DSMR 4 and later know: the versions of DSMR and of eMUCS, and the telegram's time.
_LINES_WITH_CHECKSUM = (b"\n1-3:0.2.8", b"\n0-0:96.1.4", b"\n0-0:1.0.0")


def checksum(body: bytes) -> int:
    """CRC-16/ARC of a telegram's bytes, "/" through "!"."""
    return crc16.arc(body)


def fault(body: bytes, digits: bytes) -> TelegramError | None:
    """What is wrong with the checksum that follows a body; its digits may be none."""
    if digits:
        stated, computed = int(digits, 16), checksum(body)
        return None if stated == computed else ChecksumMismatch(stated, computed)
    # Without this rule, a DSMR 4 or 5 telegram that lost its checksum would pass as a DSMR 3 one.
    return ChecksumMissing() if needs_checksum(body) else None


def split(text: bytes) -> tuple[bytes, bytes] | None:
    """One complete telegram as its body, "/" through "!", and its checksum's digits; or None.

    Line ends may follow.
    """
    body, mark, digits = text.rstrip(b"\r\n").rpartition(b"!")
    if mark and START.match(body) and _DIGITS.fullmatch(digits):
        return body + mark, digits
    return None


def needs_checksum(body: bytes) -> bool:
    """Whether the telegram is of a version that always ends with a checksum."""
    return any(line in body for line in _LINES_WITH_CHECKSUM)
