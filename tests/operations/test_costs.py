"""What periods cost: each day of the opened history by the contract that holds then."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from gateway.costs import parse
from gateway.history import OpenHistory, SealedHistory, Span
from gateway.operations import costs_of
from tests.costs.test_contracts import TWO
from tests.history.conftest import device_key, history, path, unclaimed
from tests.history.recording import record, steady, unlocked
from tests.made_up import local

__all__ = ["device_key", "history", "path", "unclaimed"]  # fixtures

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def opened(history: SealedHistory) -> OpenHistory:
    begins = local("2026-06-28 00:00")
    record(history, steady(begins, begins + 5 * DAY, HOUR, watts=1000), DAY)
    return unlocked(history)


def test_a_month_is_priced_by_the_contract_of_each_of_its_days(opened: OpenHistory) -> None:
    first, last = local("2026-06-28 00:00"), local("2026-07-03 00:00")
    days = costs_of(opened, Span.DAY, first, last, parse(TWO))
    june, july = costs_of(opened, Span.MONTH, first, last, parse(TWO))
    assert [day.parts.get("electricity.import_t1") for day in days[:3]] == [Decimal("4.8")] * 3
    assert june.parts["electricity.import_t1"] == Decimal("14.4")
    assert july.parts["electricity.import"] == Decimal("4.8")
    assert june.total + july.total == sum(day.total for day in days)
    hours = costs_of(opened, Span.HOUR, local("2026-07-01 00:00"), local("2026-07-02 00:00"), parse(TWO))
    assert sum((hour.total for hour in hours), Decimal(0)).quantize(Decimal("1e-12")) == days[3].total
    assert not june.missing  # gas has a price, but there is no gas meter; nothing is fed back
