"""The only way out: what is in no granted category at its granularity is not in what comes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.consent import Category, Consent, Device, Disclosure, Granularity, Offer, State, disclosure
from gateway.consent.disclosure import QUANTITIES, LivePace
from gateway.history import Period, Row
from gateway.history.records.profile import ROW_QUANTITIES
from gateway.p1 import Reading, obis
from gateway.sharing.offers import of_reading, of_row
from tests.made_up import GAS_NUMBER, MODEL, NOON, NUMBER, consent, reading, utc

DEVICES = {
    "gas": Category.GAS, "water": Category.WATER, "warm_water": Category.WATER,
    "heat": Category.HEAT, "inlet_heat": Category.HEAT, "heat_volume": Category.HEAT,
}  # fmt: skip
KEPT_TO_OURSELVES = {
    "version", "emucs_version", "time", "grid_type", "failures", "demand_history",
    # who and what is there
    "meter_number", "meter_id", "device_name", "connection_ean", "device_type", "device_number", "device_ean",
    "device_register", "valve_state", "breaker_state", "limiter_w", "current_transformer_ratio",
    "voltage_transformer_ratio",
    # what the grid operator writes to the owner
    "message", "message_code",
}  # fmt: skip
# What no category's notice speaks of: nobody has asked for it.
UNASKED = (
    "reactive_", "apparent_", "power_factor_", "fuse_threshold_", "relay_", "message_channel_",
    "demand_reactive_", "demand_apparent_", "demand_export_", "power_combined_", "power_net_",
    "power_import_average_", "energy_combined_",
)  # fmt: skip
UNASKED_COMMODITIES = {"cooling", "cooling_volume", "submeter"}
HOUR = timedelta(hours=1)
POWER_LIVE = {Category.POWER: Granularity.LIVE}


def disclose(item: Reading | Row | Offer, *args: Any, **also: Any) -> Disclosure | None:
    """What is let out of a reading, a row, or of whatever may be offered."""
    if isinstance(item, Reading):
        item = of_reading(item)
    elif isinstance(item, Row):
        item = of_row(item)
    return disclosure.disclose(item, *args, **also)


every_quantity = sorted({row.quantity for row in obis.TABLE} | set(ROW_QUANTITIES) | {"something_new_w"})
times = st.integers(-3600, 2 * 86_400).map(lambda seconds: NOON + timedelta(seconds=seconds))
items = st.builds(
    Offer,
    granularity=st.sampled_from([*Granularity, "month", "second"]),
    at=times,
    meter_number=st.sampled_from([NUMBER, None]),
    quantities=st.dictionaries(st.sampled_from(every_quantity), st.integers(0, 10**9)),
    devices=st.lists(
        st.builds(
            Device,
            st.sampled_from([*DEVICES, "steam"]),
            st.just(GAS_NUMBER),
            times,
            st.integers(0, 10**9),
        ),
        max_size=4,
    ).map(tuple),
    model=st.just(MODEL),
    simulated=st.booleans(),
)
consents = st.builds(
    consent,
    st.dictionaries(st.sampled_from(Category), st.sampled_from(Granularity), min_size=1),
    st.sampled_from([State.GIVEN] * 4 + list(State)),
    live_interval_s=st.integers(1, 60),
)


maybe_times = st.one_of(st.none(), times)
given_consents = st.builds(lambda given, at: replace(given, given_at=at), consents, maybe_times)


@given(items, consents, times, maybe_times, maybe_times, maybe_times)
@settings(max_examples=200, deadline=None)
def test_nothing_outside_the_granted_categories_and_granularity_ever_leaves(
    item: Offer,
    given: Consent,
    now: datetime,
    last_live: datetime | None,
    measured_since: datetime | None,
    last_row: datetime | None,
) -> None:
    disclosed = disclose(item, given, now, last_live, measured_since=measured_since, last_row=last_row)
    if disclosed is None:
        return
    assert given.state is State.GIVEN
    assert given.terms.valid_from <= now < given.terms.valid_until
    granted = {category for category, g in given.terms.grants.items() if g == item.granularity}
    assert disclosed.granularity == item.granularity
    assert disclosed.categories <= granted
    for name, value in disclosed.quantities.items():
        assert item.quantities[name] == value
        assert any(name in QUANTITIES.get(category, ()) for category in granted)
    for device in disclosed.devices:
        assert DEVICES[device.commodity] in granted
    if Category.IDENTITY not in granted:
        assert disclosed.meter_number is None
        assert disclosed.model is None
        assert {device.number for device in disclosed.devices} <= {None}
    assert disclosed.quantities or disclosed.devices
    assert (disclosed.at, disclosed.simulated) == (item.at, item.simulated)


REACHES_BACK = {name for names in QUANTITIES.values() for name in names} & {
    "demand_w", "demand_current_quarter_w", "demand_max_month_w",
    "power_import_max_w", "power_import_min_w", "power_export_max_w", "power_export_min_w",
}  # fmt: skip
"""What is measured over a time: highs, lows and averages."""


def clock_error(item: Offer, now: datetime) -> timedelta:
    """How far the meter's clock is behind: a live reading is of now."""
    behind = now - item.at
    live = item.granularity == Granularity.LIVE
    return behind if live and abs(behind) > timedelta(minutes=10) else timedelta(0)


@given(items, consents, times)
@settings(max_examples=80, deadline=None)
def test_everything_inside_the_granted_categories_and_granularity_leaves(
    item: Offer, given: Consent, now: datetime
) -> None:
    began = given.terms.valid_from - clock_error(item, now)
    granted = {category for category, g in given.terms.grants.items() if g == item.granularity}
    names = {n for n in item.quantities if any(n in QUANTITIES.get(c, ()) for c in granted)}
    devices = [
        d.register for d in item.devices if DEVICES.get(d.commodity) in granted and d.captured_at >= began
    ]
    disclosed = disclose(item, given, now, measured_since=NOON)
    if (
        given.is_valid(now)
        and began <= item.at < now + timedelta(days=2)
        and (names - REACHES_BACK or devices)
    ):
        assert disclosed is not None
        assert disclosed.quantities.keys() | REACHES_BACK == names | REACHES_BACK
        assert [device.register for device in disclosed.devices] == devices
    elif not given.is_valid(now) or item.at < began or not (names or devices):
        assert disclosed is None


# --- nothing from before ----------------------------------------------------------------------


@given(items, given_consents, times, maybe_times)
@settings(max_examples=300, deadline=None)
def test_nothing_from_before_the_consent_began_ever_leaves(
    item: Offer, given: Consent, now: datetime, measured_since: datetime | None
) -> None:
    disclosed = disclose(item, given, now, measured_since=measured_since)
    if disclosed is None:
        return
    begins = max(given.terms.valid_from, given.given_at or given.terms.valid_from)
    began = begins - clock_error(item, now)
    assert item.at >= began
    assert all(device.captured_at >= began for device in disclosed.devices)
    if measured_since is None or measured_since < begins:
        assert not {n for n in disclosed.quantities if n.endswith(("_max_w", "_min_w"))} | (
            {"demand_w"} & disclosed.quantities.keys()
        )
    # A month's peak could be of before: these consents are at most two days old.
    assert "demand_max_month_w" not in disclosed.quantities
    if "demand_current_quarter_w" in disclosed.quantities:
        assert item.at - timedelta(minutes=15) >= began


@pytest.mark.parametrize(
    ("at", "leaves"),
    [
        ("2026-06-30 22:30", False),  # the last of June in UTC, the first of July at home
        ("2026-07-01 12:00", False),  # perhaps of June still
        ("2026-07-03 12:00", True),
        ("2026-12-31 23:59", True),
    ],
)
def test_a_months_peak_leaves_once_the_whole_month_is_the_consents(at: str, leaves: bool) -> None:
    demand = consent({Category.DEMAND: Granularity.LIVE}, valid_until=NOON + timedelta(days=300))
    disclosed = disclose(
        reading(utc(at), demand_max_month_w=4000, demand_current_quarter_w=1), demand, utc(at)
    )
    assert disclosed is not None
    assert ("demand_max_month_w" in disclosed.quantities) is leaves


ROWS = {Category.ELECTRICITY: Granularity.QUARTER, Category.POWER: Granularity.QUARTER}
HIGHS = {"power_import_max_w": 3000, "power_import_min_w": 200}


def row_at(at: datetime) -> Row:
    return Row(NUMBER, "electricity", Period.QUARTER, at, at, {"energy_import_t1_wh": 1, **HIGHS})


def test_highs_and_lows_leave_from_the_first_period_that_began_under_the_consent() -> None:
    given = replace(consent(ROWS), given_at=NOON + timedelta(minutes=7))
    let_out = {}
    for n in range(1, 4):
        at = NOON + n * timedelta(minutes=15)
        disclosed = disclose(row_at(at), given, at, measured_since=at - timedelta(minutes=15))
        let_out[n] = None if disclosed is None else set(disclosed.quantities)
    assert let_out == {
        1: {"energy_import_t1_wh"},
        2: {"energy_import_t1_wh", *HIGHS},
        3: {"energy_import_t1_wh", *HIGHS},
    }
    # A meter that was silent: what its row measured began long before the quarter did.
    silent = disclose(
        row_at(NOON + timedelta(hours=3)), given, NOON + timedelta(hours=3), measured_since=NOON
    )
    assert silent is not None
    assert silent.quantities.keys() == {"energy_import_t1_wh"}


@pytest.mark.parametrize("granularity", Granularity)
def test_what_is_older_than_the_consent_is_never_let_out(granularity: Granularity) -> None:
    given = replace(consent(dict.fromkeys(Category, granularity)), given_at=NOON + timedelta(minutes=7))
    for minutes in range(-60, 30):
        at = NOON + timedelta(minutes=minutes)
        # A row may have waited, a live reading is of now.
        now = max(NOON + timedelta(minutes=7), at) if granularity is Granularity.LIVE else NOON + HOUR
        if now - at > timedelta(minutes=10) and granularity is Granularity.LIVE:
            continue  # a clock that is wrong: see below
        item = Offer(granularity, at, NUMBER, {"energy_import_t1_wh": 1}, (), MODEL, simulated=False)
        assert (disclose(item, given, now) is not None) == (minutes >= 7)


@pytest.mark.parametrize("error", [timedelta(days=-900), -HOUR, HOUR, timedelta(days=16)])
def test_what_a_meter_with_a_wrong_clock_says_live_is_of_the_moment_it_comes(error: timedelta) -> None:
    given = replace(consent(POWER_LIVE | {Category.GAS: Granularity.LIVE}), given_at=NOON)
    now = NOON + timedelta(minutes=5)
    for captured, known in ((timedelta(minutes=1), True), (timedelta(minutes=6), False)):
        live = reading(now + error, gas=(now + error - captured, 5), power_import_w=1)
        disclosed = disclose(live, given, now)
        assert disclosed is not None
        assert bool(disclosed.devices) is known  # the gas meter was read after the grant, or before it


@given(st.lists(st.integers(-300, 300), max_size=40))
def test_periods_only_ever_go_on_however_the_meters_clock_jumps(minutes: list[int]) -> None:
    given = consent(ROWS, valid_from=NOON - timedelta(days=1))
    sent: list[datetime] = []
    for minute in minutes:
        row = row_at(NOON + timedelta(minutes=minute))
        if disclose(row, given, NOON, last_row=sent[-1] if sent else None) is not None:
            sent.append(row.ends_at)
    assert sent == sorted(set(sent))


def test_a_period_of_a_clock_that_is_years_ahead_does_not_stop_the_true_ones() -> None:
    given = consent(ROWS)
    assert disclose(row_at(NOON + timedelta(days=700)), given, NOON) is None
    assert disclose(row_at(NOON + timedelta(hours=1)), given, NOON) is not None


@given(
    st.lists(st.tuples(st.floats(0.2, 20), st.integers(-4000, 4000)), min_size=1, max_size=60),
    st.integers(1, 60),
)
def test_a_live_interval_holds_by_arrival_however_the_meters_clock_jumps(
    steps: list[tuple[float, int]], interval_s: int
) -> None:
    given = consent(POWER_LIVE, live_interval_s=interval_s, valid_from=NOON - timedelta(days=5))
    pace, arrived_s, arrivals = LivePace(None, 0.0), 0.0, []
    for passed_s, meter_s in steps:
        arrived_s += passed_s
        at = NOON + timedelta(seconds=meter_s)
        if pace.allows(arrived_s) and disclose(reading(at, power_import_w=1), given, NOON, pace.last):
            pace = pace.after(at, arrived_s, interval_s)
            arrivals.append(arrived_s)
    for earlier, later in pairwise(arrivals):
        assert later - earlier >= interval_s - 0.51
    assert len(arrivals) <= 1 + (arrivals[-1] - arrivals[0] + 0.51) / interval_s if arrivals else True


def test_each_quantity_belongs_to_exactly_one_category_or_deliberately_to_none() -> None:
    by_commodity = set(obis.MBUS_REGISTERS.values())  # these leave as devices, by their commodity
    known = {row.quantity for row in obis.TABLE} | set(ROW_QUANTITIES)
    for name in known:
        owners = [category for category, names in QUANTITIES.items() if name in names]
        kept = name in KEPT_TO_OURSELVES | by_commodity or name.startswith(UNASKED)
        expected = 0 if kept else 1
        assert len(owners) == expected, f"{name} belongs to {owners}"
    assert {name for names in QUANTITIES.values() for name in names} <= known


def test_each_commodity_has_its_own_category() -> None:
    assert set(obis.MBUS_REGISTERS) == set(DEVICES) | UNASKED_COMMODITIES
    for commodity in obis.MBUS_REGISTERS:
        category = DEVICES.get(commodity)
        row = Row(GAS_NUMBER, commodity, Period.DAY, NOON, NOON, {obis.MBUS_REGISTERS[commodity]: 5})
        for granted in Category:
            disclosed = disclose(row, consent({granted: Granularity.DAY}), NOON)
            assert (disclosed is not None) == (granted is category)


@pytest.mark.parametrize("state", [state for state in State if state is not State.GIVEN])
def test_nothing_leaves_while_paused_withdrawn_expired_refused_or_only_requested(state: State) -> None:
    full = reading(NOON, power_import_w=500)
    assert disclose(full, consent(POWER_LIVE), NOON) is not None
    assert disclose(full, consent(POWER_LIVE, state), NOON) is None


def test_nothing_leaves_before_the_consent_begins_or_from_its_last_moment_on() -> None:
    full = reading(NOON, power_import_w=500)
    for now in (NOON - timedelta(seconds=1), NOON + timedelta(days=1)):
        assert disclose(full, consent(POWER_LIVE), now) is None


def live(at: datetime, last: datetime | None) -> Disclosure | None:
    return disclose(reading(at, power_import_w=1), consent(POWER_LIVE), NOON, last)


def test_a_live_reading_leaves_only_after_the_interval() -> None:
    second = timedelta(seconds=1)
    let_out = [n for n in range(12) if live(NOON + n * second, NOON) is not None]
    assert let_out == [5, 6, 7, 8, 9, 10, 11]  # the caller sends one and asks on from there
    assert live(NOON, None) is not None
    assert live(NOON, NOON + second) is None  # the meter's clock was set back
    assert live(NOON, NOON + timedelta(hours=1)) is not None


def test_the_interval_does_not_hold_rows_back() -> None:
    row = Row(NUMBER, "electricity", Period.QUARTER, NOON, NOON, {"energy_import_t1_wh": 1})
    quarterly = consent({Category.ELECTRICITY: Granularity.QUARTER})
    assert disclose(row, quarterly, NOON, NOON) is not None


def test_a_month_row_is_for_the_owner_alone() -> None:
    row = Row(NUMBER, "electricity", Period.MONTH, NOON, NOON, {"energy_import_t1_wh": 1})
    for granularity in Granularity:
        everything = consent(dict.fromkeys(Category, granularity))
        assert disclose(row, everything, NOON) is None


def full_reading() -> Reading:
    return reading(NOON, gas=(NOON, 1234), power_import_w=500, energy_import_t1_wh=9)


def test_identity_adds_numbers_to_what_is_granted_and_is_nothing_by_itself() -> None:
    plain = disclose(full_reading(), consent(POWER_LIVE | {Category.GAS: Granularity.LIVE}), NOON)
    named = disclose(
        full_reading(),
        consent(POWER_LIVE | {Category.GAS: Granularity.LIVE, Category.IDENTITY: Granularity.LIVE}),
        NOON,
    )
    assert plain is not None
    assert named is not None
    assert (plain.meter_number, plain.model, plain.devices[0].number) == (None, None, None)
    assert (named.meter_number, named.model, named.devices[0].number) == (NUMBER, MODEL, GAS_NUMBER)
    assert named.quantities == plain.quantities
    assert replace(named.devices[0], number=None) == plain.devices[0]
    assert disclose(full_reading(), consent({Category.IDENTITY: Granularity.LIVE}), NOON) is None
    coarser = consent(POWER_LIVE | {Category.IDENTITY: Granularity.DAY})
    unnamed = disclose(full_reading(), coarser, NOON)
    assert unnamed is not None
    assert unnamed.meter_number is None


def test_the_electricity_meters_number_does_not_leave_with_gas_alone() -> None:
    only_gas = consent({Category.GAS: Granularity.LIVE, Category.IDENTITY: Granularity.LIVE})
    disclosed = disclose(full_reading(), only_gas, NOON)
    assert disclosed is not None
    assert disclosed.meter_number is None
    assert [device.number for device in disclosed.devices] == [GAS_NUMBER]


def test_only_what_was_sent_is_counted_as_a_category() -> None:
    grants = dict.fromkeys((Category.POWER, Category.PHASES, Category.WATER), Granularity.LIVE)
    disclosed = disclose(full_reading(), consent(grants), NOON)
    assert disclosed is not None
    assert disclosed.categories == {Category.POWER}
