"""The gateway's own keys: neither opens the history, and the daemon works with both.

    device key      32 random bytes, best kept off the card: needed beside the password; authenticates
                    the records of data keys; replaced when the keys are renewed
    gateway secret  32 random bytes, hidden under the device key: tags, and hides what the daemon must
                    find again by itself; stays for the life of the gateway

One label for each purpose keeps the uses apart (RFC 5869, HKDF).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import DeviceKeyUnusable, StateUnusable, UnsafeFile
from gateway.files import GROUP_AND_OTHERS, check_reach, write_whole

LABEL = b"p1-gateway/1/"
KEY_BYTES = 32
_NONCE_BYTES = 12
_ID_BYTES = 16
HIDING_BYTES = _NONCE_BYTES + 16
"""How much longer what is hidden is than what it hides."""


def joined(*parts: bytes) -> bytes:
    """The parts, each behind its length: no two lists of parts give the same bytes."""
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def meter_number(written: str) -> str:
    """A meter number as it counts: without spaces, in capitals."""
    return "".join(written.split()).upper()


def derived(key: bytes, purpose: str, salt: bytes | None = None) -> bytes:
    """A key for one purpose."""
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=salt, info=LABEL + purpose.encode()).derive(key)


class RootKey:
    """32 random bytes, of which keys for single purposes are made."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._hiding = ChaCha20Poly1305(self.subkey("state"))

    @classmethod
    def new(cls) -> Self:
        return cls(secrets.token_bytes(KEY_BYTES))

    def subkey(self, purpose: str) -> bytes:
        """A key for one purpose; it tells nothing about this one or about another purpose."""
        return derived(self._raw, purpose)

    def hide(self, name: str, plain: bytes) -> bytes:
        """Encrypt what must be remembered, under its name."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._hiding.encrypt(nonce, plain, LABEL + name.encode())

    def reveal(self, name: str, hidden: bytes) -> bytes:
        """The inverse of `hide`. Raises StateUnusable."""
        nonce, text = hidden[:_NONCE_BYTES], hidden[_NONCE_BYTES:]
        try:
            return self._hiding.decrypt(nonce, text, LABEL + name.encode())
        except (InvalidTag, ValueError):
            raise StateUnusable(
                f"what the gateway remembered ({name}) does not open with this device key"
            ) from None


class Authenticator:
    """Says of a record that this gateway made it."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def mac(self, *parts: bytes) -> bytes:
        """The HMAC of a record's parts: 32 bytes."""
        return hmac.digest(self.raw, joined(*parts), hashlib.sha256)


class DeviceKey(RootKey):
    """The gateway's own key. It opens no history; without it, nothing does."""

    def __init__(self, raw: bytes, path: Path | None = None) -> None:
        """`path` is where it lies, and where the next one will."""
        if len(raw) != KEY_BYTES:
            raise DeviceKeyUnusable(f"the device key must be {KEY_BYTES} bytes, not {len(raw)}")
        super().__init__(raw)
        self.path = path
        self.id = self.subkey("id")[:_ID_BYTES]
        self.authenticator = Authenticator(self.subkey("data key record"))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the device key, unless others can, too. Raises DeviceKeyUnusable."""
        try:
            with path.open("rb") as file:
                check_reach(path, file.fileno(), GROUP_AND_OTHERS)
                return cls(file.read(KEY_BYTES + 1), path)
        except UnsafeFile as error:
            raise DeviceKeyUnusable(f"the device key is no secret: {error}") from None
        except OSError as error:
            raise DeviceKeyUnusable(f"the device key {path} cannot be read: {error.strerror}") from None

    @classmethod
    def load_or_create(cls, path: Path) -> Self:
        """Read the device key; at the first start, make it (readable by this user only)."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(path, cls.new().raw)
        return cls.load(path)

    @property
    def raw(self) -> bytes:
        """What stands in its file."""
        return self._raw


class GatewaySecret(RootKey):
    """What the daemon tags and hides with, whatever becomes of the device key."""

    HIDDEN_BYTES = KEY_BYTES + HIDING_BYTES

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        self._tag_key = self.subkey("meter tag")

    def meter_tag(self, number: str) -> bytes:
        """What stands on disk in the place of a meter number: 16 bytes."""
        return hmac.digest(self._tag_key, meter_number(number).encode(), hashlib.sha256)[:16]

    def hidden_under(self, device_key: DeviceKey) -> bytes:
        """The secret as it lies on disk."""
        return device_key.hide("gateway secret", self._raw)

    @classmethod
    def revealed(cls, hidden: bytes, device_key: DeviceKey) -> Self:
        """The inverse of `hidden_under`. Raises StateUnusable."""
        return cls(device_key.reveal("gateway secret", hidden))

    @property
    def raw(self) -> bytes:
        return self._raw


@dataclass(frozen=True, slots=True)
class GatewayKeys:
    """What the running gateway holds: neither opens the history.

    A renewal replaces them: who lasts longer than one act asks `SealedHistory`, their owner, each time.
    """

    device_key: DeviceKey
    secret: GatewaySecret
