"""Damage: why telegrams arrive with a wrong checksum, as far as their bytes tell.

A telegram that lacks bytes was not taken up in time; one that has them all, with others among them, was
altered on the wire.
"""

from __future__ import annotations

import re
from enum import Enum

from gateway.meter.detection import NOT_TEXT
from gateway.p1 import checksum

_TELEGRAM = re.compile(rb"/[A-Za-z]{3}[^!]*!(?=[0-9A-Fa-f]{4})")
_ANOTHER = re.compile(rb"\n/[A-Za-z]{3}")


class Cause(Enum):
    LOST = "bytes get lost on the way"
    ALTERED = "bytes are altered on the way"
    UNKNOWN = "bytes get lost or altered on the way"


def likely_cause(sample: bytes) -> Cause:
    """What befell most of the plain telegrams whose checksum is wrong."""
    good: list[bytes] = []
    damaged: list[bytes] = []
    for found in _TELEGRAM.finditer(sample):
        digits = sample[found.end() : found.end() + 4]
        (damaged if checksum.fault(found[0], digits) else good).append(found[0])
    lost = sum(_lacks_bytes(telegram, good) for telegram in damaged)
    altered = sum(_has_foreign_bytes(telegram) or _is_as_long(telegram, good) for telegram in damaged)
    if lost == altered:
        return Cause.UNKNOWN
    return Cause.LOST if lost > altered else Cause.ALTERED


def _lacks_bytes(telegram: bytes, good: list[bytes]) -> bool:
    if _ANOTHER.search(telegram):
        return True
    return bool(good) and len(telegram) < min(map(len, good)) and not _has_foreign_bytes(telegram)


def _is_as_long(telegram: bytes, good: list[bytes]) -> bool:
    return not _ANOTHER.search(telegram) and any(len(telegram) == len(whole) for whole in good)


def _has_foreign_bytes(telegram: bytes) -> bool:
    return len(telegram.translate(None, NOT_TEXT)) < len(telegram)
