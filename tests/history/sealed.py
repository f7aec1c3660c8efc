"""A sealed history as a test makes it: at home, and with a password that costs little to guess."""

from __future__ import annotations

from pathlib import Path

from gateway.history import DeviceKey, SealedHistory, keys_beside
from gateway.history.keys.keyring import COST_IN_TESTS
from tests.made_up import ZONE


def sealed(path: Path, device_key: DeviceKey) -> SealedHistory:
    """The history at a path, made where there is none. Raises as `SealedHistory` and `keys_beside` do."""
    return SealedHistory(path, keys_beside(path, device_key), ZONE, COST_IN_TESTS)
