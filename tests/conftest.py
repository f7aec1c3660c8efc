"""Fixtures that the tests of several rooms share."""

from __future__ import annotations

import pytest

from gateway.history import DeviceKey
from tests.made_up import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def device_key() -> DeviceKey:
    return DeviceKey(bytes(range(32)))
