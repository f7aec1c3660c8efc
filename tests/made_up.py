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
from gateway.operations import Implausible, Status
from gateway.p1 import MBusReading, Reading
from gateway.p1.reading import SIMULATOR_MODEL
from gateway.sharing import FORMATS, Served

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


class MemorySlot:
    """A hidden file that lies in memory."""

    def __init__(self) -> None:
        self.kept: bytes | None = None

    def load(self) -> bytes | None:
        return self.kept

    def save(self, plain: bytes) -> None:
        self.kept = plain

    overwrite = save


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
        format="json",
        transport="mqtt",
        live_interval_s=5,
    )
    return replace(usual, **changes)


def consent(
    grants: Mapping[Category, Granularity] | None = None, state: State = State.GIVEN, **changes: Any
) -> Consent:
    return Consent("c0123456789abcdef", terms(grants, **changes), state)


def served(**changes: Any) -> Served:
    """A consent and the format of its terms."""
    made = consent(**changes)
    return Served(made, FORMATS[made.terms.format])


def status(**changes: Any) -> Status:
    """The status of a gateway that is well and has an owner, but for `changes`."""
    well = Status(
        claimed=True,
        meter="receiving",
        telegrams=0,
        damaged=0,
        fault=None,
        fault_kind=None,
        faults={},
        noise_bytes=0,
        messages=0,
        clock_losses=0,
        implausible=Implausible(0, 0, 0, 0, 0),
        simulated=False,
        country=None,
        last_telegram_at=None,
        clock="believed",
        sharing="nobody has a consent",
        consents=0,
        transports={},
        last_backup=None,
        removed_for_room_until=None,
        history_waiting=0,
        history_dropped=0,
        history_fault=None,
        ledger_fault=None,
    )
    return replace(well, **changes)
