"""Odd telegrams, as meters in the field send them: small ones, each with one oddity."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.p1 import (
    Frame,
    Framer,
    MBusReading,
    MeterClock,
    Reading,
    decode,
)
from gateway.p1.checksum import checksum
from gateway.p1.reading import MonthDemand, PowerFailure
from gateway.p1.telegram import Telegram, serialize
from gateway.p1.values import text_hex

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RECEIVED = NOW + timedelta(seconds=5)
TIME = ("0-0:1.0.0", "(261123130000W)")
POWER = ("1-0:1.7.0", "(00.123*kW)")
GAS, WATER, HEAT = ("0-1:24.1.0", "(003)"), ("0-1:24.1.0", "(007)"), ("0-1:24.1.0", "(004)")
HELSINKI = MeterClock(ZoneInfo("Europe/Helsinki"))


GAS_AT_NOON = ("0-1:24.2.1", "(261123120000W)(00024.123*m3)")
HOUR = ("7-0:23.1.0", "(261123120000W)(00024.123*m3)")


def read(*lines: tuple[str, str], clock: MeterClock | None = None) -> Reading:
    (frame,) = Framer().feed(serialize(Telegram("XYZ5\\TEST", lines)))
    assert isinstance(frame, Frame)
    return decode(frame, RECEIVED, clock or MeterClock())


def framed(text: bytes) -> list[Reading | str]:
    """What comes of bytes: readings, and the names of errors."""
    return [
        decode(found, RECEIVED) if isinstance(found, Frame) else type(found).__name__
        for found in Framer().feed(text)
    ]


def with_checksum(body: bytes, digits: str = "04X") -> bytes:
    return body + format(checksum(body), digits).encode() + b"\r\n"


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "value", "expected"),
    [
        ("1-0:3.7.0", "(00.007)", {"reactive_power_import_var": 7}),  # without a unit: its usual one
        ("0-0:17.0.0", "(77.376)", {"limiter_w": 77_376}),
        ("1-0:3.8.0", "(000001.234*kVArh)", {"reactive_energy_import_varh": 1234}),
        ("1-0:3.8.0", "(000001.234*kVarh)", {"reactive_energy_import_varh": 1234}),
        ("1-0:3.8.0", "(000001.234*kvarh)", {"reactive_energy_import_varh": 1234}),
        ("1-0:3.7.0", "(00.007*kVar)", {"reactive_power_import_var": 7}),
        ("1-0:1.8.0", "(001234567*Wh)", {"energy_import_wh": 1_234_567}),
        ("1-0:1.8.0", "(00123456.789*Wh)", {"energy_import_wh": 123_456}),
        ("1-0:1.7.0", "(000000286*W)", {"power_import_w": 286}),
        ("1-0:3.7.0", "(000000166*var)", {"reactive_power_import_var": 166}),
        ("1-0:31.7.0.255", "(002*A)", {"current_l1_ma": 2000}),
        ("1-0:31.7.0*255", "(002*A)", {"current_l1_ma": 2000}),
        ("1-0:31.7.0", "(0.48*A)", {"current_l1_ma": 480}),
        ("1-0:72:32.0", "(00003)", {"sags_l3": 3}),
        ("0-0:72.32.0", "(00003)", {"sags_l3": 3}),
        ("1-0:1.8.12", "(000001.234*kWh)", {"energy_import_t2_wh": 1234}),
        ("0-0:96.14.1", "(0003)", {"tariff": 3}),
        ("0-0:96.14.0", "(TARIFF 1)", {"tariff": 1}),
        ("0-0:96.3.10", "(ON)", {"breaker_state": 1}),
        ("0-0:96.3.10", "(OFF)", {"breaker_state": 0}),
        ("0-0:17.0.0", "(24000*W)", {"limiter_w": 24_000}),
        ("0-0:17.0.0", "(016*A)", {"limiter_ma": 16_000}),
        ("0-0:17.0.0", "(027.6*kVA)", {"limiter_va": 27_600}),
        ("1-1:31.4.0", "(40*A)(-6*A)", {"fuse_threshold_ma": 40_000, "fuse_threshold_export_ma": -6000}),
        ("1-0:13.7.0", "(-0.956)", {"power_factor_permille": -956}),
        ("1-0:16.24.0", "(-00.123*kW)", {"power_net_average_w": -123}),
        ("1-0:1.8.0", "(4294967296*Wh)", {"energy_import_wh": 2**32}),
        ("1-0:1.7.0", "(2147483.648*kW)", {"power_import_w": 2**31}),
    ],
)  # fmt: skip
def test_a_value_in_an_odd_form_is_read(code: str, value: str, expected: dict[str, int]) -> None:
    reading = read((code, value))
    assert (reading.quantities, reading.unknown, reading.unreadable) == (expected, (), ())


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("0-0:17.0.0", "(999.9*kW)"),
        ("0-0:17.0.0", "(99.999*kW)"),
        ("0-0:17.0.0", "(0999.00*kW)"),
        ("0-0:17.0.0", "(999*A)"),
        ("1-0:31.4.0", "(999*A)"),
        ("1-0:31.4.0", "(999.99*A)"),
        ("1-1:31.4.0", "(999*A)(-999*A)"),
    ],
)
def test_a_threshold_of_all_nines_is_no_limit(code: str, value: str) -> None:
    reading = read((code, value), POWER)
    assert (reading.quantities, reading.unreadable) == ({"power_import_w": 123}, ())


@pytest.mark.parametrize(
    "code",
    ["0-0:1.0.0", "0-0:96.1.1", "0-0:96.14.0", "1-0:1.8.0", "1-0:1.6.0", "0-0:98.1.0", "1-0:99.97.0",
     "0-0:96.13.0", "0-0:17.0.0", "1-1:31.4.0", "1-0:13.7.0", "0-1:24.1.0", "0-1:96.1.0"],
)  # fmt: skip
def test_empty_brackets_are_no_value_and_no_fault(code: str) -> None:
    reading = read((code, "()"), POWER)
    assert (reading.quantities, reading.texts, reading.mbus) == ({"power_import_w": 123}, {}, ())
    assert (reading.unknown, reading.unreadable) == ((), ())


def test_of_a_line_sent_twice_the_first_counts() -> None:
    twice = (("1-0:1.7.0", "(00.100*kW)"), ("0-0:96.13.0", "(31)"), ("0-1:24.2.1", "(261123120000W)(1*m3)"))
    again = (("1-0:1.7.0", "(00.200*kW)"), ("0-0:96.13.0", "(32)"), ("0-1:24.2.1", "(261123121000W)(2*m3)"))
    reading = read(TIME, GAS, *twice, *again)
    assert (reading.quantities, reading.texts) == ({"power_import_w": 100}, {"message": "1"})
    assert [gas.register for gas in reading.mbus] == [1000]


def test_two_codes_of_one_quantity_count_as_the_same_line() -> None:
    assert read(("1-0:1.8.1", "(1*kWh)"), ("1-1:1.8.1", "(2*kWh)")).quantities == {
        "energy_import_t1_wh": 1000
    }


def test_one_odd_line_does_not_cost_the_others() -> None:
    reading = read(
        ("1-0:1.7.0", "(0x.123*kW)"), ("1-0:99.97.0", "(x)"), ("1-0:9.9.9", "(1)"), ("1-0:2.7.0", "(1*kW)")
    )
    assert reading.quantities == {"power_export_w": 1000}
    assert reading.unreadable == ("1-0:1.7.0", "1-0:99.97.0")
    assert reading.unknown == (("1-0:9.9.9", "(1)"),)


# --- lists ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("log", ["(0)(0-0:96.7.19)", "(0)()", "()", "(1)()()()", "(0)"])
def test_an_empty_log_of_failures_has_many_forms(log: str) -> None:
    reading = read(("1-0:99.97.0", log))
    assert (reading.failures, reading.unreadable) == ((), ())


def test_what_was_never_written_to_the_log_of_failures_is_left_out() -> None:
    log = "(3)(0-0:96.7.19)(000101000001W)(2147483647*s)(101208152415W)(0000000240*s)(000102000000W)(1*s)"
    ended_at = datetime(2010, 12, 8, 14, 24, 15, tzinfo=UTC)
    assert read(("1-0:99.97.0", log)).failures == (PowerFailure(ended_at, 240),)


def test_failures_are_told_oldest_first_whichever_way_they_are_sent() -> None:
    new, old = "(101208152415W)(0000000240*s)", "(101207151004W)(4294967296*s)"
    read_both = [read(("1-0:99.97.0", f"(2)(0-0:96.7.19){log}")).failures for log in (new + old, old + new)]
    assert read_both[0] == read_both[1]
    assert [failure.duration_s for failure in read_both[0]] == [2**32, 240]


HISTORY = (
    "(200501000000S)(200423192538S)(03.695*kW)",
    "(200401000000S)(200305122139S)(05.980*kW)",
    "(200301000000S)(200210035421W)(04.318*kW)",
)


@pytest.mark.parametrize("months", [HISTORY, HISTORY[::-1]])
def test_the_demand_history_is_told_oldest_first_whichever_way_it_is_sent(months: tuple[str, ...]) -> None:
    history = read(("0-0:98.1.0", "(3)(1-0:1.6.0)(1-0:1.6.0)" + "".join(months))).demand_history
    assert [month.demand_w for month in history] == [4318, 5980, 3695]
    # The March reset is flagged S and lies before the change of the clocks: the flag counts.
    assert [month.month_ends_at for month in history] == [
        datetime(2020, 2, 29, 22, tzinfo=UTC), datetime(2020, 3, 31, 22, tzinfo=UTC),
        datetime(2020, 4, 30, 22, tzinfo=UTC),
    ]  # fmt: skip


def test_a_month_without_a_peak_has_none() -> None:
    history = read(("0-0:98.1.0", "(1)(1-0:1.6.0)(1-0:1.6.0)(230801000000S)(632525252525W)(00.000*kW)"))
    assert history.demand_history == (MonthDemand(datetime(2023, 7, 31, 22, tzinfo=UTC), None, 0),)


@pytest.mark.parametrize(
    "history", ["(0)(1-0:1.6.0)(1-0:1.6.0)()", "(0)(1-0:1.6.0)(1-0:1.6.0)", "(12)", "()"]
)
def test_an_empty_demand_history_has_many_forms(history: str) -> None:
    reading = read(("0-0:98.1.0", history))
    assert (reading.demand_history, reading.month_end, reading.unreadable) == ((), None, ())


def test_the_same_code_is_a_history_in_belgium_and_the_month_s_end_in_hungary() -> None:
    values = "".join(f"({n:06d}.000*kWh)" for n in range(1, 7)) + "".join(
        f"({n}.000*kvarh)" for n in range(7, 13)
    )
    ended = read(("0-0:98.1.0", f"(230701000000S){values}(13.000*kWh)" + "(03.564*kW)" * 6)).month_end
    assert ended is not None
    assert ended.at == datetime(2023, 6, 30, 22, tzinfo=UTC)
    assert [value // 1000 for value in ended.quantities.values()] == list(range(1, 14))
    assert ended.quantities["energy_export_t2_wh"] == 6000
    assert ended.demands_w == (3564,) * 6


# --- texts ----------------------------------------------------------------------------------------


def test_a_message_that_is_broken_over_lines_is_one() -> None:
    broken = "\r\n".join((text_hex("Your meter "), text_hex("will be read"), text_hex(" on 3/11!")))
    reading = read(("0-0:96.13.0", f"({broken})"), POWER)
    assert reading.texts == {"message": "Your meter will be read on 3/11!"}
    assert reading.quantities == {"power_import_w": 123}
    assert read(("0-0:96.13.0", "(FFFF\r\nFF00)")).texts == {"message": "FFFFFF00"}


@pytest.mark.parametrize("filling", ["\xff" * 40, "\xb0\xb3", "FF" * 20])
def test_a_message_of_bytes_that_are_no_letters_is_kept_as_it_came(filling: str) -> None:
    assert read(("0-0:96.13.0", f"({filling})"), POWER).texts == {"message": filling}


def test_a_slash_in_a_message_is_no_beginning() -> None:
    assert read(("0-0:96.13.0", "(see /ISK5 or 3/11)"), POWER).texts == {"message": "see /ISK5 or 3/11"}


def test_spaces_that_fill_a_number_up_are_left_out() -> None:
    assert read(("0-0:96.1.1", "(4B384547" + "20" * 8 + ")")).meter_number == "K8EG"


def test_a_number_of_zeros_is_none() -> None:
    assert read(("0-0:96.1.1", "(00000000000000)"), POWER).meter_number is None


def test_double_brackets_are_as_single_ones() -> None:
    assert read(("0-0:96.13.0", "((ER11))")).texts["message"] == "ER11"
    assert read(("1-0:1.7.0", "((00.123*kW))")).quantities["power_import_w"] == 123


def test_a_current_may_be_negative() -> None:
    assert read(("1-0:31.7.0", "(-01.1*A)")).quantities["current_l1_ma"] == -1100


def test_reactive_power_is_read_by_quadrant() -> None:
    assert read(("1-0:5.7.0", "(00.250*kvar)")).quantities["reactive_power_q1_var"] == 250


# --- M-Bus devices --------------------------------------------------------------------------------


def device(*lines: tuple[str, str]) -> MBusReading | None:
    reading = read(TIME, *lines)
    assert reading.unreadable == ()
    assert len(reading.mbus) < 2
    return reading.mbus[0] if reading.mbus else None


@pytest.mark.parametrize(
    "register",
    [
        "(632525252525S)(00000.000)",  # a date of 0xFF
        "(632525252525W)(00000.000*m3)",
        "(700101010000W)(00000000)",  # 1970, which reads as 2070
        "(000101010000W)(00000.000*m3)",  # the clock of a device that was never set
        "(261124130001W)(00001.000*m3)",  # more than a day ahead
        "(271123130000W)(00001.000*m3)",  # a year ahead: Kaifa's gas on New Year's Day of 2018
        "()",
    ],
)
@pytest.mark.parametrize("number", ["()", "(00000000000000)", "(" + text_hex("G0000000000000000") + ")"])
def test_a_device_without_a_reading_is_none(register: str, number: str) -> None:
    assert device(GAS, ("0-1:96.1.0", number), ("0-1:24.2.1", register)) is None


def test_a_device_may_be_a_day_ahead_of_the_meter() -> None:
    assert device(GAS, ("0-1:24.2.1", "(261124130000W)(00001.000*m3)")) is not None


def test_without_lines_of_a_device_there_is_none() -> None:
    assert read(TIME, POWER).mbus == ()


def test_two_gas_meters_are_told_apart_by_their_channels() -> None:
    """After a replacement, the old one stands still on channel 1."""
    old = (GAS, ("0-1:96.1.0", "(4731)"), ("0-1:24.2.1", "(250301120000W)(09999.000*m3)"))
    new = (("0-2:24.1.0", "(003)"), ("0-2:96.1.0", "(4732)"), ("0-2:24.2.1", "(261123125500W)(00001.000*m3)"))
    devices = read(TIME, *old, *new).mbus
    assert [(one.channel, one.commodity, one.number) for one in devices] == [
        (1, "gas", "G1"),
        (2, "gas", "G2"),
    ]
    assert devices[0].captured_at < devices[1].captured_at


def test_lines_of_a_device_may_come_in_any_order() -> None:
    lines = (("0-1:24.2.1", "(261123125500W)(00001.000*m3)"), ("0-1:96.1.0", "(4731)"), GAS)
    found = [device(*order) for order in (lines, lines[::-1])]
    assert found[0] == found[1] is not None


def test_a_heat_meter_alone_is_read() -> None:
    reading = read(
        TIME, HEAT, ("0-1:96.1.0", "(621848012D2C0B0C)"), ("0-1:24.2.1", "(261123125500W)(0012.345*GJ)")
    )
    assert (reading.quantities, reading.meter_number, reading.at) == ({}, None, NOW)
    (heat,) = reading.mbus
    assert (heat.commodity, heat.number, heat.register) == ("heat", "621848012D2C0B0C", 12_345_000)


@pytest.mark.parametrize(
    ("kind", "written", "commodity", "register"),
    [
        (3, "(12785.12*m3)", "gas", 12_785_120),
        (4, "(0012.34*GJ)", "heat", 12_340_000),
        (4, "(12340*MJ)", "heat", 12_340_000),
        (10, "(0012.34*GJ)", "cooling", 12_340_000),
        (6, "(00012.345*m3)", "warm_water", 12_345),
        (21, "(00012.345*m3)", "warm_water", 12_345),
        (22, "(00012.345*m3)", "water", 12_345),
        (12, "(0012.34*GJ)", "inlet_heat", 12_340_000),
        (12, "(4.421*m3)", "heat_volume", 4421),
        (4, "(4.421*m3)", "heat_volume", 4421),
        (13, "(4421*dm3)", "heat_volume", 4421),
        (13, "(1.5*MWh)", "heat", 5_400_000),
        (11, "(4.421*m3)", "cooling_volume", 4421),
        (3, "(12785120*l)", "gas", 12_785_120),
        (3, "(12785.12*m\xb3)", "gas", 12_785_120),
        (3, "(12785.12*m\xc2\xb3)", "gas", 12_785_120),
        (7, "(00012.345)", "water", 12_345),
        (2, "(000012.345*kWh)", "submeter", 12_345),
    ],
)
def test_a_register_is_read_by_type_and_unit(kind: int, written: str, commodity: str, register: int) -> None:
    found = device(("0-1:24.1.0", f"({kind:03d})"), ("0-1:24.2.1", f"(261123125500W){written}"))
    assert found is not None
    assert (found.commodity, found.register) == (commodity, register)


@pytest.mark.parametrize("code", ["24.2.1", "24.2.3"])
@pytest.mark.parametrize("kind", [GAS, WATER])
def test_belgian_gas_and_water_come_under_either_code(code: str, kind: tuple[str, str]) -> None:
    found = device(kind, ("0-1:96.1.1", "(4731)"), (f"0-1:{code}", "(261123125546W)(00012.345*m3)"))
    assert found is not None
    assert (found.number, found.register) == ("G1", 12_345)
    assert found.captured_at == datetime(2026, 11, 23, 11, 55, 46, tzinfo=UTC)


@pytest.mark.parametrize("status", ["00", "08", "2C"])
@pytest.mark.parametrize("code", ["0-1:24.2.1", "0-1:24.2.0"])
@pytest.mark.parametrize("kind", ["(3)", "(03)", "(003)"])
def test_gas_in_two_lines_is_read(status: str, code: str, kind: str) -> None:
    hourly = f"(260712160000)({status})(60)(1)({code})(m3)\r\n(00001.234)"
    found = device(("0-1:24.1.0", kind), ("0-1:24.3.0", hourly), ("0-1:24.4.0", "(1)"))
    assert found is not None
    assert (found.register, found.valve_state) == (1234, 1)
    assert found.captured_at == datetime(2026, 7, 12, 14, tzinfo=UTC)


# --- time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", ["000101010000W", "700101000000W", "632525252525S", "261399256199W", ""])
def test_a_clock_that_was_never_set_gives_way_to_the_time_of_receipt(told: str) -> None:
    reading = read(("0-0:1.0.0", f"({told})"), POWER)
    assert (reading.at, reading.timed) == (RECEIVED, False)


def test_a_clock_that_is_wrong_by_months_is_the_meter_s_own_time() -> None:
    """It is set: history looks at it with the time of receipt beside it."""
    reading = read(("0-0:1.0.0", "(260401120000S)"), POWER)
    assert (reading.at, reading.timed) == (datetime(2026, 4, 1, 10, tzinfo=UTC), True)


UTC_OF: list[tuple[str, MeterClock, Any]] = [
    ("261025023000S", MeterClock(), (10, 25, 0, 30)),
    ("261025023000W", MeterClock(), (10, 25, 1, 30)),
    ("260712120000W", MeterClock(), (7, 12, 11, 0)),  # Sweden's winter time all year
    ("260712120000S", MeterClock(winter_time_only=True), (7, 12, 11, 0)),  # as told of some Kamstrup meters
    ("260712120000S", HELSINKI, (7, 12, 9, 0)),
    ("261123120000W", HELSINKI, (11, 23, 10, 0)),
    ("261025033000S", HELSINKI, (10, 25, 0, 30)),
    ("261025033000W", HELSINKI, (10, 25, 1, 30)),
]


@pytest.mark.parametrize(("told", "clock", "utc"), UTC_OF)
def test_the_flag_and_the_home_tell_the_offset(told: str, clock: MeterClock, utc: tuple[int, ...]) -> None:
    month, day, hour, minute = utc
    assert read(("0-0:1.0.0", f"({told})"), clock=clock).at == datetime(
        2026, month, day, hour, minute, tzinfo=UTC
    )


def test_without_a_flag_the_hour_that_comes_twice_is_its_first_coming() -> None:
    found = device(GAS, ("0-1:24.3.0", "(261025023000)(00)(60)(1)(0-1:24.2.1)(m3)\r\n(00001.234)"))
    assert found is not None
    assert found.captured_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


# --- headers and ends -----------------------------------------------------------------------------

LINES = b"0-0:1.0.0(261123130000W)\r\n1-0:1.7.0(00.123*kW)\r\n!"
READ = replace(read(TIME, POWER), model="")


@pytest.mark.parametrize(
    "header",
    [
        "ADN9 6534", "KAM5", "NWA-WARMTELINK", r"Ene5\T210-D ESMR5.0", "KMP5 ZABF001587315111",
        r"ISk5\2MT382-1004", "XMX5LGBBFFB231314239", "SAG5SAG-METER", "Lux5\\253663629_A",
    ],
)  # fmt: skip
def test_an_odd_header_is_the_model(header: str) -> None:
    sent = with_checksum(b"/" + header.encode() + b"\r\n\r\n" + LINES)
    country = "LU" if header.startswith("Lux") else None
    assert framed(sent) == [replace(READ, model=header, country=country)]


@pytest.mark.parametrize("between", [b"\r\n", b"\r\n\r\n", b"\n", b"\n\n"])
def test_the_blank_line_behind_the_header_may_be_missing(between: bytes) -> None:
    assert framed(with_checksum(b"/KMP5 TEST" + between + LINES)) == [replace(READ, model="KMP5 TEST")]


def test_the_end_may_be_glued_to_the_last_value() -> None:
    glued = LINES.replace(b"\r\n!", b"!")
    assert framed(with_checksum(b"/ADN9 6534\r\n\r\n" + glued)) == [replace(READ, model="ADN9 6534")]


@pytest.mark.parametrize("digits", ["04X", "04x", "X", "x"])
def test_a_checksum_may_be_short_or_in_small_letters(digits: str) -> None:
    # One whose checksum begins with a zero and has letters.
    for n in range(1000):
        body = b"/XYZ5\\%d\r\n\r\n" % n + LINES
        if checksum(body) < 0x1000 and any(letter in "ABCDEF" for letter in f"{checksum(body):X}"):
            break
    assert framed(with_checksum(body, digits)) == [replace(READ, model=f"XYZ5\\{n}")]


@pytest.mark.parametrize("around", [b"\x00", b"\xff\xff", b"\x00\xff\r\n"])
def test_filling_around_telegrams_is_no_fault(around: bytes) -> None:
    sent = with_checksum(b"/XYZ5\\A\r\n\r\n" + LINES)
    assert framed(around + sent + around + sent + around) == [replace(READ, model="XYZ5\\A")] * 2


def test_a_telegram_that_is_cut_by_the_next_costs_only_itself() -> None:
    sent = with_checksum(b"/XYZ5\\A\r\n\r\n" + LINES)
    for length in range(5, len(sent) - 6):
        assert framed(sent[:length] + b"\r\n" + sent) == ["TelegramCut", replace(READ, model="XYZ5\\A")]


@pytest.mark.parametrize(
    ("lines", "unreadable", "unknown"),
    [
        ([("0-1:24.1.0", "(x)")], ("0-1:24.1.0",), ()),
        ([("0-1:24.1.0", "(099)"), GAS_AT_NOON], (), ("0-1:24.1.0", "0-1:24.2.1")),
        ([("0-1:24.1.0", "(003)"), ("0-1:24.2.1", "(1*2)")], ("0-1:24.2.1",), ("0-1:24.1.0",)),
        ([("1-0:1.6.0", "(261123120000W)")], (), ("1-0:1.6.0",)),
        ([("0-0:98.1.0", "(261101000000W)(000001.000*kWh)")], ("0-0:98.1.0",), ()),
        # a further value, too, is named where it cannot be read; of two values in a line, neither is taken
        ([TIME, ("0-0:1.0.0", "(x)")], ("0-0:1.0.0",), ()),
        ([("1-0:31.4.0", "(016*A)(x*A)")], ("1-0:31.4.0",), ()),
        # of a load profile, an hour that comes twice and one without its time
        ([HOUR, HOUR], (), ("7-0:23.1.0",)),
        ([("7-0:23.1.0", "(00024.123*m3)")] * 2, (), ("7-0:23.1.0",)),
    ],
)
def test_a_line_that_gives_no_value_is_named_or_left_as_it_came(
    lines: list[tuple[str, str]], unreadable: tuple[str, ...], unknown: tuple[str, ...]
) -> None:
    reading = read(*lines)
    assert not reading.quantities
    assert (reading.unreadable, tuple(code for code, _ in reading.unknown)) == (unreadable, unknown)
