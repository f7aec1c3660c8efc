"""A made-up home for the page's tests: a real sealed history, a real ledger, a stand-in broker."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

from flask import Flask

from gateway.config import PageConfig
from gateway.consent import (
    Category,
    Disclosure,
    DisclosureLog,
    Granularity,
    Ledger,
)
from gateway.costs import TariffBook
from gateway.errors import ClockNotBelieved
from gateway.history import DeviceKey, Retention, RetentionChoice
from gateway.history.recording.writer import Batch
from gateway.live import Live
from gateway.operations import Gateway, Keys, Operations, SetupCode, Sharing, Status, Storage
from gateway.p1 import MBusReading, Reading
from gateway.p1.reading import SIMULATOR_MODEL
from gateway.web import create_app
from tests.doors import Doors, behind
from tests.history.sealed import sealed
from tests.made_up import MemorySlot

ZONE = ZoneInfo("Europe/Amsterdam")
NOON = datetime(2026, 11, 23, 11, 0, 30, tzinfo=UTC)
METER, GAS_METER = "E0044007123456789", "G0059001234567890"
PASSWORD = "four quiet words here"


class Clock:
    """A clock that goes when told to."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def go(self, **step: float) -> None:
        self.at += timedelta(**step)


BROWSER_KEY = b"k" * 32


def _no_status() -> Status:
    raise NotImplementedError


class Home:
    """A gateway's page with all that is behind it."""

    def __init__(self, folder: Path, settings: PageConfig | None = None, at: datetime = NOON) -> None:
        self.folder = folder
        self.clock = Clock(at)
        self.device_key = DeviceKey.load_or_create(folder / "device.key")
        self.history = sealed(folder / "history.db", self.device_key)
        self.live = Live(self.clock)
        self.doors = Doors()
        self.disclosures = DisclosureLog(MemorySlot(), self.clock)
        self._newest = MemorySlot()
        self.setup_code = SetupCode(folder / "setup-code")
        self.clock_doubt: ClockNotBelieved | None = None
        self.settings = settings or PageConfig(language="en")
        self.open_ledger()

    def open_ledger(self) -> None:
        """As the daemon does at its start."""
        ledger = Ledger(self.folder / "ledger", self.device_key, self._newest, self.clock)
        self.sharing = Sharing(
            ledger, behind(self.doors), self.disclosures, self.clock, lambda: None, lambda: self.clock_doubt
        )

    def app(self) -> Flask:
        slot = MemorySlot()
        retention = RetentionChoice(slot, Retention())
        operations = Operations(
            gateway=Gateway(self.live, _no_status),
            sharing=self.sharing,
            keys=Keys(self.history, self.setup_code, self.clock, self.live.meter_number),
            storage=Storage(self.history, retention, TariffBook(MemorySlot()), self.clock),
            live=self.live,
            clock=self.clock,
            zone=ZONE,
        )
        return create_app(operations, self.settings, BROWSER_KEY)

    def show(self, reading: Reading, **usage_today: int) -> None:
        """A telegram arrives."""
        usage = {"energy_import_t1_wh": 3120, "energy_import_t2_wh": 1004, "energy_export_t1_wh": 0}
        self.live.show(reading, usage | {"energy_export_t2_wh": 2610, "gas_litre": 1840} | usage_today)

    def send(self, consent_id: str, *categories: Category) -> None:
        """Something was sent to a recipient."""
        self.disclosures.note(
            Disclosure(
                consent_id=consent_id,
                granularity=Granularity.QUARTER,
                at=self.clock(),
                quantities={},
                devices=(),
                meter_number=None,
                model=None,
                categories=frozenset(categories),
                simulated=True,
            )
        )

    def record(self, readings: Iterator[Reading]) -> None:
        """Put readings into the history, as the daemon does. The gateway must be claimed."""
        batches: list[Batch] = []
        recorder = self.history.recorder(batches.append, timedelta(seconds=60))
        for reading in readings:
            recorder.record(reading)
        writer = self.history.open_writer()
        try:
            writer.write(*batches)
        finally:
            writer.close()


def reading(at: datetime, simulated: bool = True, gas: bool = True, **quantities: int) -> Reading:
    """One reading of a home with three phases, solar panels and gas, as it would be at that moment."""
    hours = (at - datetime(2026, 1, 1, tzinfo=UTC)).total_seconds() / 3600
    days, hour = divmod(hours, 24)
    # Registers grow by sums of smooth rates: they never fall, and no two days or quarters are alike.
    imported = 2_000_000 + 380 * hours + 900 * math.sin(hours / 24 * 2 * math.pi - 2)
    imported += 2500 * math.sin(hours / 24 * 0.9) + 4 * math.sin(9 * hours)
    sun = max(0.0, math.cos((hour - 11.5) / 24 * 2 * math.pi * 1.6)) if 6.8 < hour < 16.2 else 0.0
    sun_so_far = min(max((hour - 6.8) / 9.4, 0.0), 1.0)
    sunny_days = days + sun_so_far * sun_so_far * (3 - 2 * sun_so_far)
    exported = 800_000 + 4100 * (sunny_days + 0.5 * math.sin(1.3 * sunny_days) / 1.3)
    power = round(260 + 2900 * (1 + math.sin(hours * 1.7)) ** 3 / 8 - 2600 * sun)
    known = {
        "tariff": 2,
        "energy_import_t1_wh": round(imported * 0.45),
        "energy_import_t2_wh": round(imported * 0.55),
        "energy_export_t1_wh": 120_000,
        "energy_export_t2_wh": round(exported),
        "power_import_w": max(power, 0),
        "power_export_w": max(-power, 0),
    }
    for number, share in enumerate((0.6, 0.3, 0.1), start=1):
        known |= {
            f"power_import_l{number}_w": max(round(power * share), 0),
            f"power_export_l{number}_w": max(round(-power * share), 0),
            f"voltage_l{number}_mv": 230_000 + 900 * number,
            f"current_l{number}_ma": round(abs(power) * share / 230) * 1000,
        }
    captured_at = at.replace(minute=at.minute // 5 * 5, second=0)
    gas_hours = hours - at.minute % 5 / 60
    gas_litre = 1_200_000 + round(
        260 * gas_hours + 350 * math.sin(gas_hours / 24 * 2 * math.pi) + 2500 * math.sin(gas_hours / 24 * 0.8)
    )
    return Reading(
        at=at,
        model=f"/XMX5{SIMULATOR_MODEL}" if simulated else "/KFM5KAIFA-METER",
        meter_number=METER,
        version="50",
        quantities=MappingProxyType(known | quantities),
        mbus=(MBusReading(1, "gas", GAS_METER, captured_at, gas_litre),) if gas else (),
    )


def quarters(first: datetime, last: datetime, step_s: int = 300) -> Iterator[Reading]:
    """Readings from `first` through `last`, so many seconds apart."""
    at = first
    while at <= last:
        yield reading(at)
        at += timedelta(seconds=step_s)
