"""Each fault of the simulator, run against a real gateway: it counts exactly what was injected."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from gateway.history import Period
from gateway.history.records.periods import midnight
from gateway.simulator import Household, SimulatedMeter
from gateway.simulator.dialects import DIALECTS
from gateway.simulator.faults import (
    FaultyMeter,
    MeterEvents,
    Schedule,
    Wish,
)
from gateway.simulator.homes import HOMES
from gateway.simulator.household import LOCAL
from tests.running import PASSWORD, FedMeter, RunningGateway, until

START = datetime(2026, 11, 10, 23, tzinfo=UTC)  # midnight at home
MINUTE = timedelta(minutes=1)
REGISTERS = ("energy_import_t1_wh", "energy_import_t2_wh")


@pytest.fixture
def line() -> Iterator[FedMeter]:
    meter = FedMeter()
    yield meter
    meter.close()


@pytest.fixture
def gateway(tmp_path: Path, line: FedMeter) -> Iterator[RunningGateway]:
    running = RunningGateway(tmp_path, line.address, broker=False)
    running.history.claim(PASSWORD)
    yield running
    running.close()


def meter_of(dialect: str, *wishes: str, start: datetime = START) -> tuple[SimulatedMeter, Schedule]:
    schedule = Schedule(1, tuple(Wish.parse(wish, start) for wish in wishes))
    events = MeterEvents(schedule, 1, start, DIALECTS[dialect])
    return SimulatedMeter(Household(1, HOMES["family"]), start, DIALECTS[dialect], events), schedule


def faulty(dialect: str, *wishes: str) -> FaultyMeter:
    return FaultyMeter(*meter_of(dialect, *wishes))


def feed(line: FedMeter, meter: FaultyMeter | SimulatedMeter, number: int, step: timedelta) -> None:
    for n in range(number):
        sent = meter.bytes_at(START + n * step)
        if sent is None:
            line.hang_up()
        elif sent:
            line.send(sent)


def live_through(
    gateway: RunningGateway, line: FedMeter, meter: SimulatedMeter, moments: list[datetime]
) -> None:
    """Feed a telegram of each moment, no faster than the history is written."""
    sent = 0
    for n, at in enumerate(moments):
        telegram = meter.bytes_at(at)
        if telegram:
            line.send(telegram)
            sent += 1
        if n % 50 == 49 or at == moments[-1]:
            until(lambda: gateway.status()["telegrams"] == sent)  # noqa: B023
            until(lambda: gateway.status()["history_waiting"] == 0)
    assert gateway.status()["history_dropped"] == 0


def minutes(number: int, start: datetime = START) -> list[datetime]:
    return [start + n * MINUTE for n in range(number)]


def test_damage_on_the_line_is_counted_kind_by_kind(gateway: RunningGateway, line: FedMeter) -> None:
    meter = faulty(
        "nl-dsmr5", "flipped-bits=0.04", "lost-bytes=0.04", "cut=0.04", "wrong-checksum=0.04", "noise=0.1",
        "stall@+900/20", "wrong-speed@+1200/30",
    )  # fmt: skip
    gateway.start()
    feed(line, meter, 2000, timedelta(seconds=1))
    injected = meter.injected
    refused = injected["flipped-bits"] + injected["lost-bytes"] + injected["wrong-checksum"]
    cut = injected["cut"] + injected["stall"]
    assert injected["stall"] == injected["wrong-speed"] == 1
    until(lambda: gateway.status()["telegrams"] == 2000 - refused - cut - 19 - 30)
    status = gateway.status()
    assert status["faults"] == {"checksum_mismatch": refused, "telegram_cut": cut}
    assert status["damaged"] == refused + cut
    assert status["noise_bytes"] >= meter.noise_bytes  # and what came at the wrong speed
    assert gateway.command("status").stdout.count("checksum mismatch") == 1


def test_noise_alone_is_counted_to_the_byte(gateway: RunningGateway, line: FedMeter) -> None:
    meter = faulty("nl-dsmr5", "noise=0.3")
    gateway.start()
    feed(line, meter, 500, timedelta(seconds=1))
    until(lambda: gateway.status()["telegrams"] == 500)
    until(lambda: gateway.status()["noise_bytes"] == meter.noise_bytes)
    assert gateway.status()["faults"] == {}


def test_encrypted_frames_that_are_replayed_damaged_or_of_another_key_are_counted(
    gateway: RunningGateway, line: FedMeter, tmp_path: Path
) -> None:
    key_file = tmp_path / "meter.key"
    key_file.touch(mode=0o600)
    key_file.write_text("000102030405060708090A0B0C0D0E0F\n")
    gateway.config_path.write_text(
        gateway.config_path.read_text().replace("[meter]\n", f'[meter]\nkey_file = "{key_file}"\n')
    )
    meter = faulty("lu-smarty", "replay=0.1", "wrong-key=0.1", "flipped-bits=0.1")
    gateway.start()
    feed(line, meter, 600, timedelta(seconds=10))
    injected = meter.injected
    damaged = injected["wrong-key"] + injected["flipped-bits"]
    until(lambda: gateway.status()["telegrams"] == 600 - damaged)
    assert gateway.status()["faults"] == {
        "encrypted_telegram_damaged": damaged,
        "frame_replayed": injected["replay"],
    }


def test_a_line_that_is_unplugged_is_counted_and_read_again(gateway: RunningGateway, line: FedMeter) -> None:
    meter = faulty("nl-dsmr5", "unplugged@+20/5", "unplugged@+60/5")
    gateway.start()
    feed(line, meter, 100, timedelta(seconds=1))
    until(lambda: gateway.status()["telegrams"] == 90)
    assert meter.injected == {"unplugged": 2}
    assert gateway.status()["faults"]["meter_unavailable"] == 2


@pytest.mark.parametrize(
    ("wish", "counted"),
    [
        ("sag=6", lambda row, status: sum(row.quantities[f"sags_l{n}"] for n in (1, 2, 3))),
        ("swell=6", lambda row, status: sum(row.quantities[f"swells_l{n}"] for n in (1, 2, 3))),
        ("power-failure=3/600", lambda row, status: row.quantities["failures_long"]),
        ("rollover@+40000", lambda row, status: status["implausible"]["epochs"]),
        ("message=3/5000", lambda row, status: status["messages"]),
        ("clock-unset@+40000/600", lambda row, status: status["clock_losses"]),
    ],
)
def test_what_happens_in_the_meter_is_counted(
    gateway: RunningGateway, line: FedMeter, wish: str, counted: object
) -> None:
    meter, schedule = meter_of("nl-dsmr5", wish)
    moments = minutes(25 * 60 + 1)
    gateway.start()
    live_through(gateway, line, meter, moments)
    opened = gateway.unlock(meter.number)
    rows = opened.rows(Period.QUARTER, START, moments[-1], opened.meters[0])
    events = MeterEvents(schedule, 1, START, meter.dialect)
    injected = events.injected(START, rows[-1].read_at)
    assert counted(rows[-1], gateway.status()) == sum(injected.values()) > 0  # type: ignore[operator]


@pytest.mark.parametrize(
    ("wish", "commodity"), [("meter-replaced@+40000", "electricity"), ("gas-meter-replaced@+40000", "gas")]
)
def test_a_replaced_meter_is_another_meter_of_the_household(
    gateway: RunningGateway, line: FedMeter, wish: str, commodity: str
) -> None:
    meter, _ = meter_of("nl-dsmr5", wish)
    moments = minutes(25 * 60 + 1)
    gateway.start()
    live_through(gateway, line, meter, moments)
    new = meter.reading_at(moments[-1]).meter_number
    opened = gateway.unlock(new or "")
    assert [one.commodity for one in opened.meters].count(commodity) == 2
    assert opened.meters == gateway.unlock(new or "").meters
    used = opened.usage(Period.DAY, START, START + 24 * 60 * MINUTE)[0]
    assert all(amount >= 0 for amount in used.quantities.values())


@pytest.mark.parametrize(("on", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_a_day_on_which_clocks_change_is_kept_whole(
    gateway: RunningGateway, line: FedMeter, on: date, hours: int
) -> None:
    start, end = midnight(on, LOCAL), midnight(on + timedelta(days=1), LOCAL)
    meter, _ = meter_of("nl-dsmr5", start=start)
    gateway.start()
    live_through(gateway, line, meter, [start + n * timedelta(minutes=5) for n in range(hours * 12 + 1)])
    opened = gateway.unlock(meter.number)
    assert gateway.status()["faults"] == {}
    assert len(opened.usage(Period.QUARTER, start, end)) == hours * 4
    assert len(opened.usage(Period.HOUR, start, end)) == hours
    (day,) = opened.usage(Period.DAY, start, end)
    before, after = meter.reading_at(start).quantities, meter.reading_at(end).quantities
    assert day.complete
    assert day.import_wh == sum(after[name] - before[name] for name in REGISTERS)


def test_a_clock_that_jumps_loses_no_energy(gateway: RunningGateway, line: FedMeter) -> None:
    meter, _ = meter_of("nl-dsmr5", "clock-jump@+40000/600")
    gateway.start()
    live_through(gateway, line, meter, minutes(25 * 60))
    opened = gateway.unlock(meter.number)
    day = START
    (used,) = opened.usage(Period.DAY, day, day + timedelta(days=1))
    before, after = (meter.reading_at(at).quantities for at in (day, day + timedelta(days=1)))
    assert used.import_wh == sum(after[name] - before[name] for name in REGISTERS)
    rows = opened.rows(Period.QUARTER, day, day + timedelta(days=1), opened.meters[0])
    assert len({row.ends_at for row in rows}) == len(rows)
