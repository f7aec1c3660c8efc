"""A ledger in a real file, with its newest line remembered in a real hidden file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.consent import DisclosureLog, Ledger
from gateway.history import DeviceKey, HiddenFile
from tests.made_up import Clock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.jsonl"


@pytest.fixture
def newest(tmp_path: Path, device_key: DeviceKey) -> HiddenFile:
    return HiddenFile(tmp_path / "hidden" / "ledger-newest", device_key)


@pytest.fixture
def read(path: Path, newest: HiddenFile, device_key: DeviceKey, clock: Clock) -> Callable[[], Ledger]:
    """Reads the ledger as a start of the daemon does."""
    return lambda: Ledger(path, device_key, newest, clock)


@pytest.fixture
def ledger(read: Callable[[], Ledger]) -> Ledger:
    return read()


@pytest.fixture
def disclosures(tmp_path: Path, device_key: DeviceKey, clock: Clock) -> DisclosureLog:
    return DisclosureLog(HiddenFile(tmp_path / "hidden" / "disclosures", device_key), clock)
