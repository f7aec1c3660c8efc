"""Disclosure: what of a reading or a row a consent lets out. The only way out of the gateway.

Pure. Everything that is sent was returned by `disclose`, called immediately before sending. What
is in no granted category is not in what comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from gateway.consent.consent import Category, Consent, Granularity

_PHASE_QUANTITIES = [
    f"{what}_{phase}_{unit}"
    for phase in ("l1", "l2", "l3")
    for what, unit in (("power_import", "w"), ("power_export", "w"), ("voltage", "mv"), ("current", "ma"))
]

QUANTITIES: Mapping[Category, frozenset[str]] = {
    Category.ELECTRICITY: frozenset(
        ["tariff"]
        + [f"energy_{way}{t}_wh" for way in ("import", "export") for t in ("", "_t1", "_t2", "_t3", "_t4")]
    ),
    Category.POWER: frozenset(
        ["power_import_w", "power_export_w"]
        + [f"power_{way}_{end}_w" for way in ("import", "export") for end in ("max", "min")]
    ),
    Category.PHASES: frozenset(_PHASE_QUANTITIES),
    Category.DEMAND: frozenset(["demand_w", "demand_current_quarter_w", "demand_max_month_w"]),
    Category.QUALITY: frozenset(
        ["failures_any", "failures_long", "frequency_mhz"]
        + [f"{what}_{phase}" for what in ("sags", "swells") for phase in ("l1", "l2", "l3")]
    ),
}
"""Which quantities belong to which category: no quantity to two, one that is nowhere to none."""

_CATEGORY_OF_COMMODITY: Mapping[str, Category] = {
    "gas": Category.GAS,
    "water": Category.WATER,
    "warm_water": Category.WATER,
    "heat": Category.HEAT,
    "inlet_heat": Category.HEAT,
    "heat_volume": Category.HEAT,
}


class Device(Protocol):
    """An M-Bus device's register within a reading."""

    @property
    def commodity(self) -> str: ...
    @property
    def number(self) -> str: ...
    @property
    def captured_at(self) -> datetime: ...
    @property
    def register(self) -> int: ...


class Disclosable(Protocol):
    """A reading (granularity "live") or a profile row ("quarter", "hour", "day", "month")."""

    @property
    def granularity(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def meter_number(self) -> str | None: ...
    @property
    def quantities(self) -> Mapping[str, int]: ...
    @property
    def mbus(self) -> Sequence[Device]: ...
    @property
    def model(self) -> str | None: ...
    @property
    def simulated(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class DisclosedDevice:
    commodity: str
    number: str | None
    captured_at: datetime
    register: int


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What leaves the gateway: nothing but granted quantities, with the time they are of."""

    consent_id: str
    granularity: Granularity
    at: datetime
    quantities: Mapping[str, int]
    devices: tuple[DisclosedDevice, ...]
    meter_number: str | None
    model: str | None
    categories: frozenset[Category]
    simulated: bool


def disclose(
    item: Disclosable, consent: Consent, now: datetime, last_live: datetime | None = None
) -> Disclosure | None:
    """Return what of a reading or row this consent lets out now; None when nothing.

    A category goes out at the granularity it was granted at, and at no other. `last_live` is the
    time of the live reading last sent: before the interval has passed, no other is let out.
    """
    if not consent.is_valid(now):
        return None
    granted = {category for category, g in consent.terms.grants.items() if g == item.granularity}
    if not granted - {Category.IDENTITY}:
        return None
    if item.granularity == Granularity.LIVE and last_live is not None:
        # Both are the meter's times: its seconds are even, those of their arrival are not.
        passed = item.at - last_live
        if timedelta(0) <= passed < timedelta(seconds=consent.terms.live_interval_s):
            return None
    allowed = frozenset().union(*(QUANTITIES.get(category, frozenset()) for category in granted))
    quantities = {name: value for name, value in item.quantities.items() if name in allowed}
    identity = Category.IDENTITY in granted
    devices = _devices(item.mbus, granted, identity)
    if not quantities and not devices:
        return None
    return Disclosure(
        consent_id=consent.id,
        granularity=Granularity(item.granularity),
        at=item.at,
        quantities=quantities,
        devices=devices,
        meter_number=item.meter_number if identity and quantities else None,
        model=item.model if identity else None,
        categories=frozenset(c for c in granted if _is_in(c, quantities, devices, identity)),
        simulated=item.simulated,
    )


def _devices(found: Sequence[Device], granted: set[Category], identity: bool) -> tuple[DisclosedDevice, ...]:
    return tuple(
        DisclosedDevice(
            device.commodity, device.number if identity else None, device.captured_at, device.register
        )
        for device in found
        if _CATEGORY_OF_COMMODITY.get(device.commodity) in granted
    )


def _is_in(
    category: Category,
    quantities: Mapping[str, int],
    devices: Sequence[DisclosedDevice],
    identity: bool,
) -> bool:
    if category is Category.IDENTITY:
        return identity
    return not QUANTITIES.get(category, frozenset()).isdisjoint(quantities) or any(
        _CATEGORY_OF_COMMODITY[device.commodity] is category for device in devices
    )
