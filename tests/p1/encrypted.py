"""Encrypted telegrams to test with: a published vector, and keys that belong to no meter."""

from __future__ import annotations

from gateway.p1 import MeterKey, encrypt

KEY = MeterKey.parse("000102030405060708090A0B0C0D0E0F")
TITLE = b"SIM\x00\x00\x00\x00\x01"
# Under KEY, with TITLE and counter 1.
VECTOR = bytes.fromhex(
    "db0853494d000000000182012830000000014a1d865b38d68a797fb95a052360a2fdbaa07b881eb9db67b24efab6b9a5"
    "d2f098e27abd261a9bfb6f1038f4f8e9bade215f0d06a1ec8ce007559d301b8d40490dbe1875fab9d93ae64a0246dbe1"
    "167932af54f50c02a8eeb51a8089df6a84131bdc8192b651d0aa681aea715821c331eea8c4d6a762eada0fbbf7b6e95d"
    "8c8e8b06297c086a8a0e3b576e905060fd9f3ff85f9bf83d5559cc6689d946e0929f0492f5f44dc391a30d2fa08228f3"
    "a92975503a6a340231af37db3ff67b9619fd34e59e2ceaa25994fe300217b767b999a916ff7d02191e460e675c56b0d7"
    "f3b33307e78fc447769cf6d2aec559af513acfe0533f20e3fbda1cde272fec5bd36cf6390839c4513c42c06a264b8b18"
    "da524f3dc982ea3c0cc68d57755e0908b3826c4f82"
)


def sealed(text: bytes, counter: int, key: MeterKey = KEY, title: bytes = TITLE) -> bytes:
    """What a meter with this key sends for a telegram."""
    return bytes(encrypt(text, key, title, counter))
