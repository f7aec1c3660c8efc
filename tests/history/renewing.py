"""What the tests of renewal, recovery and attacks share: a history of two meters, and all that shows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from gateway.history import (
    OpenHistory,
    Period,
    SealedHistory,
    open_keys,
)
from gateway.p1 import Reading
from tests.history.sealed import sealed
from tests.made_up import NOON, reading

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NOW = int((NOON + 400 * DAY).timestamp())


def two_meters(first_day: int = 0, last_day: int = 2) -> Iterator[Reading]:
    """Electricity and gas, every six hours."""
    for quarter_day in range(first_day * 4, last_day * 4 + 1):
        at = NOON + quarter_day * DAY / 4
        yield reading(at, gas=(at, 7000 + quarter_day), energy_import_t1_wh=10_000 + 500 * quarter_day)


def everything(opened: OpenHistory) -> list[Any]:
    """All that the owner can see."""
    far = NOON - DAY, NOON + 30 * DAY
    rows = [row for meter in opened.meters for period in Period for row in opened.rows(period, *far, meter)]
    return [opened.meters, rows, list(opened.trace(*far))]


def sealed_history(path: Path, device_key: Path) -> SealedHistory:
    return sealed(path, open_keys(device_key, path).device_key)
