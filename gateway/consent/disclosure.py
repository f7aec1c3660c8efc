"""Disclosure: what of a reading or a row a consent lets out. The only way out of the gateway.

Pure. Everything that is sent was returned by `disclose`, called immediately before sending. What
is in no granted category is not in what comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from gateway.consent.terms import Category, Consent, Granularity

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

OF_A_PERIOD = frozenset(
    ["demand_w", *(f"power_{way}_{end}_w" for way in ("import", "export") for end in ("max", "min"))]
)
"""What is measured over the whole of a row's period."""
OF_THE_RUNNING_QUARTER = frozenset(["demand_current_quarter_w"])
OF_THE_MONTH = frozenset(["demand_max_month_w"])
MOST_AHEAD = timedelta(days=2)
"""A period that ends later than this is of a clock that is wrong: no true one could come after it."""
_CLOCKS_APART = timedelta(minutes=10)
"""A live reading is of now: if its time differs by more from ours, the meter's clock is wrong."""
_QUARTER = timedelta(minutes=15)
_ANY_ZONE = timedelta(days=1)
# The meter's seconds are even, those of their arrival are not.
_UNEVEN_S = 0.5

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


@dataclass(frozen=True, slots=True)
class LivePace:
    """How a recipient's live messages follow each other: by the meter's time, and by their arrival.

    `last` is the meter's time of the one last sent. `due_s` is when the next may go, in seconds of a clock
    that nobody sets: a meter's clock that jumps opens no tap.
    """

    last: datetime | None
    due_s: float

    def allows(self, arrived_s: float) -> bool:
        return arrived_s >= self.due_s - _UNEVEN_S

    def after(self, sent: datetime, arrived_s: float, interval_s: int) -> LivePace:
        # Counted on from when it was due: in sum, no more go than one in an interval.
        return LivePace(sent, max(arrived_s, self.due_s) + interval_s)


def began_at(consent: Consent) -> datetime:
    """From when on something may be disclosed under a consent: nothing is let out from before it."""
    begins = consent.terms.valid_from
    return begins if consent.given_at is None else max(begins, consent.given_at)


def disclose(
    item: Disclosable,
    consent: Consent,
    now: datetime,
    last_live: datetime | None = None,
    *,
    measured_since: datetime | None = None,
    last_row: datetime | None = None,
) -> Disclosure | None:
    """Return what of a reading or row this consent lets out now; None when nothing.

    A category goes out at the granularity it was granted at, and at no other. Nothing goes out from before
    the consent began. `last_live` is the time of the live reading last sent: before the interval has passed,
    no other is let out. `measured_since` is from when on the statistics of a row were measured; where it is
    not known, they stay. `last_row` is the end of the last period let out of that meter and granularity: a
    period that does not come after it is not let out.
    """
    # By our clock, as the consent's own times are.
    began = began_at(consent) - _clock_error(item, now)
    if not consent.is_valid(now) or item.at < began:
        return None
    granted = {category for category, g in consent.terms.grants.items() if g == item.granularity}
    if not granted - {Category.IDENTITY}:
        return None
    if item.granularity == Granularity.LIVE:
        if not _follows_live(item.at, last_live, consent.terms.live_interval_s):
            return None
    elif item.at - now > MOST_AHEAD or (last_row is not None and item.at <= last_row):
        return None
    allowed = frozenset().union(*(QUANTITIES.get(category, frozenset()) for category in granted))
    allowed -= _reaching_back(item.at, began, measured_since)
    quantities = {name: value for name, value in item.quantities.items() if name in allowed}
    identity = Category.IDENTITY in granted
    devices = _devices([d for d in item.mbus if d.captured_at >= began], granted, identity)
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


def _clock_error(item: Disclosable, now: datetime) -> timedelta:
    """How far the meter's clock is behind ours, as a live reading shows it; a row may have waited."""
    behind = now - item.at
    wrong = item.granularity == Granularity.LIVE and abs(behind) > _CLOCKS_APART
    return behind if wrong else timedelta(0)


def _follows_live(at: datetime, last: datetime | None, interval_s: int) -> bool:
    # Both are the meter's times; its clock may have been set back since.
    return last is None or abs(at - last) >= timedelta(seconds=interval_s)


def _reaching_back(at: datetime, began: datetime, measured_since: datetime | None) -> frozenset[str]:
    """The quantities of this moment that were measured over a time from before the consent began."""
    before: frozenset[str] = frozenset()
    if measured_since is None or measured_since < began:
        before |= OF_A_PERIOD
    if at - _QUARTER - _CLOCKS_APART < began:
        before |= OF_THE_RUNNING_QUARTER
    # The first of a month at home is at most a day from that of UTC; at midnight, the month is the one that
    # has just ended.
    month = (at - _ANY_ZONE).replace(day=1, hour=0, minute=0, second=0, microsecond=0) - _ANY_ZONE
    if month < began:
        before |= OF_THE_MONTH
    return before


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
