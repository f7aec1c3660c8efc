"""A claimed history in a real SQLite file, and readings recorded into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.history import DeviceKey, GatewayKeys, SealedHistory
from gateway.history.storage.key_files import SecretFile
from tests.history.sealed import sealed
from tests.made_up import PASSWORD


@pytest.fixture
def device_key(tmp_path: Path) -> DeviceKey:
    return DeviceKey.load_or_create(tmp_path / "key" / "device.key")


@pytest.fixture
def key_path(device_key: DeviceKey) -> Path:
    """Where the device key lies."""
    assert device_key.path is not None
    return device_key.path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "history.db"


@pytest.fixture
def unclaimed(path: Path, device_key: DeviceKey) -> SealedHistory:
    return sealed(path, device_key)


@pytest.fixture
def keys(unclaimed: SealedHistory, path: Path, device_key: DeviceKey) -> GatewayKeys:
    """What the gateway of this history holds."""
    return GatewayKeys(device_key, SecretFile(path.parent).load(device_key))


@pytest.fixture
def history(unclaimed: SealedHistory) -> SealedHistory:
    unclaimed.claim(PASSWORD)
    return unclaimed
