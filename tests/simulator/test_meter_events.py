"""Events in the meter and the grid: what the meter tells while they last, and ever after."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.p1 import (
    Decryptor,
    Frame,
    Framer,
    MBusReading,
    Reading,
    decode,
)
from gateway.simulator import DEVELOPMENT_KEY, Household, SimulatedMeter
from gateway.simulator.dialects import DIALECTS, DSMR_5
from gateway.simulator.faults import MeterEvents, Schedule, Wish
from gateway.simulator.homes import HOMES
from tests.thorough import times

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
INSTALLED = START - timedelta(days=1)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
REGISTERS = ("energy_import_t1_wh", "energy_import_t2_wh", "energy_export_t1_wh", "energy_export_t2_wh")
ALL_AT_ONCE = (
    "power-failure=12/400", "sag=9", "swell=9", "meter-replaced=2", "gas-meter-replaced=3",
    "clock-unset=4", "clock-jump=6/900", "message=5",
)  # fmt: skip


def events(*faults: str, dialect: str = "nl-dsmr5", seed: int = 3) -> MeterEvents:
    schedule = Schedule(seed, tuple(Wish.parse(fault, START) for fault in faults))
    return MeterEvents(schedule, seed, INSTALLED, DIALECTS[dialect])


def meter(*faults: str, dialect: str = "nl-dsmr5", home: str = "solar", seed: int = 3) -> SimulatedMeter:
    happens = events(*faults, dialect=dialect, seed=seed)
    return SimulatedMeter(Household(seed, HOMES[home]), INSTALLED, DIALECTS[dialect], happens)


def known(one: SimulatedMeter, seconds: float) -> Reading:
    found = one.known_at(START + timedelta(seconds=seconds))
    assert found is not None
    return found


def after(one: SimulatedMeter, seconds: int) -> dict[str, int]:
    return dict(known(one, seconds).quantities)


def imported(quantities: dict[str, int]) -> int:
    return quantities["energy_import_t1_wh"] + quantities["energy_import_t2_wh"]


def read(one: SimulatedMeter, seconds: int) -> Reading:
    """The telegram of that moment, as a reader finds it."""
    (frame,) = Framer(Decryptor(DEVELOPMENT_KEY)).feed(one.bytes_at(START + timedelta(seconds=seconds)))
    assert isinstance(frame, Frame)
    return decode(frame, START + timedelta(seconds=seconds), one.dialect.clock)


def gas(reading: Reading) -> list[MBusReading]:
    return [device for device in reading.mbus if device.commodity == "gas"]


# --- whatever happens ----------------------------------------------------------------------------


def test_without_events_the_meter_is_as_it_was() -> None:
    plain = SimulatedMeter(Household(3), INSTALLED)
    for seconds in (0, 3600, 86_400):
        assert known(meter("sag@+90000"), seconds) == known(plain, seconds)


@settings(max_examples=10, deadline=None)
@given(seconds=st.lists(st.integers(0, 4 * 86_400), min_size=1, max_size=20), seed=st.integers(0, 30))
def test_what_is_told_does_not_depend_on_what_was_asked_before(seconds: list[int], seed: int) -> None:
    faults = (*ALL_AT_ONCE, "rollover@+100000")
    asked = meter(*faults, seed=seed)
    last = seconds[-1]
    for before in seconds:
        asked.known_at(START + timedelta(seconds=before))
    assert asked.bytes_at(START + timedelta(seconds=last)) == meter(*faults, seed=seed).bytes_at(
        START + timedelta(seconds=last)
    )


@settings(max_examples=times(usual=2, long=10), deadline=None)
@given(seed=st.integers(0, 10**6), start=st.integers(0, 3 * 86_400))
def test_registers_rise_by_the_power_of_every_second_that_had_power(seed: int, start: int) -> None:
    one = meter(*ALL_AT_ONCE, "power-failure=100/90", seed=seed)
    for way in ("import", "export"):
        names = [name for name in REGISTERS if way in name]
        flowed = risen = times = 0
        for before, then in pairwise(
            [one.known_at(START + timedelta(seconds=start + n)) for n in range(3600)]
        ):
            if before is None:
                continue
            flowed += before.quantities[f"power_{way}_w"]
            if then is None or then.meter_number != before.meter_number:
                times += 1  # what flowed in this second is told after it, if ever
                flowed -= before.quantities[f"power_{way}_w"]
                continue
            risen += sum(then.quantities[name] - before.quantities[name] for name in names)
        assert abs(risen - flowed / 3600) <= 2 + 4 * times


@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_every_dialect_tells_what_happens_so_that_it_can_be_read(name: str) -> None:
    home = "apartment" if name == "nl-warmtelink" else "electric-car"
    faults = []
    for fault in (*ALL_AT_ONCE, "rollover@+90000"):
        try:
            events(fault, dialect=name)
        except ConfigError:
            continue
        faults.append(fault)
    one, found = meter(*faults, dialect=name, home=home), 0
    for n in range(0, 2 * 86_400, 1800):
        at = START + timedelta(seconds=n)
        if one.known_at(at) is None:
            assert one.bytes_at(at) == b""
            continue
        told = one.reading_at(at)
        # Without a time in it, the telegram's is that of its receipt.
        assert read(one, n) == (told if told.timed else replace(told, at=at))
        found += 1
    assert found > 60


def test_what_was_injected_is_what_the_schedule_struck() -> None:
    one = events("sag=3", "message=2/60", "power-failure@+600", "meter-replaced@+600")
    counted = one.injected(START, START + 3 * DAY)
    assert counted["power-failure"] == counted["meter-replaced"] == 1
    assert 6 <= counted["sag"] <= 12
    assert one.injected(START + timedelta(seconds=601), START + HOUR)["power-failure"] == 0


def test_what_strikes_while_the_same_lasts_is_part_of_it_and_without_power_nothing_sags() -> None:
    one = events("power-failure@+600/300", "power-failure@+700/900", "sag@+650", "swell@+899", "sag@+900")
    assert one.injected(START, START + HOUR) == {"power-failure": 1, "sag": 1}


# --- power failures --------------------------------------------------------------------------------


def test_a_meter_without_power_is_silent_as_long_as_it_lasts() -> None:
    one = meter("power-failure@+600/240")
    silent = [n for n in range(590, 850) if not one.bytes_at(START + timedelta(seconds=n))]
    assert silent == list(range(600, 840))


@pytest.mark.parametrize(("seconds", "long"), [(179, 0), (180, 1), (5, 0)])
def test_a_failure_is_counted_once_it_is_over_and_a_long_one_is_logged(seconds: int, long: int) -> None:
    one = meter(f"power-failure@+600/{seconds}")
    before, then = read(one, 599), read(one, 600 + seconds)
    assert (before.quantities["failures_any"], before.quantities["failures_long"], before.failures) == (
        0,
        0,
        (),
    )
    assert (then.quantities["failures_any"], then.quantities["failures_long"]) == (1, long)
    assert [(f.ended_at, f.duration_s) for f in then.failures] == long * [
        (START + timedelta(seconds=600 + seconds), seconds)
    ]


def test_the_log_keeps_the_last_ten_failures() -> None:
    one = meter(*(f"power-failure@+{600 * n}/200" for n in range(1, 13)))
    then = read(one, 600 * 13)
    assert then.quantities["failures_long"] == 12
    assert [f.ended_at for f in then.failures] == [
        START + timedelta(seconds=600 * n + 200) for n in range(3, 13)
    ]


def test_what_would_have_been_counted_without_power_is_not_in_the_registers() -> None:
    one, plain = meter("power-failure@+600/7200", "power-failure@+20000/1800"), meter()
    lost = {
        name: sum(
            after(plain, end)[name] - after(plain, begin)[name]
            for begin, end in ((600, 7800), (20_000, 21_800))
        )
        for name in REGISTERS
    }
    assert sum(lost.values()) > 300
    for seconds in (21_800, 50_000, 86_400):
        told, undisturbed = after(one, seconds), after(plain, seconds)
        assert {name: undisturbed[name] - told[name] for name in REGISTERS} == lost


def test_gas_goes_on_without_power_and_is_read_when_it_is_back() -> None:
    one, plain = meter("power-failure@+610/1700"), meter()
    (back,), (later,) = gas(known(one, 2310)), gas(known(one, 2400))
    assert back.captured_at == START + timedelta(seconds=600)
    assert gas(known(one, 2399)) == [back]
    assert [later] == gas(known(plain, 2400))


def test_a_submeter_counts_nothing_without_power_and_never_falls() -> None:
    faults = ("power-failure=8/3000",)
    one = meter(*faults, home="electric-car")
    plain = meter(home="electric-car")
    told = [
        device.register
        for n in range(0, 5 * 86_400, 300)
        if (reading := one.known_at(START + timedelta(seconds=n)))
        for device in reading.mbus
        if device.commodity == "submeter"
    ]
    assert told == sorted(told)
    (whole,) = (device.register for device in known(plain, 5 * 86_400).mbus if device.commodity == "submeter")
    assert 0 < whole - told[-1] < whole - told[0]


def test_the_running_quarter_has_nothing_of_what_was_not_counted() -> None:
    one = meter("power-failure@+1000/300", "power-failure@+1400/100", dialect="be-fluvius", home="heat-pump")
    plain = meter(dialect="be-fluvius", home="heat-pump")
    name = "demand_current_quarter_w"
    counted = sum(
        max(0, reading.quantities["power_import_w"] - reading.quantities["power_export_w"])
        for n in range(900, 1700)
        if (reading := one.known_at(START + timedelta(seconds=n)))
    )
    assert abs(after(one, 1700)[name] - counted // 900) <= 2
    assert after(one, 1700)[name] < after(plain, 1700)[name]
    assert after(one, 1900)[name] == after(plain, 1900)[name]


# --- sags and swells -------------------------------------------------------------------------------


@pytest.mark.parametrize(("fault", "low", "high"), [("sag", 0, 207_000), ("swell", 253_000, 300_000)])
def test_the_voltage_of_one_phase_is_off_while_it_lasts_and_it_is_counted(
    fault: str, low: int, high: int
) -> None:
    one, plain = meter(f"{fault}@+600/5"), meter()
    during, undisturbed = after(one, 602), after(plain, 602)
    (phase,) = (p for p in ("l1", "l2", "l3") if during[f"{fault}s_{p}"])
    assert low < during[f"voltage_{phase}_mv"] < high
    watts = during[f"power_import_{phase}_w"] + during[f"power_export_{phase}_w"]
    amperes = watts * 1000 / during[f"voltage_{phase}_mv"]
    assert abs(during[f"current_{phase}_ma"] / 1000 - amperes) <= 0.5
    changed = {name for name in during if during[name] != undisturbed[name]}
    assert changed - {f"current_{phase}_ma"} == {f"voltage_{phase}_mv", f"{fault}s_{phase}"}
    assert after(one, 605) == {**after(plain, 605), f"{fault}s_{phase}": 1}
    assert after(one, 599) == after(plain, 599)


def test_every_sag_and_swell_is_counted_on_some_phase() -> None:
    happens = events("sag=20", "swell=10")
    one = SimulatedMeter(Household(3), INSTALLED, DSMR_5, happens)
    then = after(one, 5 * 86_400)
    counted = happens.injected(INSTALLED - DAY, START + 5 * DAY)
    for fault in ("sag", "swell"):
        by_phase = [then[f"{fault}s_{phase}"] for phase in ("l1", "l2", "l3")]
        assert sum(by_phase) == counted[fault]
        assert all(by_phase)


def test_a_meter_of_one_phase_counts_there() -> None:
    one = meter("sag=30", home="apartment")
    assert after(one, 86_400)["sags_l1"] >= 30
    assert "sags_l2" not in after(one, 86_400)


# --- other meters ----------------------------------------------------------------------------------


def test_another_meter_has_its_own_number_and_counts_from_zero() -> None:
    one, plain = meter("meter-replaced@+600", "sag@+500", "power-failure@+100/200"), meter()
    before, then = known(one, 599), known(one, 600)
    assert before.meter_number != then.meter_number
    assert len(before.meter_number or "") == len(then.meter_number or "")
    assert all(then.quantities[name] == 0 for name in (*REGISTERS, "failures_any", "failures_long"))
    assert before.failures
    assert not then.failures
    assert not any(then.quantities[f"sags_{phase}"] for phase in ("l1", "l2", "l3"))
    since, used = after(plain, 600), after(plain, 90_000)
    assert {name: after(one, 90_000)[name] for name in REGISTERS} == {
        name: used[name] - since[name] for name in REGISTERS
    }
    assert gas(then) == gas(known(plain, 600))


def test_a_meter_that_is_replaced_while_the_power_is_off_has_not_seen_the_failure() -> None:
    one, plain = meter("power-failure@+600/1200", "meter-replaced@+1000"), meter()
    then = known(one, 1800)
    assert all(then.quantities[name] == 0 for name in (*REGISTERS, "failures_any"))
    assert after(one, 40_000)["energy_import_t2_wh"] == (
        after(plain, 40_000)["energy_import_t2_wh"] - after(plain, 1800)["energy_import_t2_wh"]
    )


def test_the_number_is_new_wherever_it_stands() -> None:
    for name in ("hu-eon", "lu-smarty", "hu-wasion"):
        before, then = (read(meter("meter-replaced@+600", dialect=name), n) for n in (599, 600))
        assert before.meter_number != then.meter_number
        assert before.texts["device_name"] != then.texts["device_name"]


def test_the_month_before_is_not_told_by_a_meter_that_has_not_seen_it_end() -> None:
    plain = meter("sag@+1", dialect="hu-eon")
    replaced = meter("meter-replaced@+600", dialect="hu-eon")
    in_april = int(31 * DAY / timedelta(seconds=1))
    assert known(plain, in_april).month_end is not None
    ended = known(replaced, in_april).month_end
    assert ended is not None
    assert ended.quantities["energy_import_wh"] < after(replaced, in_april)["energy_import_wh"]
    late = meter(f"meter-replaced@+{in_april - 60}", dialect="hu-eon")
    assert known(late, in_april - 61).month_end is not None
    assert known(late, in_april).month_end is None
    replaced_at = (600, in_april - 60)
    belgian = [meter(f"meter-replaced@+{n}", dialect="be-fluvius") for n in replaced_at]
    months = [len(known(one, in_april).demand_history) for one in belgian]
    assert months == [1, 0]


def test_a_gas_meter_that_is_gone_stays_on_its_channel_beside_the_new_one() -> None:
    one, plain = meter("gas-meter-replaced@+750", home="family"), meter(home="family")
    (before,), (old, new) = gas(known(one, 899)), gas(known(one, 900))
    assert old == before
    assert [device.channel for device in known(one, 900).mbus] == [1, 2, 3]
    assert (new.channel, new.captured_at) == (3, START + timedelta(seconds=900))
    assert new.number != old.number
    assert new.register == gas(known(plain, 900))[0].register - before.register
    (_, later), (undisturbed,) = gas(known(one, 86_400)), gas(known(plain, 86_400))
    assert old.register + later.register == undisturbed.register


def test_elsewhere_the_new_gas_meter_takes_the_channel_of_the_old_one() -> None:
    one = meter("gas-meter-replaced@+750", dialect="be-fluvius", home="family")
    (before,), (then,) = gas(known(one, 899)), gas(known(one, 960))
    assert (then.channel, then.ean) == (before.channel, before.ean)
    assert then.number != before.number
    assert then.register < 5000


def test_gas_meters_that_follow_each_other_lose_nothing_and_fit_on_four_channels() -> None:
    one, plain = meter("gas-meter-replaced=6", home="family"), meter(home="family")
    used = 0
    readings = [known(one, n) for n in range(0, 3 * 86_400, 300)]
    for before, then in pairwise(readings):
        old, new = (max(gas(reading), key=lambda device: device.captured_at) for reading in (before, then))
        used += new.register - (old.register if old.number == new.number else 0)
        assert len({device.channel for device in then.mbus}) == len(then.mbus) <= 4
    begin, end = (gas(known(plain, n))[0].register for n in (0, 3 * 86_400 - 300))
    assert used == end - begin
    assert len({device.number for reading in readings for device in gas(reading)}) > 12


# --- rollover --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in sorted(DIALECTS)
        if "energy_import_wh" in DIALECTS[name].named or "energy_import_t1_wh" in DIALECTS[name].named
    ],
)
@pytest.mark.parametrize("seconds", [7200, 60_000])
def test_import_passes_its_highest_number_in_that_very_second_and_once(name: str, seconds: int) -> None:
    one, plain = meter(f"rollover@+{seconds}", dialect=name), meter(dialect=name)
    names = [
        q
        for q in ("energy_import_wh", "energy_import_t1_wh", "energy_import_t2_wh")
        if q in one.dialect.named
    ]
    fallen = []
    moments = [*range(0, seconds, 900), seconds - 1, seconds, *range(seconds + 900, 3 * 86_400, 900)]
    for before, then in pairwise(moments):
        told, undisturbed = (
            {q: after(m, then)[q] - after(m, before)[q] for q in names} for m in (one, plain)
        )
        fallen += [(q, then) for q in names if told[q] < 0]
        assert all(told[q] - undisturbed[q] in (0, 1) for q in names if told[q] >= 0)
    passed, when = fallen[0]
    assert len(fallen) == (2 if name == "at-t210" else 1)  # there one tariff is all of the total
    assert when == seconds
    assert passed == ("energy_import_wh" if "energy_import_wh" in names else passed)
    row = one.dialect.named[passed].row
    text = (
        one.bytes_at(START + timedelta(seconds=seconds - 1)).decode("latin-1")
        if not one.dialect.encrypted
        else ""
    )
    digits = "9" * row.pattern[0] + ("." + "9" * row.pattern[1] if row.pattern[1] else "")
    assert not text or f"{row.code}({digits}*" in text
    assert after(one, seconds)[passed] == 0


def test_a_total_stays_the_sum_of_its_tariffs_but_for_what_has_no_digit() -> None:
    one = meter("rollover@+7200", dialect="hu-eon")
    for seconds in (0, 7199, 7200, 90_000):
        told = after(one, seconds)
        tariffs = told["energy_import_t1_wh"] + told["energy_import_t2_wh"]
        assert told["energy_import_wh"] == tariffs % 10**9
        assert (
            told["energy_combined_wh"]
            == (tariffs + told["energy_export_t1_wh"] + told["energy_export_t2_wh"]) % 10**9
        )


def test_a_meter_that_comes_after_the_rollover_counts_from_zero() -> None:
    one = meter("rollover@+7200", "meter-replaced@+9000", "power-failure@+3000/600")
    assert all(after(one, 9000)[name] == 0 for name in REGISTERS)
    assert imported(after(one, 7199)) - imported(after(one, 7200)) == 10**9 - 1


# --- clocks and messages ---------------------------------------------------------------------------


def test_an_unset_clock_shows_2000_while_it_lasts() -> None:
    one = meter("clock-unset@+600/60")
    unset = [
        n
        for n in range(590, 670)
        if b"0-0:1.0.0(000101010000W)" in one.bytes_at(START + timedelta(seconds=n))
    ]
    assert unset == list(range(600, 660))


def test_a_clock_that_jumps_is_wrong_by_as_much_while_it_lasts_for_devices_too() -> None:
    one, plain = meter("clock-jump@+600/600"), meter()
    wrong_by = {known(one, n).at - START - timedelta(seconds=n) for n in range(600, 1200)}
    assert len(wrong_by) == 1
    (jump,) = wrong_by
    assert timedelta(seconds=1) < abs(jump) <= 3 * HOUR
    assert [known(one, n).at for n in (599, 1200)] == [START + timedelta(seconds=n) for n in (599, 1200)]
    (told,), (true,) = gas(known(one, 900)), gas(known(plain, 900))
    assert told.captured_at - true.captured_at == jump
    assert after(one, 900) == after(plain, 900)


def test_clocks_jump_by_seconds_and_by_hours_both_ways() -> None:
    jumps = [known(meter("clock-jump@+600", seed=seed), 600).at - START - 10 * MINUTE for seed in range(40)]
    assert any(abs(jump) < MINUTE for jump in jumps)
    assert any(abs(jump) > HOUR for jump in jumps)
    assert min(jumps) < timedelta() < max(jumps)


@pytest.mark.parametrize("name", ["nl-dsmr5", "nl-dsmr4", "nl-dsmr3", "lt-eso"])
def test_a_message_is_shown_while_it_lasts_and_may_be_long(name: str) -> None:
    shown = []
    for seed in range(12):
        one = meter("message@+600/60", dialect=name, seed=seed)
        assert not {"message", "message_code"} & read(one, 599).texts.keys()
        assert not {"message", "message_code"} & read(one, 660).texts.keys()
        texts = read(one, 630).texts
        shown.append(len(texts["message"]))
        assert texts["message"].isprintable()
        if "message_code" in one.dialect.named:
            assert len(texts["message_code"]) == 8
            assert texts["message_code"].isdecimal()
    assert max(shown) == 1024


# --- what cannot be --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialect", "fault"),
    [
        ("nl-dsmr3", "sag=1"), ("nl-dsmr3", "clock-unset=1"), ("nl-dsmr3", "clock-jump=1"),
        ("nl-warmtelink", "meter-replaced=1"), ("nl-warmtelink", "rollover@+60"), ("at-t210", "message=1"),
        ("se-h1", "gas-meter-replaced=1"), ("nl-dsmr5", "rollover=1"),
    ],
)  # fmt: skip
def test_a_fault_that_would_not_show_is_refused_in_a_plain_sentence(dialect: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault.partition("=")[0].partition("@")[0]):
        events(fault, dialect=dialect)
