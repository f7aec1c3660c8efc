"""Made-up readings, consents and a clock: as small as a test needs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from gateway.consent import (
    Category,
    Consent,
    Granularity,
    Notice,
    State,
    Terms,
)
from gateway.p1 import MBusReading, Reading
from gateway.p1.reading import SIMULATOR_MODEL

ZONE = ZoneInfo("Europe/Amsterdam")
NUMBER = "E0001234567890123"
GAS_NUMBER = "G0009876543210987"
PASSWORD = "correct horse battery"
MODEL = "XYZ5\\MADE-UP"
SIMULATED = f"XYZ5\\{SIMULATOR_MODEL}"
NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)


class Clock:
    """A clock that stands still until the test moves it."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


def utc(written: str) -> datetime:
    """ "2026-06-10 12:00" as a time in UTC."""
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


def local(written: str) -> datetime:
    """ "2026-06-10 12:00" at home, as a time in UTC."""
    return datetime.fromisoformat(written).replace(tzinfo=ZONE).astimezone(UTC)


def reading(
    at: datetime,
    *,
    number: str | None = NUMBER,
    model: str = MODEL,
    gas: tuple[datetime, int] | None = None,
    gas_number: str = GAS_NUMBER,
    **quantities: int,
) -> Reading:
    """A reading of just these quantities. `gas` is when the gas meter was read, and its litres."""
    devices = () if gas is None else (MBusReading(1, "gas", gas_number, gas[0], gas[1]),)
    return Reading(at, model, number, "50", MappingProxyType(quantities), devices)


def terms(grants: Mapping[Category, Granularity] | None = None, **changes: Any) -> Terms:
    """Terms for power every five seconds, valid for a day from NOON on, but for `changes`."""
    usual = Terms(
        recipient="Energy app",
        purpose="show me my usage",
        grants=grants or {Category.POWER: Granularity.LIVE},
        valid_from=NOON,
        valid_until=NOON + timedelta(days=1),
        notice=Notice("You may withdraw at any time.", "en"),
        live_interval_s=5,
    )
    return replace(usual, **changes)


def consent(
    grants: Mapping[Category, Granularity] | None = None, state: State = State.GIVEN, **changes: Any
) -> Consent:
    return Consent("c0123456789abcdef", terms(grants, **changes), state)
