"""What a telegram means: units, times, devices, and lines that make no sense."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import MalformedTelegram
from gateway.p1 import (
    Frame,
    Phase,
    Reading,
    decode,
)
from gateway.p1.obis import BY_QUANTITY, Form, Row
from gateway.p1.telegram import Telegram, serialize
from gateway.p1.times import HOME
from gateway.p1.values import text_hex, text_of, value_text

RECEIVED = datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC)
TIME = ("0-0:1.0.0", "(261123130000W)")


def read(*lines: tuple[str, str], header: str = "XYZ5\\TEST") -> Reading:
    body = serialize(Telegram(header, lines)).rpartition(b"!")[0] + b"!"
    return decode(Frame(body), RECEIVED)


@pytest.mark.parametrize(
    ("code", "value", "quantity", "expected"),
    [
        ("1-0:1.8.1", "(123456.789*kWh)", "energy_import_t1_wh", 123_456_789),
        ("1-0:1.8.1", "(00123.456*kWh)", "energy_import_t1_wh", 123_456),
        ("1-0:1.8.0", "(12345678*Wh)", "energy_import_wh", 12_345_678),
        ("1-0:2.7.0", "(01.193*kW)", "power_export_w", 1193),
        ("1-0:1.7.0", "(0000.98*kW)", "power_import_w", 980),
        ("1-0:1.7.0", "(00.007)", "power_import_w", 7),
        ("1-0:32.7.0", "(220.1*V)", "voltage_l1_mv", 220_100),
        ("1-0:31.7.0", "(001*A)", "current_l1_ma", 1000),
        ("1-0:31.7.0", "(000.48*A)", "current_l1_ma", 480),
        ("1-0:31.7.0.255", "(002*A)", "current_l1_ma", 2000),
        ("0-0:96.14.0", "(0002)", "tariff", 2),
        ("0-0:96.7.21", "(00013)", "failures_any", 13),
    ],
)
def test_a_value_is_read_in_base_units(code: str, value: str, quantity: str, expected: int) -> None:
    assert read((code, value)).quantities == {quantity: expected}


@pytest.mark.parametrize(
    "value", ["(x)", "(1_0*kW)", "(-1.2*kW)", "(1.2*horse)", "(²)", "(9999999999999999)"]
)
def test_one_bad_line_does_not_cost_the_telegram(value: str) -> None:
    reading = read(TIME, ("1-0:1.7.0", value), ("1-0:2.7.0", "(01.193*kW)"))
    assert reading.unreadable == ("1-0:1.7.0",)
    assert reading.quantities == {"power_export_w": 1193}
    assert reading.at == datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_an_empty_value_is_absent_and_no_fault() -> None:
    reading = read(("1-0:1.7.0", "()"), ("1-0:2.7.0", "(01.193*kW)"))
    assert (reading.quantities, reading.unreadable) == ({"power_export_w": 1193}, ())


def test_of_a_code_sent_twice_the_first_counts() -> None:
    assert read(("1-0:1.7.0", "(00.100*kW)"), ("1-0:1.7.0", "(00.200*kW)")).quantities == {
        "power_import_w": 100
    }


def test_unknown_codes_are_kept_as_they_came() -> None:
    assert read(("1-0:99.98.0", "(0)(0-0:96.7.19)")).unknown == (("1-0:99.98.0", "(0)(0-0:96.7.19)"),)


def test_a_frame_without_lines_is_malformed() -> None:
    with pytest.raises(MalformedTelegram):
        decode(Frame(b"/XYZ5\r\n\r\n!"), RECEIVED)


# --- time ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "utc"),
    [
        ("260329015959W", (3, 29, 0, 59, 59)),
        ("260329030000S", (3, 29, 1, 0, 0)),
        ("261025023000S", (10, 25, 0, 30, 0)),  # the hour that comes twice: first
        ("261025023000W", (10, 25, 1, 30, 0)),  # and second
        ("260701120000W", (7, 1, 11, 0, 0)),  # a meter that keeps winter time all year
    ],
)
def test_the_flag_tells_the_offset(told: str, utc: tuple[int, int, int, int, int]) -> None:
    assert read(("0-0:1.0.0", f"({told})")).at == datetime(2026, *utc, tzinfo=UTC)


@pytest.mark.parametrize(
    "told", ["000101010000W", "700101000000X", "632525252525W", "", "261123", "991399000000W"]
)
def test_an_unset_or_odd_clock_falls_back_to_the_time_of_receipt(told: str) -> None:
    assert read(("0-0:1.0.0", f"({told})"), ("1-0:1.7.0", "(00.100*kW)")).at == RECEIVED


def test_a_meter_without_a_clock_gets_the_time_of_receipt() -> None:
    assert read(("1-0:1.7.0", "(00.100*kW)")).at == RECEIVED


@given(st.integers(0, 2**31), st.booleans())
def test_a_time_that_is_written_is_read_back(seconds: int, summer: bool) -> None:
    at = datetime(2010, 1, 2, tzinfo=UTC) + timedelta(seconds=seconds)
    assert HOME.utc(HOME.text(at, summer)) == at


# --- texts and numbers -----------------------------------------------------------------------


@given(st.from_regex(r"[!-~]{1,40}", fullmatch=True))
def test_a_text_that_is_written_is_read_back(text: str) -> None:
    assert text_of(text_hex(text)) == text


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("4B384547303034303436333935353037", "K8EG004046395507"),
        ("4B3820202020", "K8"),
        ("621848012D2C0B0C", "621848012D2C0B0C"),  # bytes, not letters
        ("E9E8E7", "E9E8E7"),
        ("WSE1012403352978", "WSE1012403352978"),
        ("4B3", "4B3"),
        ("", ""),
    ],
)
def test_a_number_is_kept_as_sent_unless_it_is_text(sent: str, meant: str) -> None:
    assert text_of(sent) == meant


@pytest.mark.parametrize(
    ("quantity", "value", "text"),
    [
        ("energy_import_t1_wh", 123_456_789, "(123456.789*kWh)"),
        ("power_import_w", 7, "(00.007*kW)"),
        ("voltage_l1_mv", 230_100, "(230.1*V)"),
        ("current_l1_ma", 4000, "(004*A)"),
        ("failures_any", 13, "(00013)"),
        ("tariff", 2, "(0002)"),
        ("device_type", 3, "(003)"),
        ("device_register", 12_785_123, "(12785.123*m3)"),
    ],
)
def test_numbers_are_printed_as_the_standard_has_them(quantity: str, value: int, text: str) -> None:
    assert value_text(BY_QUANTITY[quantity], value) == text


NUMBERED = [
    row for row in BY_QUANTITY.values() if row.form in (Form.NUMBER, Form.COUNT) and "-n:" not in row.code
]


@given(st.sampled_from(NUMBERED), st.data())
def test_a_number_that_is_written_is_read_back(row: Row, draw: st.DataObject) -> None:
    whole, decimals = row.pattern
    digits = draw.draw(st.integers(0, 10 ** (whole + decimals) - 1))
    step = 1000 // 10**decimals if row.unit else 1
    assert read((row.code, value_text(row, digits * step))).quantities == {row.quantity: digits * step}


# --- M-Bus devices ---------------------------------------------------------------------------

GAS = ("0-1:24.1.0", "(003)")
NUMBER = ("0-1:96.1.0", "(" + text_hex("G0012345678901234") + ")")


def test_a_gas_meter_is_read_with_its_own_time() -> None:
    (gas,) = read(TIME, GAS, NUMBER, ("0-1:24.2.1", "(261123125500W)(01234.567*m3)")).mbus
    assert (gas.channel, gas.commodity, gas.number) == (1, "gas", "G0012345678901234")
    assert gas.captured_at == datetime(2026, 11, 23, 11, 55, tzinfo=UTC)
    assert gas.register == 1_234_567


@pytest.mark.parametrize(
    "value",
    [
        "()",
        "(632525252525S)(00000.000)",
        "(700101010000W)(00000000)",
        "(000101010000W)(00000.000*m3)",
        "(271123130000W)(00000.000*m3)",  # a year ahead
        "(261124130001W)(00000.000*m3)",  # a second more than a day ahead
    ],
)
def test_a_device_that_was_never_read_has_no_reading(value: str) -> None:
    reading = read(TIME, GAS, ("0-1:96.1.0", "()"), ("0-1:24.2.1", value))
    assert (reading.mbus, reading.unreadable) == ((), ())


def test_no_lines_of_a_device_is_no_device() -> None:
    assert read(TIME).mbus == ()
    assert read(TIME, GAS, NUMBER).mbus == ()


def test_an_unreadable_device_does_not_cost_the_others() -> None:
    reading = read(
        TIME,
        GAS, ("0-1:24.2.1", "(261123125500W)(x*m3)"),
        ("0-2:24.1.0", "(007)"), ("0-2:24.2.1", "(261123120000W)(00012.345*m3)"),
        ("0-3:24.2.1", "(261123120000W)(0012.34*GJ)"), ("0-3:24.1.0", "(004)"),
    )  # fmt: skip
    assert reading.unreadable == ("0-1:24.2.1",)
    assert [(d.channel, d.commodity, d.register) for d in reading.mbus] == [
        (2, "water", 12_345),
        (3, "heat", 12_340_000),
    ]


# --- the reading itself ----------------------------------------------------------------------


def test_phases_are_those_that_the_meter_speaks_of() -> None:
    reading = read(("1-0:21.7.0", "(00.400*kW)"), ("1-0:32.7.0", "(230.0*V)"), ("1-0:62.7.0", "(00.100*kW)"))
    assert reading.phases == (Phase(400, None, 230_000, None), Phase(None, 100, None, None))


def test_net_power_is_import_less_export() -> None:
    assert read(("1-0:1.7.0", "(00.000*kW)"), ("1-0:2.7.0", "(01.200*kW)")).net_power_w == -1200
    assert read(TIME).net_power_w is None


def test_only_the_simulator_is_simulated() -> None:
    assert not read(TIME).simulated
    assert read(TIME, header="XYZ5\\P1-SIMULATOR").simulated
