"""Disclosure: what of a reading or a row a consent lets out. The only way out of the gateway.

Pure. Everything that is sent was returned by `disclose`, called immediately before sending. What
is in no granted category is not in what comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway import quantities
from gateway.consent.terms import Category, Consent, Granularity
from gateway.quantities import Span, category_of

QUANTITIES: Mapping[Category, frozenset[str]] = {
    category: frozenset(
        row.name
        for row in quantities.QUANTITIES
        if row.category == category and row.name not in quantities.COMMODITY_OF
    )
    for category in Category
}
"""Which quantities belong to which category: no quantity to two, one that is nowhere to none.

The registers of M-Bus devices leave as devices, by the category of their commodity.
"""


def _over(span: Span) -> frozenset[str]:
    return frozenset(row.name for row in quantities.QUANTITIES if row.span is span)


OF_A_PERIOD = _over(Span.PERIOD)
"""What is measured over the whole of a row's period."""
OF_THE_RUNNING_QUARTER = _over(Span.RUNNING_QUARTER)
OF_THE_MONTH = _over(Span.MONTH)
MOST_AHEAD = timedelta(days=2)
"""A period that ends later than this is of a clock that is wrong: no true one could come after it."""
_CLOCKS_APART = timedelta(minutes=10)
"""A live reading is of now: if its time differs by more from ours, the meter's clock is wrong."""
_QUARTER = timedelta(minutes=15)
_ANY_ZONE = timedelta(days=1)
# The meter's seconds are even, those of their arrival are not.
_UNEVEN_S = 0.5


@dataclass(frozen=True, slots=True)
class Device:
    """An M-Bus device's register, and when the device read it."""

    commodity: str
    number: str
    captured_at: datetime
    register: int


@dataclass(frozen=True, slots=True)
class Offer:
    """What could be disclosed: a reading's content ("live"), or a profile row's ("quarter", "hour", "day").

    `granularity` is none of a consent's for rows that nobody may have, those of a month. `at` is the time of
    the reading, or the end of the row's period.
    """

    granularity: str
    at: datetime
    meter_number: str | None
    quantities: Mapping[str, int]
    devices: Sequence[Device]
    model: str | None
    simulated: bool


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
    item: Offer,
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
    let_out = {name: value for name, value in item.quantities.items() if name in allowed}
    identity = Category.IDENTITY in granted
    devices = _devices([d for d in item.devices if d.captured_at >= began], granted, identity)
    if not let_out and not devices:
        return None
    return Disclosure(
        consent_id=consent.id,
        granularity=Granularity(item.granularity),
        at=item.at,
        quantities=let_out,
        devices=devices,
        meter_number=item.meter_number if identity and let_out else None,
        model=item.model if identity else None,
        categories=frozenset(c for c in granted if _is_in(c, let_out, devices, identity)),
        simulated=item.simulated,
    )


def _clock_error(item: Offer, now: datetime) -> timedelta:
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
        if category_of(device.commodity) in granted
    )


def _is_in(
    category: Category,
    let_out: Mapping[str, int],
    devices: Sequence[DisclosedDevice],
    identity: bool,
) -> bool:
    if category is Category.IDENTITY:
        return identity
    return not QUANTITIES.get(category, frozenset()).isdisjoint(let_out) or any(
        category_of(device.commodity) == category for device in devices
    )
