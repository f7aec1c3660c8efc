"""Bounds: a hostile or broken source makes nothing grow without end, and costs the known meters nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.errors import (
    GatewayError,
    MeterClockJumps,
    TooManyMeters,
    TooManyMetersEver,
)
from gateway.history import (
    Period,
    Plausibility,
    Recorder,
    Row,
)
from gateway.history.recording.memory import packed
from gateway.history.recording.plausibility import (
    MEMORY,
    MOST_DEVICES,
    MOST_JUMPS,
    MOST_METERS,
)
from gateway.history.recording.recorder import MOST_METERS as MOST_METERS_EVER
from gateway.history.recording.writer import Batch
from gateway.p1 import MBusReading, Reading, obis
from gateway.sharing.offers import of_row
from tests.made_up import GAS_NUMBER, NUMBER, ZONE, Clock, reading, utc

START = utc("2026-06-10 00:00")
STEP = timedelta(seconds=10)
TELEGRAMS = 1500


class Home:
    """A recorder behind its plausibility, and what came out of both."""

    def __init__(self, memory: dict[str, Any] | None = None, most_meters: int = MOST_METERS_EVER) -> None:
        self.faults: list[GatewayError] = []
        self.clock = Clock(START)
        self.batches: list[Batch] = []
        self.plausibility = Plausibility(self.faults.append, self.clock)
        self.recorder = Recorder(
            self.batches.append, ZONE, timedelta(minutes=1), memory, self.plausibility, most_meters
        )
        self.rows: list[Row] = []

    def hear(self, said: Reading, arrived_at: datetime | None = None) -> None:
        self.clock.now = said.at if arrived_at is None else arrived_at
        for judged in self.plausibility.judge(said):
            self.rows += self.recorder.record(*judged)

    @property
    def memory(self) -> dict[str, Any]:
        self.recorder.flush(self.clock.now)
        remembered: dict[str, Any] = json.loads(json.dumps(self.batches[-1].memory))
        return remembered

    def tells(self, kind: type[GatewayError]) -> bool:
        return any(isinstance(fault, kind) for fault in self.faults)


def known(number: int, extra: tuple[MBusReading, ...] = (), **more: Any) -> Reading:
    """The telegrams of the home's own two meters, ten seconds apart."""
    at = START + number * STEP
    said = reading(at, gas=(at.replace(second=0), 1000 + number // 360), energy_import_t1_wh=number, **more)
    return replace(said, mbus=said.mbus + extra)


def new_numbers(telegram: int) -> Iterator[MBusReading]:
    # The same for four telegrams, so that each is confirmed.
    yield MBusReading(2, "water", f"W{telegram // 4}", START + telegram * STEP, 5)


def new_commodities(telegram: int) -> Iterator[MBusReading]:
    kinds = sorted(obis.MBUS_REGISTERS)
    yield MBusReading(3, kinds[telegram // 4 % len(kinds)], f"D{telegram // 8}", START + telegram * STEP, 5)


def on_every_channel(telegram: int) -> Iterator[MBusReading]:
    for channel in (2, 3, 4):
        yield MBusReading(channel, "heat", f"H{channel}-{telegram // 4}", START + telegram * STEP, 5)


@pytest.mark.parametrize("others", [new_numbers, new_commodities, on_every_channel])
def test_devices_without_end_are_admitted_up_to_a_bound_and_the_known_ones_go_on(others: Any) -> None:
    home = Home()
    for telegram in range(TELEGRAMS):
        home.hear(known(telegram, tuple(others(telegram)) if telegram else ()))
    assert len(home.recorder.meters) <= 1 + MOST_DEVICES
    assert home.tells(TooManyMeters)
    assert home.plausibility.refused > 100
    assert len(packed(home.memory, 0)) <= 12 * 1024
    hours = TELEGRAMS * STEP // timedelta(hours=1)
    for number in (NUMBER, GAS_NUMBER):
        ended = [row for row in home.rows if row.meter_number == number and row.period is Period.HOUR]
        assert len(ended) >= hours


def test_electricity_meters_without_end_are_admitted_up_to_a_bound() -> None:
    home = Home()
    for telegram in range(400):
        home.hear(known(telegram))
    for telegram in range(400, TELEGRAMS):
        home.hear(replace(known(telegram), meter_number=f"E{telegram // 5}"))
    assert len([meter for meter in home.recorder.meters if meter.commodity == "electricity"]) == MOST_METERS
    assert home.tells(TooManyMeters)
    before = len(home.rows)
    for telegram in range(TELEGRAMS, TELEGRAMS + 400):  # the home's own meter is heard again
        home.hear(known(telegram))
    assert any(row.meter_number == NUMBER for row in home.rows[before:])


def test_a_restart_does_not_open_the_bound_again() -> None:
    home = Home()
    for telegram in range(400):
        home.hear(known(telegram, tuple(new_numbers(telegram)) if telegram else ()))
    admitted = home.recorder.meters
    again = Home(home.memory)
    for telegram in range(400, 800):
        again.hear(known(telegram, tuple(new_numbers(telegram))))
    assert again.recorder.meters == admitted
    assert again.tells(TooManyMeters)


def test_a_meter_that_is_replaced_after_an_attack_is_taken_when_the_others_were_long_unseen() -> None:
    home = Home()
    for telegram in range(400):
        home.hear(known(telegram, tuple(new_numbers(telegram)) if telegram else ()))
    at = START + 400 * STEP
    while at < START + MEMORY + timedelta(days=2):
        home.hear(replace(known(400), at=at))
        at += timedelta(hours=6)
    for telegram in range(8):
        water = MBusReading(2, "water", "W-real", at, 7)
        home.hear(replace(known(400, (water,)), at=at + telegram * STEP))
    assert "W-real" in [meter.number for meter in home.recorder.meters]


def test_the_list_of_meters_has_an_end_and_those_on_it_go_on() -> None:
    home = Home(most_meters=6)
    for telegram in range(400):
        home.hear(known(telegram, tuple(new_numbers(telegram)) if telegram else ()))
    assert len(home.recorder.meters) == 6
    assert home.tells(TooManyMetersEver)
    assert [row for row in home.rows if row.meter_number == GAS_NUMBER and row.period is Period.HOUR]


@pytest.mark.parametrize("hours", [-72, -2, 48, 9600])
def test_a_clock_that_jumps_to_and_fro_is_left_out_after_a_while(hours: int) -> None:
    home, jump = Home(), timedelta(hours=hours)
    for telegram in range(TELEGRAMS):
        said = known(telegram)
        away = telegram % 2 == 1
        home.hear(replace(said, at=said.at + jump if away else said.at), arrived_at=said.at)
    days = {batch.day for batch in home.batches}
    blocks = sum(len(batch.trace) for batch in home.batches)
    assert home.tells(MeterClockJumps)
    assert len(days) <= MOST_JUMPS + 2
    assert blocks <= (MOST_JUMPS + 1) * 100 + 2 * TELEGRAMS * STEP // timedelta(minutes=1)


def test_a_clock_that_is_set_right_once_is_followed() -> None:
    home = Home()
    home.hear(replace(known(0), at=datetime(2026, 1, 1, tzinfo=UTC)))
    home.hear(known(1))
    assert home.plausibility.refused == 0
    assert home.rows[-1].read_at >= START


def test_one_device_with_two_registers_is_one_meter_with_both_in_its_rows() -> None:
    first, second = sorted({"heat", "cooling"})
    home = Home()
    for telegram in range(400):
        at = START + telegram * STEP
        both = tuple(MBusReading(2, kind, "K1", at, 10_000_000 + telegram) for kind in (first, second))
        home.hear(known(telegram, both))
    assert [meter.number for meter in home.recorder.meters].count("K1") == 1
    row = next(row for row in home.rows if row.meter_number == "K1" and row.period is Period.HOUR)
    assert {device.commodity for device in of_row(row).devices} == {first, second}
