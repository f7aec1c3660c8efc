"""Fixtures that the tests of several rooms share, and the fast lane."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from gateway.history import DeviceKey
from tests.lane import Guard, is_fast
from tests.made_up import Clock
from tests.thorough import LANE


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def device_key() -> DeviceKey:
    return DeviceKey(bytes(range(32)))


# How long an example takes says how busy the machine is, and nothing of the gateway.
_QUIET = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("usual", _QUIET)
settings.register_profile("fast", _QUIET, max_examples=25)
settings.load_profile("fast" if LANE == "fast" else "usual")

if LANE == "fast":
    _guard = Guard()

    def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
        left_out = [item for item in items if not is_fast(Path(item.path), item.name)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]

    @pytest.fixture(autouse=True)
    def _in_the_fast_lane() -> Iterator[None]:
        _guard.watching = True
        yield
        _guard.watching = False
