"""What real meters were found to send: mistyped orders, other units, other media, other countries."""

from datetime import UTC, datetime

import pytest

from gateway.errors import ContentEncrypted
from gateway.p1 import Frame, Framer, decode
from gateway.p1.checksum import checksum
from gateway.p1.cipher import Decryptor, MeterKey, encrypt
from gateway.p1.framer import MAX_FRAME
from gateway.p1.reading import as_json
from gateway.p1.telegram import Line, Telegram, serialize
from gateway.p1.values import text_hex
from tests.p1.real_meters import GAS, GAS_REGISTER, NOON, RECEIVED, TIME, read

# --- values -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("(08.796*kW)(260102010000)", datetime(2026, 1, 2, 0, tzinfo=UTC)),
        ("(260102010000)(08.796*kW)", datetime(2026, 1, 2, 0, tzinfo=UTC)),
        ("(08.796*kW)(260102010000W)", datetime(2026, 1, 2, 0, tzinfo=UTC)),
        ("(08.796)(260102010000W)", datetime(2026, 1, 2, 0, tzinfo=UTC)),
        ("(260102010000W)(08.796)", datetime(2026, 1, 2, 0, tzinfo=UTC)),
        ("(260201000000W)(260102010000W)(08.796*kW)", datetime(2026, 1, 2, 0, tzinfo=UTC)),
        ("(8796*W)(260102010000W)", datetime(2026, 1, 2, 0, tzinfo=UTC)),
        ("(08.796*kW)(000101000000W)", None),
        ("(08.796*kW)", None),
        ("(08,796 * kW)", None),
    ],
)
def test_a_peak_is_read_whichever_way_it_is_written(written: str, at: datetime | None) -> None:
    reading = read(TIME, ("1-0:1.6.0", written))
    assert reading.quantities == {"demand_max_month_w": 8796}
    assert reading.demand_max_at == at


@pytest.mark.parametrize(
    "code",
    ["1-0:1.7.0", "1-0:1.8.1", "1-0:31.7.0", "1-0:32.7.0", "1-0:13.7.0", "0-0:17.0.0", "1-0:31.4.0",
     "0-0:96.7.21", "0-0:96.14.0", "1-0:16.24.0"],
)  # fmt: skip
@pytest.mark.parametrize(
    "date", ["(260102010000)", "(260102010000W)", "(26-01-02 01:00:00)", "(2601020100000)"]
)
def test_a_date_never_becomes_a_number(code: str, date: str) -> None:
    reading = read(TIME, (code, date))
    assert reading.quantities == {}
    assert reading.unreadable == (code,) or reading.unknown == ((code, date),)


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("1-0:1.7.0", "(00301)"),  # watts or kilowatts?
        ("1-0:1.7.0", "(0000000.301)"),
        ("1-0:1.8.1", "(000053656)"),
        ("1-0:1.8.1", "(123456789.123)"),
        ("1-0:1.7.0", "(260102010000*kW)"),
        ("1-0:31.7.0", "(002*kW)"),
        ("1-0:1.7.0", "(002*A)"),
        ("1-0:1.8.1", "(000002.000*kW)"),
        ("1-0:32.7.0", "(230.1*Hz)"),
        ("1-0:3.8.0", "(000002.000*kWh)"),
    ],
)
def test_a_number_of_another_form_or_dimension_is_named_and_not_taken(code: str, value: str) -> None:
    reading = read(TIME, (code, value))
    assert (reading.quantities, reading.unreadable) == ({}, (code,))


OF_EACH = {
    "Wh": ("1-0:1.8.0", "energy_import_wh", 1), "varh": ("1-0:3.8.0", "reactive_energy_import_varh", 1),
    "W": ("1-0:1.7.0", "power_import_w", 1), "var": ("1-0:3.7.0", "reactive_power_import_var", 1),
    "VA": ("1-0:9.7.0", "apparent_power_import_va", 1), "V": ("1-0:32.7.0", "voltage_l1_mv", 1000),
    "A": ("1-0:31.7.0", "current_l1_ma", 1000), "Hz": ("1-0:14.7.0", "frequency_mhz", 1000),
}  # fmt: skip


@pytest.mark.parametrize("unit", OF_EACH)
@pytest.mark.parametrize(
    ("prefix", "scale"), [("m", 0.001), ("", 1), ("k", 1e3), ("K", 1e3), ("M", 1e6), ("G", 1e9)]
)
def test_every_prefix_of_every_unit_is_read_in_any_case(unit: str, prefix: str, scale: float) -> None:
    code, quantity, base = OF_EACH[unit]
    expected = int(7 * scale * base + 1e-9)
    for spelt in (unit, unit.upper(), unit.lower()):
        assert read((code, f"(7*{prefix}{spelt})")).quantities == {quantity: expected}


@pytest.mark.parametrize(
    ("written", "litre"),
    [
        ("(01234.567*m3)", 1_234_567), ("(01234.567*M3)", 1_234_567), ("(01234.567*m\xb3)", 1_234_567),
        ("(01234.567*m\xc2\xb3)", 1_234_567), ("(1234567*dm3)", 1_234_567), ("(1234567*l)", 1_234_567),
        ("(1234567*L)", 1_234_567), ("(12345.67*hl)", 1_234_567), ("(1234567000*cm3)", 1_234_567),
        ("(01234,567 * m3)", 1_234_567), ("(01234.567)", 1_234_567), ("(1234567*ml)", 1234),
        ("(1234.567*kl)", 1_234_567),
    ],
)  # fmt: skip
@pytest.mark.parametrize("order", ["(261123125500W){}", "{}(261123125500W)", "{}(261123125500)", "{}"])
def test_a_volume_is_read_in_every_unit_and_order(written: str, litre: int, order: str) -> None:
    (gas,) = read(TIME, GAS, ("0-1:24.2.1", order.format(written))).mbus
    assert (gas.commodity, gas.register) == ("gas", litre)
    assert gas.timed == (order != "{}")
    assert gas.captured_at == (NOON.replace(hour=11, minute=55) if gas.timed else NOON)


def test_a_register_without_its_time_says_so() -> None:
    (device,) = as_json(read(TIME, GAS, ("0-1:24.2.1", "(01234.567*m3)")))["mbus"]
    assert device["timed"] is False


@pytest.mark.parametrize(
    ("written", "failures"),
    [
        ("(2)(0-0:96.7.19)(260221071048W)(38)(260618090630S)(10112)", [38, 10112]),
        ("(2)(0-0:96.7.19)(38*s)(260221071048W)(10112*s)(260618090630S)", [38, 10112]),
        ("(1)(0-0:96.7.19)(260221071048W)(5*min)", [300]),
        ("(1)(0-0:96.7.19)(260221071048W)(1*h)", [3600]),
    ],
)
def test_failures_are_read_whichever_way_they_are_written(written: str, failures: list[int]) -> None:
    reading = read(TIME, ("1-0:99.97.0", written))
    assert [one.duration_s for one in reading.failures] == failures
    assert (reading.unknown, reading.unreadable) == ((), ())


def test_the_demand_history_may_have_its_values_first() -> None:
    head = "(1)(1-0:1.6.0)(1-0:1.6.0)"
    usual = read(TIME, ("0-0:98.1.0", head + "(200501000000S)(200423192538S)(03.695*kW)"))
    turned = read(TIME, ("0-0:98.1.0", head + "(3695*W)(200501000000S)(200423192538S)"))
    assert turned.demand_history == usual.demand_history != ()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("(032*A)(063*A)", {"fuse_threshold_l1_ma": 32_000, "fuse_threshold_l1_export_ma": 63_000}),
        ("(999*A)(-063*A)", {"fuse_threshold_l1_export_ma": -63_000}),
        ("(0.032*kA)", {"fuse_threshold_l1_ma": 32_000}),
        ("(032000*mA)()", {"fuse_threshold_l1_ma": 32_000}),
    ],
)
def test_a_fuse_of_two_values_is_read(written: str, expected: dict[str, int]) -> None:
    reading = read(TIME, ("1-0:31.4.0", written))
    assert (reading.quantities, reading.unreadable) == (expected, ())


@pytest.mark.parametrize(
    ("written", "tariff"), [("5431", 1), ("5432", 2), ("3031", 1), ("0002", 2), ("T2", 2)]
)
def test_a_tariff_may_be_an_octet_string(written: str, tariff: int) -> None:
    assert read(("0-0:96.14.0", f"({written})")).quantities == {"tariff": tariff}


@pytest.mark.parametrize("code", ["0-0:96.1.1", "0-0:96.13.0", "0-0:96.1.4", "1-3:0.2.8", "0-0:96.1.2"])
@pytest.mark.parametrize("blanks", ["20", "2020202020202020", "    "])
def test_texts_of_blanks_are_empty(code: str, blanks: str) -> None:
    if blanks == "20" and code.endswith((".1.4", ".2.8")):
        blanks *= 2  # two characters are a version as it is
    reading = read(TIME, (code, f"({blanks})"))
    assert (dict(reading.texts), reading.meter_number, reading.version) == ({}, None, None)


# --- media and devices ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "value", "expected"),
    [
        ("1-1:1.7.0", "(00.301*kW)", {"power_import_w": 301}),
        ("1-1:22.7.0", "(00.301*kW)", {"power_export_l1_w": 301}),
        ("1-1:32.7.0", "(231.0*V)", {"voltage_l1_mv": 231_000}),
        ("1-1:51.7.0", "(002*A)", {"current_l2_ma": 2000}),
        ("1-1:14.7.0", "(50.00*Hz)", {"frequency_mhz": 50_000}),
        ("1-1:1.4.0", "(00.301*kW)", {"demand_current_quarter_w": 301}),
        (
            "1-1:31.4.0",
            "(100*A)(-063*A)",
            {"fuse_threshold_ma": 100_000, "fuse_threshold_export_ma": -63_000},
        ),
        ("1-1:1.7.0*255", "(00.301*kW)", {"power_import_w": 301}),
    ],
)
def test_medium_1_1_is_as_1_0(code: str, value: str, expected: dict[str, int]) -> None:
    assert read((code, value)).quantities == expected


@pytest.mark.parametrize("second", ["24.2.1", "24.2.2", "24.2.3"])
def test_a_heat_meter_with_energy_and_volume_is_two_readings(second: str) -> None:
    heat = ("0-1:24.2.1", "(261123125500W)(12.345*GJ)")
    volume = (f"0-1:{second}", "(261123125500W)(4.421*m3)")
    for registers in ((heat, volume), (volume, heat)):
        reading = read(TIME, ("0-1:24.1.0", "(004)"), *registers)
        assert {one.commodity: one.register for one in reading.mbus} == {
            "heat": 12_345_000,
            "heat_volume": 4421,
        }
        assert reading.unknown == ()


def test_a_second_register_of_the_same_kind_is_kept() -> None:
    second = ("0-1:24.2.3", "(261123125500W)(01230.000*m3)")
    reading = read(TIME, GAS, GAS_REGISTER, second)
    assert [one.register for one in reading.mbus] == [1_234_567]
    assert reading.unknown == (second,)


def test_what_a_device_of_an_unknown_type_sends_is_kept() -> None:
    lines = (("0-1:24.1.0", "(099)"), ("0-1:96.1.0", "(4731)"), ("0-1:24.2.1", "(261123125500W)(1.000*m3)"))
    assert read(TIME, *lines).unknown == lines


@pytest.mark.parametrize(
    ("medium", "code", "unit", "commodity"),
    [
        (5, "1.0.0", "GJ", "heat"),
        (6, "1.0.0", "GJ", "cooling"),
        (7, "23.1.0", "m3", "gas"),
        (8, "1.0.0", "m3", "water"),
    ],
)
def test_hourly_lines_are_a_register_with_those_before_it(
    medium: int, code: str, unit: str, commodity: str
) -> None:
    hours = [(f"{medium}-0:{code}*255", f"({n:05d}.000*{unit})(26-11-22 {n:02d}:00:00)") for n in range(24)]
    reading = read((f"{medium}-0:0.0.0*255", "(1234567890123457)"), *hours, header="ACE5TEST")
    (device,) = reading.mbus
    assert (device.commodity, device.number) == (commodity, "1234567890123457")
    per_unit = 1000 if unit == "m3" else 1_000_000
    assert device.register == 23 * per_unit
    assert [register for _, register in device.history] == [n * per_unit for n in range(23)]
    assert (reading.unknown, reading.unreadable) == ((), ())


def test_gas_before_2010_is_taken_and_an_unset_clock_is_not() -> None:
    hourly = "({})(00)(60)(1)(0-1:24.2.1)(m3)\r\n(00001.001)"
    assert [one.register for one in read(GAS, ("0-1:24.3.0", hourly.format("090212160000"))).mbus] == [1001]
    for unset in ("000101000000", "000317120000", "700101000000", "632525252525"):
        line = ("0-1:24.3.0", hourly.format(unset))
        reading = read(GAS, line)
        assert (reading.mbus, reading.unknown) == ((), (GAS, line))


# --- nothing is lost --------------------------------------------------------------------------


def test_further_values_and_unknown_codes_are_kept_in_their_order() -> None:
    lines: list[Line] = [("1-0:77.7.0", f"({n}*A)") for n in range(24)]
    again = [("1-0:1.8.1", "(000002.000*kWh)"), ("0-0:96.1.1", "(4732)"), ("0-1:96.1.0", "(4733)")]
    first = [("1-0:1.8.1", "(000001.000*kWh)"), ("0-0:96.1.1", "(4731)"), ("0-1:96.1.0", "(4731)")]
    reading = read(TIME, *first, *lines, *again, GAS, GAS_REGISTER)
    assert reading.quantities == {"energy_import_t1_wh": 1000}
    assert reading.unknown == (*lines, *again)
    assert as_json(reading)["unknown"] == [list(line) for line in (*lines, *again)]


def test_failures_of_an_unset_clock_are_kept_as_they_came() -> None:
    line = ("1-0:99.97.0", "(1)(0-0:96.7.19)(000101000001W)(2147483647*s)")
    reading = read(TIME, line)
    assert (reading.failures, reading.unknown) == ((), (line,))


# --- country ----------------------------------------------------------------------------------

TARIFFS: tuple[Line, ...] = tuple(
    (f"1-0:{way}.8.{tariff}", "(000001.000*kWh)") for way in (1, 2) for tariff in (1, 2)
)
TOTALS: tuple[Line, ...] = (("1-0:1.8.0", "(000001.000*kWh)"), ("1-0:2.8.0", "(000001.000*kWh)"))
REACTIVE: tuple[Line, ...] = (("1-0:3.8.0", "(000001.000*kvarh)"), ("1-0:4.8.0", "(000001.000*kvarh)"))
VERSION: Line = ("1-3:0.2.8", "(50)")
FREQUENCY: Line = ("1-0:14.7.0", "(50.00*Hz)")


@pytest.mark.parametrize(
    ("header", "lines", "country"),
    [
        ("XYZ5TEST", (VERSION, TIME, *TARIFFS), "NL"),
        ("XYZ5TEST", (("0-0:96.13.1", "()"), *TARIFFS), "NL"),
        ("ISk5\\2MT382-1000", (*TARIFFS, ("0-1:24.3.0", "()")), "NL"),
        ("ESY5Q3DA1024 V3.04", (*TARIFFS, *TOTALS, FREQUENCY), None),  # Germany
        ("EBZ5DD32R06", (*TARIFFS, *TOTALS), None),
        ("XYZ5TEST", TARIFFS, None),
        ("CHI5TEST", (TIME, *TARIFFS), None),
        ("XYZ5TEST", TOTALS, None),
        ("XYZ5TEST", (TIME, *TARIFFS, ("1-0:1.24.0", "(1*kW)")), "LT"),
        ("XYZ5TEST", (TIME, ("0-0:96.1.1", "(4731)"), *TARIFFS, *TOTALS, *REACTIVE), None),
        ("FLU5\\253770234_A", (TIME, *TARIFFS), "BE"),
        ("XYZ5TEST", (TIME, ("0-0:96.1.4", "(50217)"), *TARIFFS), "BE"),
        ("XYZ5TEST", (VERSION, TIME, ("1-1:1.8.1", "(000001.000*kWh)")), "CH"),
        ("XYZ5TEST", (TIME, *TOTALS, *REACTIVE), "SE"),
        ("XYZ5TEST", (VERSION, TIME, ("1-0:1.8.0", "(000001000*Wh)")), "AT"),
        ("XYZ5TEST", (VERSION, TIME, *TOTALS, ("0-0:42.0.0", "(4731)")), "LU"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("sixth", ["", ".255", "*255"])
def test_only_what_tells_the_country_tells_it(
    header: str, lines: tuple[Line, ...], country: str | None, sixth: str
) -> None:
    six = tuple((code + sixth, value) for code, value in lines)
    (frame,) = [Frame(serialize(Telegram(header, six))[:-6])]
    assert decode(frame, RECEIVED).country == country


# --- length, and what is encrypted inside -----------------------------------------------------

MESSAGES: tuple[Line, ...] = tuple((f"0-0:96.13.{n}", f"({text_hex('m' * 1024)})") for n in (0, 2, 3, 4, 5))


def test_a_telegram_of_luxembourg_with_five_long_messages_is_read_plain_and_encrypted() -> None:
    sent = serialize(Telegram("Lux5\\TEST", (VERSION, TIME, *TOTALS, *MESSAGES)))
    assert 10_240 < len(sent) < MAX_FRAME
    key = MeterKey.parse("00" * 16)
    sealed = bytes(encrypt(sent, key, b"SAG\x00\x00\x00\x00\x01", 1))
    for size in (1024, len(sealed)):
        for stream in (sent, sealed):
            framer = Framer(Decryptor(key))
            found = [one for i in range(0, len(stream), size) for one in framer.feed(stream[i : i + size])]
            (frame,) = found
            assert isinstance(frame, Frame), frame
            assert len(decode(frame, RECEIVED).texts) == 5


def test_a_telegram_whose_content_is_encrypted_is_not_readable_and_says_so() -> None:
    body = b"/XYZ5TEST\r\n\r\n" + bytes(n for n in range(1, 256) if n not in b"\r\n!/\xdb") * 2 + b"\r\n!"
    (frame,) = Framer().feed(body + b"%04X\r\n" % checksum(body))
    assert isinstance(frame, Frame)
    with pytest.raises(ContentEncrypted, match="encrypted in a way that is not supported"):
        decode(frame, RECEIVED)
