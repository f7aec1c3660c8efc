"""Keys: the one place where they are made, derived, wrapped and opened.

    device key      32 random bytes of this gateway; tags, authenticates and hides what the
                    daemon must find again by itself
    household key   an HPKE key pair: the daemon holds the public half and can only seal with it;
                    the private half lies wrapped under password + device key, and a second time
                    under the recovery code
    data key        one for each meter, day and start of the daemon; sealed to the household

A wrong key is refused, never guessed at. One label for each purpose keeps the uses apart.
Sources: RFC 9180 (HPKE), RFC 9106 (Argon2id), RFC 5869 (HKDF), RFC 8439 (ChaCha20-Poly1305).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import struct
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import CannotUnlock, DeviceKeyUnusable, HistoryError, StateUnusable

SUITE_NAME = "MLKEM768_X25519+HKDF_SHA256+CHACHA20_POLY1305"
_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_LABEL = b"p1-gateway/1/"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_SALT_BYTES = 16
_MLKEM_PUBLIC_BYTES = 1184
_MLKEM_SEED_BYTES = 64
_RECOVERY_BYTES = 20


@dataclass(frozen=True, slots=True)
class PasswordCost:
    """What one guess of the password costs (Argon2id); stored beside what it protects."""

    memory_kib: int
    iterations: int
    lanes: int


COST_ON_A_PI = PasswordCost(memory_kib=64 * 1024, iterations=3, lanes=4)  # RFC 9106, second choice
COST_IN_TESTS = PasswordCost(memory_kib=8 * 1024, iterations=1, lanes=1)


def joined(*parts: bytes) -> bytes:
    """The parts, each behind its length: no two lists of parts give the same bytes."""
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def meter_number(written: str) -> str:
    """A meter number as it counts: without spaces, in capitals."""
    return "".join(written.split()).upper()


class DeviceKey:
    """The gateway's own key. It opens no history; without it, nothing does."""

    def __init__(self, raw: bytes) -> None:
        if len(raw) != _KEY_BYTES:
            raise DeviceKeyUnusable(f"the device key must be {_KEY_BYTES} bytes, not {len(raw)}")
        self._raw = raw
        self._tag_key = self.subkey("meter tag")
        self._record_key = self.subkey("data key record")
        self._state = ChaCha20Poly1305(self.subkey("state"))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the device key. Raises DeviceKeyUnusable."""
        try:
            return cls(path.read_bytes())
        except OSError as error:
            raise DeviceKeyUnusable(f"the device key {path} cannot be read: {error.strerror}") from None

    @classmethod
    def load_or_create(cls, path: Path) -> Self:
        """Read the device key; at the first start, make it (readable by this user only)."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            unfinished = path.with_suffix(".new")
            unfinished.unlink(missing_ok=True)
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(_KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(path)
        return cls.load(path)

    def subkey(self, purpose: str) -> bytes:
        """A key for one purpose; it tells nothing about the device key or about another purpose."""
        return HKDF(hashes.SHA256(), _KEY_BYTES, salt=None, info=_LABEL + purpose.encode()).derive(self._raw)

    def meter_tag(self, number: str) -> bytes:
        """What stands on disk in the place of a meter number: 16 bytes."""
        return hmac.digest(self._tag_key, meter_number(number).encode(), hashlib.sha256)[:16]

    def authenticate(self, *parts: bytes) -> bytes:
        """The HMAC of a data key's record: 32 bytes."""
        return hmac.digest(self._record_key, joined(*parts), hashlib.sha256)

    def hide(self, name: str, plain: bytes) -> bytes:
        """Encrypt what the daemon must remember over a restart."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._state.encrypt(nonce, plain, _LABEL + name.encode())

    def reveal(self, name: str, hidden: bytes) -> bytes:
        """The inverse of `hide`. Raises StateUnusable."""
        nonce, text = hidden[:_NONCE_BYTES], hidden[_NONCE_BYTES:]
        try:
            return self._state.decrypt(nonce, text, _LABEL + name.encode())
        except (InvalidTag, ValueError):
            raise StateUnusable(
                f"what the gateway remembered ({name}) does not open with this device key"
            ) from None


@dataclass(frozen=True, slots=True)
class WrappedHousehold:
    """The household's key pair as it lies on disk. It opens for password + device key, or the code."""

    suite: str
    public_key: bytes
    cost: PasswordCost
    by_password: bytes
    by_recovery_code: bytes


class HouseholdSeal:
    """The public half: seals data keys for the household, and opens nothing."""

    def __init__(self, suite: str, public_key: bytes) -> None:
        _check(suite)
        self._key = MLKEM768X25519PublicKey(
            mlkem.MLKEM768PublicKey.from_public_bytes(public_key[:_MLKEM_PUBLIC_BYTES]),
            x25519.X25519PublicKey.from_public_bytes(public_key[_MLKEM_PUBLIC_BYTES:]),
        )

    def seal(self, secret: bytes, number: str, purpose: str) -> bytes:
        """Seal to the household. The meter number is needed to open it, and stands nowhere in it."""
        return _SUITE.encrypt(secret, self._key, info=_bound(number, purpose))


class HouseholdKey:
    """The private half: it exists only after an unlock."""

    def __init__(self, private: bytes) -> None:
        self._key = MLKEM768X25519PrivateKey(
            mlkem.MLKEM768PrivateKey.from_seed_bytes(private[:_MLKEM_SEED_BYTES]),
            x25519.X25519PrivateKey.from_private_bytes(private[_MLKEM_SEED_BYTES:]),
        )

    def open(self, sealed: bytes, number: str, purpose: str) -> bytes:
        """The inverse of `HouseholdSeal.seal`. Raises CannotUnlock."""
        try:
            return _SUITE.decrypt(sealed, self._key, info=_bound(number, purpose))
        except InvalidTag:
            raise CannotUnlock from None


def new_household(password: str, device_key: DeviceKey, cost: PasswordCost) -> tuple[WrappedHousehold, str]:
    """Make a household's key pair. Returns it wrapped, and the recovery code, to be shown once."""
    pair = (mlkem.MLKEM768PrivateKey.generate(), x25519.X25519PrivateKey.generate())
    private = pair[0].private_bytes_raw() + pair[1].private_bytes_raw()
    public = pair[0].public_key().public_bytes_raw() + pair[1].public_key().public_bytes_raw()
    code = secrets.token_bytes(_RECOVERY_BYTES)
    salt = secrets.token_bytes(_SALT_BYTES)
    wrapped = WrappedHousehold(
        suite=SUITE_NAME,
        public_key=public,
        cost=cost,
        by_password=_wrap(_password_key(password, salt, device_key, cost), salt, private, public),
        by_recovery_code=_wrap(_code_key(code, salt), salt, private, public),
    )
    return wrapped, _written(code)


def open_with_password(wrapped: WrappedHousehold, password: str, device_key: DeviceKey) -> HouseholdKey:
    """Raises CannotUnlock; whether password or device key was wrong cannot be told."""
    _check(wrapped.suite)
    salt = wrapped.by_password[:_SALT_BYTES]
    key = _password_key(password, salt, device_key, wrapped.cost)
    return HouseholdKey(_unwrap(key, wrapped.by_password, wrapped.public_key))


def open_with_recovery_code(wrapped: WrappedHousehold, written: str) -> HouseholdKey:
    """Raises CannotUnlock."""
    _check(wrapped.suite)
    try:
        code = base64.b32decode("".join(written.upper().replace("-", " ").split()))
    except ValueError:
        raise CannotUnlock from None
    salt = wrapped.by_recovery_code[:_SALT_BYTES]
    return HouseholdKey(_unwrap(_code_key(code, salt), wrapped.by_recovery_code, wrapped.public_key))


def _check(suite: str) -> None:
    if suite != SUITE_NAME:
        raise HistoryError(f"this version of the gateway does not know the key suite {suite}")


def _bound(number: str, purpose: str) -> bytes:
    return joined(_LABEL + purpose.encode(), meter_number(number).encode())


def _password_key(password: str, salt: bytes, device_key: DeviceKey, cost: PasswordCost) -> bytes:
    slow = Argon2id(
        salt=salt,
        length=_KEY_BYTES,
        iterations=cost.iterations,
        lanes=cost.lanes,
        memory_cost=cost.memory_kib,
    ).derive(unicodedata.normalize("NFC", password).encode())  # keyboards differ in how they make an é
    # Salted with a secret: without the device key, the password can be guessed only blindly.
    secret_salt = device_key.subkey("password")
    return HKDF(hashes.SHA256(), _KEY_BYTES, salt=secret_salt, info=_LABEL + b"password").derive(slow)


def _code_key(code: bytes, salt: bytes) -> bytes:
    # 160 random bits need no slow hash.
    return HKDF(hashes.SHA256(), _KEY_BYTES, salt=salt, info=_LABEL + b"recovery code").derive(code)


def _wrap(key: bytes, salt: bytes, private: bytes, public: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return salt + nonce + ChaCha20Poly1305(key).encrypt(nonce, private, joined(_LABEL, public))


def _unwrap(key: bytes, wrapped: bytes, public: bytes) -> bytes:
    nonce, text = wrapped[_SALT_BYTES : _SALT_BYTES + _NONCE_BYTES], wrapped[_SALT_BYTES + _NONCE_BYTES :]
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, text, joined(_LABEL, public))
    except InvalidTag:
        raise CannotUnlock from None


def _written(code: bytes) -> str:
    text = base64.b32encode(code).decode()
    return "-".join(text[i : i + 4] for i in range(0, len(text), 4))
