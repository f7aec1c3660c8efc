"""Sealing rows and blocks under a data key.

ChaCha20-Poly1305, or another cipher by its name. The associated data name the place of a row or block
(format, meter, kind, period, sequence number), so that none can be moved, exchanged or altered
unnoticed.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from gateway.errors import SealBroken
from gateway.history.keys.root_keys import joined

_FORMAT = b"p1-gateway/1/sealed"
CIPHER_NAME = "CHACHA20_POLY1305"
"""What new data keys are used with: no Raspberry Pi before the fifth has AES instructions."""


class Cipher(Protocol):
    """An AEAD with nonces of 12 bytes and tags of 16, as the cryptography library has them."""

    def encrypt(self, nonce: bytes, plain: bytes, place: bytes, /) -> bytes: ...
    def decrypt(self, nonce: bytes, sealed: bytes, place: bytes, /) -> bytes: ...


CIPHERS: dict[str, Callable[[bytes], Cipher]] = {CIPHER_NAME: ChaCha20Poly1305}
TAG_BYTES = 16
DATA_KEY_BYTES = 32


class DataKey:
    """A data key in use. `raw` goes, sealed to the household, to disk; then it is forgotten."""

    def __init__(self, raw: bytes, meter_tag: bytes, cipher: str = CIPHER_NAME) -> None:
        """Raises SealBroken for a cipher that this version does not know."""
        if cipher not in CIPHERS:
            raise SealBroken(f"part of the history, whose cipher {cipher} is not known here,")
        self._aead = CIPHERS[cipher](raw)
        self.meter_tag = meter_tag
        self._next = 0

    @staticmethod
    def new_raw() -> bytes:
        return secrets.token_bytes(DATA_KEY_BYTES)

    def seal(self, kind: str, period: int, plain: bytes) -> tuple[int, bytes]:
        """Returns the sequence number and the sealed bytes (16 longer than `plain`).

        `kind` is a profile period or "trace"; `period` is its time in seconds (Unix, UTC).
        """
        # The counter may serve as nonce: the data key is fresh at every start and every midnight.
        sequence = self._next
        self._next += 1
        place = self._place(kind, period, sequence)
        return sequence, self._aead.encrypt(_nonce(sequence), plain, place)

    def unseal(self, kind: str, period: int, sequence: int, sealed: bytes) -> bytes:
        """Raises SealBroken when anything about the row or block is not as it was sealed."""
        try:
            return self._aead.decrypt(_nonce(sequence), sealed, self._place(kind, period, sequence))
        except (InvalidTag, OverflowError):
            raise SealBroken(f"{kind} row" if kind != "trace" else "trace block") from None

    def _place(self, kind: str, period: int, sequence: int) -> bytes:
        return joined(_FORMAT, self.meter_tag, kind.encode(), struct.pack(">qq", period, sequence))


def _nonce(sequence: int) -> bytes:
    return sequence.to_bytes(12, "big")


def cipher_of(suite: str) -> str:
    """The cipher of rows and blocks: the second half of a data key's suite."""
    return suite.rpartition("/")[2]
