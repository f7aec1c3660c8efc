"""What the recorder must find again after a restart, as few bytes of a length that tells nothing. Pure."""

from __future__ import annotations

import json
import zlib
from typing import Any

# With what else the daemon remembers, one such step fits a page of the database.
_STEP = 1024


def packed(memory: dict[str, Any], at_least: int) -> bytes:
    """The memory (JSON values) in whole steps of a kilobyte, never fewer than `at_least` bytes.

    Given the length that it had before, the length does not change from one day to another.
    """
    plain = zlib.compress(json.dumps(memory, separators=(",", ":")).encode())
    return plain.ljust(max(at_least, -(-len(plain) // _STEP) * _STEP), b"\0")


def unpacked(plain: bytes) -> dict[str, Any]:
    """The inverse of `packed`."""
    memory: dict[str, Any] = json.loads(zlib.decompressobj().decompress(plain))
    return memory
