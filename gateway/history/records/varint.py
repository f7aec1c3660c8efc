"""Whole numbers in few bytes: seven bits to a byte, the lowest first (LEB128). Pure."""

from __future__ import annotations

from collections.abc import Iterator


def varint(number: int) -> bytes:
    """A number from 0 upward."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def varints(plain: bytes, offset: int = 0) -> Iterator[int]:
    """The numbers that stand behind each other from `offset` on."""
    number = shift = 0
    for byte in memoryview(plain)[offset:]:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0
