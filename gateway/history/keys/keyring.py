"""The household's keys: the one place where they are made, wrapped and opened.

The household key is an HPKE key pair. The daemon holds the public half and can only seal with it; the
private half lies wrapped under password + device key, and a second time under the recovery code. A
data key (one for each meter, day and start of the daemon) is sealed to it.

A wrong key is refused, never guessed at. Sources: RFC 9180 (HPKE), RFC 9106 (Argon2id), RFC 5869
(HKDF), RFC 8439 (ChaCha20-Poly1305).
"""

from __future__ import annotations

import base64
import hmac
import secrets
import struct
import unicodedata
from dataclasses import dataclass, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from gateway.errors import CannotUnlock, KeysExchanged
from gateway.history.keys.root_keys import (
    KEY_BYTES,
    LABEL,
    Authenticator,
    DeviceKey,
    GatewayKeys,
    GatewaySecret,
    derived,
    joined,
    meter_number,
)
from gateway.history.keys.suites import SUITE_NAME, suite

_NONCE_BYTES = 12
_SALT_BYTES = 16
_RECOVERY_BYTES = 20
# What is sealed to the household, and for what: one cannot be taken for the other.
_DATA_KEY, _METERS = "data key", "meters record"


@dataclass(frozen=True, slots=True)
class PasswordCost:
    """What one guess of the password costs (Argon2id); stored beside what it protects."""

    memory_kib: int
    iterations: int
    lanes: int


COST_ON_A_PI = PasswordCost(memory_kib=64 * 1024, iterations=3, lanes=4)  # RFC 9106, second choice
COST_IN_TESTS = PasswordCost(memory_kib=8 * 1024, iterations=1, lanes=1)


@dataclass(frozen=True, slots=True)
class WrappedHousehold:
    """The household's key pair as it lies on disk. It opens for password + device key, or the code.

    `by_household` holds what a recovery on another gateway needs, under the private key; `mac` is made
    under the device key whose id it carries.
    """

    suite: str
    public_key: bytes
    cost: PasswordCost
    by_password: bytes
    by_recovery_code: bytes
    by_household: bytes
    device_key_id: bytes
    mac: bytes = b""


@dataclass(frozen=True, slots=True)
class NewHousehold:
    """A household's key pair just made; the code is to be shown once."""

    wrapped: WrappedHousehold
    recovery_code: str
    key: HouseholdKey


class HouseholdSeal:
    """The public half: seals data keys for the household, and opens nothing."""

    def __init__(self, suite_name: str, public_key: bytes) -> None:
        self.suite = suite_name
        self._hpke = suite(suite_name).hpke
        self._key = suite(suite_name).public_key(public_key)

    def seal_data_key(self, raw: bytes, number: str) -> bytes:
        """The meter number is needed to open it, and stands nowhere in it."""
        return self._sealed(raw, number, _DATA_KEY)

    def seal_meters(self, plain: bytes, number: str) -> bytes:
        """The household's meters, bound to the number of one of them."""
        return self._sealed(plain, number, _METERS)

    def _sealed(self, secret: bytes, number: str, purpose: str) -> bytes:
        return self._hpke.encrypt(secret, self._key, info=_bound(number, purpose))


class HouseholdKey:
    """The private half: it exists only after an unlock."""

    def __init__(self, suite_name: str, private: bytes) -> None:
        self.private = private
        self._hpke = suite(suite_name).hpke
        self._key = suite(suite_name).private_key(private)

    def open_data_key(self, sealed: bytes, number: str) -> bytes:
        """The inverse of `HouseholdSeal.seal_data_key`. Raises CannotUnlock."""
        return self._opened(sealed, number, _DATA_KEY)

    def open_meters(self, sealed: bytes, number: str) -> bytes:
        """The inverse of `HouseholdSeal.seal_meters`. Raises CannotUnlock."""
        return self._opened(sealed, number, _METERS)

    def _opened(self, sealed: bytes, number: str, purpose: str) -> bytes:
        try:
            return self._hpke.decrypt(sealed, self._key, info=_bound(number, purpose))
        except InvalidTag:
            raise CannotUnlock from None

    def root(self, wrapped: WrappedHousehold) -> tuple[GatewaySecret, Authenticator]:
        """The gateway's secret and the key of its macs, for a recovery. Raises CannotUnlock."""
        plain = _unwrap(derived(self.private, "by household"), wrapped.by_household, wrapped)
        return GatewaySecret(plain[:KEY_BYTES]), Authenticator(plain[KEY_BYTES:])


def new_household(
    password: str, keys: GatewayKeys, cost: PasswordCost, suite_name: str = SUITE_NAME
) -> NewHousehold:
    """Make a household's key pair."""
    private, public = suite(suite_name).generate()
    key = HouseholdKey(suite_name, private)
    code = secrets.token_bytes(_RECOVERY_BYTES)
    salt = secrets.token_bytes(_SALT_BYTES)
    empty = WrappedHousehold(suite_name, public, cost, b"", b"", b"", b"")
    by_code = _wrap(_code_key(code, salt), salt, private, empty)
    wrapped = wrap_anew(replace(empty, by_recovery_code=by_code), key, password, keys, cost)
    return NewHousehold(wrapped, _written(code), key)


def wrap_anew(
    wrapped: WrappedHousehold, key: HouseholdKey, password: str, keys: GatewayKeys, cost: PasswordCost
) -> WrappedHousehold:
    """The same key pair under another password or device key; the recovery code stays."""
    salt = secrets.token_bytes(_SALT_BYTES)
    root = keys.secret.raw + keys.device_key.authenticator.raw
    again = replace(
        wrapped,
        cost=cost,
        by_password=_wrap(_password_key(password, salt, keys.device_key, cost), salt, key.private, wrapped),
        by_household=_wrap(
            derived(key.private, "by household"), secrets.token_bytes(_SALT_BYTES), root, wrapped
        ),
        device_key_id=keys.device_key.id,
    )
    return replace(again, mac=_household_mac(again, keys.device_key.authenticator))


def check_household(wrapped: WrappedHousehold, authenticator: Authenticator) -> None:
    """Raises KeysExchanged when someone else put this public key there.

    Nothing is sealed to a key that the gateway itself did not make: else who has written to the card
    once could read all that comes after.
    """
    if not hmac.compare_digest(wrapped.mac, _household_mac(wrapped, authenticator)):
        raise KeysExchanged


def open_with_password(wrapped: WrappedHousehold, password: str, device_key: DeviceKey) -> HouseholdKey:
    """Raises CannotUnlock; whether password or device key was wrong cannot be told."""
    suite(wrapped.suite)
    salt = wrapped.by_password[:_SALT_BYTES]
    key = _password_key(password, salt, device_key, wrapped.cost)
    return HouseholdKey(wrapped.suite, _unwrap(key, wrapped.by_password, wrapped))


def open_with_recovery_code(wrapped: WrappedHousehold, written: str) -> HouseholdKey:
    """Raises CannotUnlock."""
    suite(wrapped.suite)
    try:
        code = base64.b32decode("".join(written.upper().replace("-", " ").split()))
    except ValueError:
        raise CannotUnlock from None
    salt = wrapped.by_recovery_code[:_SALT_BYTES]
    return HouseholdKey(wrapped.suite, _unwrap(_code_key(code, salt), wrapped.by_recovery_code, wrapped))


def _household_mac(wrapped: WrappedHousehold, authenticator: Authenticator) -> bytes:
    cost = wrapped.cost
    numbers = struct.pack(">qqq", cost.memory_kib, cost.iterations, cost.lanes)
    return authenticator.mac(
        b"household",
        wrapped.suite.encode(),
        wrapped.public_key,
        numbers,
        wrapped.by_password,
        wrapped.by_recovery_code,
        wrapped.by_household,
        wrapped.device_key_id,
    )


def _bound(number: str, purpose: str) -> bytes:
    return joined(LABEL + purpose.encode(), meter_number(number).encode())


def _password_key(password: str, salt: bytes, device_key: DeviceKey, cost: PasswordCost) -> bytes:
    slow = Argon2id(
        salt=salt,
        length=KEY_BYTES,
        iterations=cost.iterations,
        lanes=cost.lanes,
        memory_cost=cost.memory_kib,
    ).derive(unicodedata.normalize("NFC", password).encode())  # keyboards differ in how they make an é
    # Salted with a secret: without the device key, the password can be guessed only blindly.
    return derived(slow, "password", device_key.subkey("password"))


def _code_key(code: bytes, salt: bytes) -> bytes:
    # 160 random bits need no slow hash.
    return derived(code, "recovery code", salt)


def _wrap(key: bytes, salt: bytes, plain: bytes, household: WrappedHousehold) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return salt + nonce + ChaCha20Poly1305(key).encrypt(nonce, plain, _of(household))


def _unwrap(key: bytes, wrapped: bytes, household: WrappedHousehold) -> bytes:
    nonce, text = wrapped[_SALT_BYTES : _SALT_BYTES + _NONCE_BYTES], wrapped[_SALT_BYTES + _NONCE_BYTES :]
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, text, _of(household))
    except (InvalidTag, ValueError):
        raise CannotUnlock from None


def _of(household: WrappedHousehold) -> bytes:
    return joined(LABEL, household.suite.encode(), household.public_key)


def _written(code: bytes) -> str:
    text = base64.b32encode(code).decode()
    return "-".join(text[i : i + 4] for i in range(0, len(text), 4))
