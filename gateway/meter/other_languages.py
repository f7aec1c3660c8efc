"""Meters that speak something other than P1 on their customer port: told by the shape of their frames.

HDLC: 0x7E, a format of 0xA and a length of eleven bits, two addresses (each ends with an odd byte), a
control byte, and 0x7E again where the length says (IEC 62056-46).
M-Bus: 0x68, the length twice, 0x68, and behind so many bytes their sum and 0x16 (EN 13757-2).
"""

from __future__ import annotations

import re

_EVEN, _ODD = (b"[" + b"".join(b"\\x%02x" % n for n in range(first, 256, 2)) + b"]" for first in (0, 1))
_CONTROLS = rb"[\x03\x10\x13]"  # what meters use that send unasked
_HDLC = re.compile(rb"\x7e(?=[\xa0-\xa7].(?:%b{0,3}%b){2}%b)" % (_EVEN, _ODD, _CONTROLS), re.DOTALL)
_M_BUS = re.compile(rb"\x68(.)\1\x68", re.DOTALL)


def name_of(sample: bytes) -> str | None:
    """What the meter speaks, when at least one whole frame of it is in the sample."""
    if any(_is_hdlc(sample, found.start()) for found in _HDLC.finditer(sample)):
        return "DLMS in HDLC frames"
    if any(_is_m_bus(sample, found) for found in _M_BUS.finditer(sample)):
        return "DLMS over M-Bus"
    return None


def _is_hdlc(sample: bytes, start: int) -> bool:
    length = int.from_bytes(sample[start + 1 : start + 3]) & 0x7FF
    end = start + 1 + length
    # The next frame follows, or shares this flag as its first.
    following = sample[end + 1 : end + 2]
    return length > 6 and sample[end : end + 1] == b"\x7e" and following in (b"", b"\x7e", b"\xa0", b"\xa1")


def _is_m_bus(sample: bytes, header: re.Match[bytes]) -> bool:
    end = header.end() + header[1][0]
    return sample[end : end + 2] == bytes([sum(sample[header.end() : end]) & 0xFF, 0x16])
