"""The present moment: what was read last, and how the line is doing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.errors import ChecksumMismatch, MeterUnavailable
from gateway.live import Live, Snapshot
from tests.made_up import NOON, NUMBER, Clock, reading


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def live(clock: Clock) -> Live:
    return Live(clock)


def test_before_the_first_telegram_nothing_is_known(live: Live) -> None:
    assert live.latest() == Snapshot()
    assert not live.is_fresh()
    assert live.meter_number() is None


def test_the_latest_reading_counts_with_the_time_of_its_arrival(live: Live, clock: Clock) -> None:
    live.show(reading(NOON - timedelta(seconds=3), power_import_w=1), {})
    clock.pass_by(seconds=1)
    latest = reading(NOON - timedelta(seconds=2), power_import_w=2)
    live.show(latest, {"energy_import_t1_wh": 5})
    snapshot = live.latest()
    assert (snapshot.reading, snapshot.received_at) == (latest, clock.now)
    assert snapshot.usage_today == {"energy_import_t1_wh": 5}
    assert (snapshot.telegrams, snapshot.damaged) == (2, 0)
    assert live.meter_number() == NUMBER


def test_a_reading_is_fresh_for_thirty_seconds_by_the_gateways_own_clock(live: Live, clock: Clock) -> None:
    live.show(reading(NOON - timedelta(days=400)), {})
    clock.pass_by(seconds=29.9)
    assert live.is_fresh()
    clock.pass_by(seconds=0.1)
    assert not live.is_fresh()


def test_a_damaged_telegram_is_counted_and_told_until_a_good_one_arrives(live: Live) -> None:
    good = reading(NOON, power_import_w=1)
    live.show(good, {"gas_litre": 1})
    live.note_fault(ChecksumMismatch(1, 2))
    snapshot = live.latest()
    assert (snapshot.telegrams, snapshot.damaged) == (1, 1)
    assert (
        str(snapshot.fault) == "checksum says 0001, the bytes give 0002: the telegram was damaged on its way"
    )
    assert (snapshot.reading, snapshot.usage_today) == (good, {"gas_litre": 1})
    live.show(good, {})
    assert (live.latest().telegrams, live.latest().damaged, live.latest().fault) == (2, 1, None)


def test_a_lost_line_is_told_and_is_no_damaged_telegram(live: Live) -> None:
    live.note_fault(MeterUnavailable("/dev/ttyUSB0 was unplugged"))
    assert (str(live.latest().fault), live.latest().damaged) == ("/dev/ttyUSB0 was unplugged", 0)


def test_a_telegram_that_waits_for_confirmation_shows_nothing_and_keeps_the_meter_alive(
    live: Live, clock: Clock
) -> None:
    live.note_held()
    assert live.latest() == Snapshot()
    live.show(reading(NOON, power_import_w=1), {})
    shown = live.latest().reading
    clock.pass_by(seconds=29)
    live.note_held()
    clock.pass_by(seconds=29)
    assert (live.latest().reading, live.latest().telegrams, live.is_fresh()) == (shown, 1, True)
