"""Key suites by name: what data keys are sealed to the household with.

The name stands on disk beside what was made with it. A second suite is one more line here: what was
made with the first stays as it is, and the next renewal goes over to the new one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from gateway.errors import HistoryError

SUITE_NAME = "MLKEM768_X25519+HKDF_SHA256+CHACHA20_POLY1305"
"""What new households are made with."""

_MLKEM_PUBLIC_BYTES = 1184
_MLKEM_SEED_BYTES = 64


@dataclass(frozen=True, slots=True)
class KeySuite:
    """How one suite makes a key pair (private and public half, as bytes) and reads it again."""

    hpke: Suite
    generate: Callable[[], tuple[bytes, bytes]]
    private_key: Callable[[bytes], Any]
    public_key: Callable[[bytes], Any]


def _generate() -> tuple[bytes, bytes]:
    lattice, curve = mlkem.MLKEM768PrivateKey.generate(), x25519.X25519PrivateKey.generate()
    return (
        lattice.private_bytes_raw() + curve.private_bytes_raw(),
        lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw(),
    )


def _private_key(raw: bytes) -> MLKEM768X25519PrivateKey:
    return MLKEM768X25519PrivateKey(
        mlkem.MLKEM768PrivateKey.from_seed_bytes(raw[:_MLKEM_SEED_BYTES]),
        x25519.X25519PrivateKey.from_private_bytes(raw[_MLKEM_SEED_BYTES:]),
    )


def _public_key(raw: bytes) -> MLKEM768X25519PublicKey:
    return MLKEM768X25519PublicKey(
        mlkem.MLKEM768PublicKey.from_public_bytes(raw[:_MLKEM_PUBLIC_BYTES]),
        x25519.X25519PublicKey.from_public_bytes(raw[_MLKEM_PUBLIC_BYTES:]),
    )


SUITES = {
    SUITE_NAME: KeySuite(
        Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305),
        _generate,
        _private_key,
        _public_key,
    ),
}


def suite(name: str) -> KeySuite:
    """Raises HistoryError for a suite that this version does not know."""
    if name not in SUITES:
        raise HistoryError(f"this version of the gateway does not know the key suite {name}")
    return SUITES[name]
