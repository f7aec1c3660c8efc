"""Profile rows: one size, nothing lost on the way, and the boundaries of local time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.history import Period, Row
from gateway.history.keys.seal import DataKey
from gateway.history.records import periods, profile
from gateway.history.records.profile import KEPT_QUANTITIES, ROW_QUANTITIES, row_bytes
from gateway.history.records.varint import varint, varints
from gateway.p1 import obis
from gateway.p1.obis import MBUS_REGISTERS
from gateway.quantities import EXPORT_REGISTERS, IMPORT_REGISTERS, REGISTERS
from tests.made_up import NOON, NUMBER, ZONE

times = st.integers(1_577_836_800, 2_051_222_400).map(lambda stamp: datetime.fromtimestamp(stamp, UTC))
SEALED_BYTES = {"electricity": 256} | dict.fromkeys(MBUS_REGISTERS, 64)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """A row of an electricity meter, or of an M-Bus device with its one register."""
    commodity = draw(st.sampled_from(list(SEALED_BYTES)))
    names = ROW_QUANTITIES if commodity == "electricity" else [MBUS_REGISTERS[commodity]]
    return Row(
        meter_number=NUMBER,
        commodity=commodity,
        period=draw(st.sampled_from(Period)),
        ends_at=draw(times),
        read_at=draw(times),
        quantities=draw(st.dictionaries(st.sampled_from(names), st.integers(0, 10**15))),
        simulated=draw(st.booleans()),
        new_epoch=draw(st.booleans()),
    )


@given(rows())
@settings(max_examples=100, deadline=None)
def test_encode_seal_unseal_decode_is_the_identity_and_a_meters_rows_have_one_size(row: Row) -> None:
    plain = profile.encode(row)
    key, ends_at = DataKey(bytes(32), b"tag"), int(row.ends_at.timestamp())
    sequence, sealed = key.seal(row.period, ends_at, plain)
    assert len(sealed) == SEALED_BYTES[row.commodity]
    opened = key.unseal(row.period, ends_at, sequence, sealed)
    assert profile.decode(opened, row.meter_number, row.commodity, row.period, row.ends_at) == row


# More than any meter prints: Sweden's registers have 11 digits of Wh, counts have five.
LARGEST = {"_wh": 10**12 - 1, "_varh": 10**12 - 1, "_litre": 10**12 - 1, "_kj": 10**12 - 1, "_w": 10**10 - 1}


def largest(name: str) -> int:
    return next((number for unit, number in LARGEST.items() if name.endswith(unit)), 99_999)


def test_a_meter_that_has_every_register_and_shows_all_its_digits_fits() -> None:
    own = [name for name in ROW_QUANTITIES if name not in MBUS_REGISTERS.values()]
    row = Row(NUMBER, "electricity", Period.DAY, NOON, NOON, {name: largest(name) for name in own})
    plain = profile.encode(row)
    assert len(plain) == row_bytes("electricity")
    assert profile.decode(plain, NUMBER, "electricity", Period.DAY, NOON) == row


def test_every_register_of_the_obis_table_and_of_every_device_has_a_place_in_a_row() -> None:
    energies = {
        row.quantity for row in obis.TABLE if row.base in ("wh", "varh") and row.form is obis.Form.NUMBER
    }
    assert len(energies) == 25
    assert energies | set(MBUS_REGISTERS.values()) == REGISTERS
    assert REGISTERS <= KEPT_QUANTITIES
    assert len(set(ROW_QUANTITIES)) == len(ROW_QUANTITIES) <= 64


@given(st.dictionaries(st.sampled_from(ROW_QUANTITIES), st.integers(0, 2**200)))
def test_what_no_meter_can_say_leaves_the_first_registers_whole_and_stops_nothing(
    quantities: dict[str, int],
) -> None:
    row = Row(NUMBER, "electricity", Period.DAY, NOON, NOON, quantities)
    plain = profile.encode(row)
    kept = profile.decode(plain, NUMBER, "electricity", Period.DAY, NOON).quantities
    assert len(plain) == row_bytes("electricity")
    ordered = [name for name in ROW_QUANTITIES if name in quantities]
    assert kept == {name: quantities[name] for name in ordered[: len(kept)]}


@given(st.lists(st.integers(0, 2**80)))
def test_varints_give_back_their_numbers(numbers: list[int]) -> None:
    assert list(varints(b"".join(map(varint, numbers)))) == numbers


@given(times, st.sampled_from(Period))
@settings(max_examples=200, deadline=None)
def test_every_moment_lies_in_exactly_one_period(at: datetime, period: Period) -> None:
    start = periods.period_start(at, period, ZONE)
    following = periods.next_start(start, period, ZONE)
    assert start <= at < following
    assert periods.period_start(following, period, ZONE) == following
    assert periods.period_start(following - timedelta(seconds=1), period, ZONE) == start


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (date(2026, 3, 28), 24),
        (date(2026, 3, 29), 23),
        (date(2026, 3, 30), 24),
        (date(2026, 10, 24), 24),
        (date(2026, 10, 25), 25),
        (date(2026, 10, 26), 24),
    ],
)
def test_a_local_day_has_23_24_or_25_hours(day: date, hours: int) -> None:
    begins = periods.midnight(day, ZONE)
    assert periods.next_start(begins, Period.DAY, ZONE) - begins == timedelta(hours=hours)
    boundary, counted = begins, 0
    while boundary < begins + timedelta(hours=hours):
        boundary, counted = periods.next_start(boundary, Period.HOUR, ZONE), counted + 1
    assert counted == hours


def test_a_month_begins_at_local_midnight() -> None:
    march = periods.period_start(datetime(2026, 3, 31, 21, 59, tzinfo=UTC), Period.MONTH, ZONE)
    assert march == datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert periods.next_start(march, Period.MONTH, ZONE) == datetime(2026, 3, 31, 22, tzinfo=UTC)


registers = st.dictionaries(
    st.sampled_from((*IMPORT_REGISTERS, *EXPORT_REGISTERS, "gas_litre", "tariff")),
    st.integers(0, 10**9),
)


@given(registers, registers, st.integers(-3600, 86_400 * 31))
def test_usage_is_never_negative_or_impossible_and_only_of_registers_known_at_both_ends(
    start: dict[str, int], end: dict[str, int], seconds: int
) -> None:
    used = profile.usage(start, end, seconds)
    assert all(0 <= amount <= max(200 * max(seconds, 10) / 3.6, 100 * 300) + 2000 for amount in used.values())
    assert used.keys() <= start.keys() & end.keys() - {"tariff"}
    assert all(start[name] + amount == end[name] for name, amount in used.items())


def test_a_row_of_before_there_were_epochs_reads_as_one_that_goes_on() -> None:
    plain = profile.encode(Row(NUMBER, "gas", Period.DAY, NOON, NOON, {"gas_litre": 7}, simulated=True))
    assert plain[1] == 1  # the flags: nothing but what there was
    assert profile.decode(plain, NUMBER, "gas", Period.DAY, NOON).new_epoch is False


def test_between_two_rows_there_is_no_usage_when_registers_began_anew() -> None:
    before, after = (
        Row(NUMBER, "electricity", Period.HOUR, at, at, {"energy_import_wh": wh}, new_epoch=wh > 0)
        for at, wh in ((NOON, 0), (NOON + timedelta(hours=1), 500))
    )
    assert profile.usage_between(before, after) == {}


def test_a_connection_far_larger_than_a_households_has_the_usage_that_its_powers_explain() -> None:
    begins = Row(NUMBER, "electricity", Period.HOUR, NOON, NOON, {"energy_import_wh": 0})
    hour = timedelta(hours=1)
    used = {"energy_import_wh": 900_000}
    for highest, expected in (({}, {}), ({"power_import_max_w": 950_000}, used)):
        ends = Row(NUMBER, "electricity", Period.HOUR, NOON + hour, NOON + hour, used | highest)
        assert profile.usage_between(begins, ends) == expected


def test_a_total_is_the_meters_own_or_the_sum_of_its_tariffs() -> None:
    tariffs = {"energy_import_t1_wh": 10, "energy_import_t2_wh": 5}
    assert profile.total(tariffs, IMPORT_REGISTERS) == 15
    assert profile.total(tariffs | {"energy_import_wh": 16}, IMPORT_REGISTERS) == 16
    assert profile.total(tariffs, EXPORT_REGISTERS) is None
