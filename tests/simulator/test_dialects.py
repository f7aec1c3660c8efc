"""How dialects write a reading: the digits, units and codes of each, in the words of its telegrams."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType

import pytest

from gateway.p1 import MBusReading, Reading, decode
from gateway.p1.reading import MonthDemand, PowerFailure
from gateway.simulator.dialects import (
    DIALECTS,
    DSMR_5,
    Dialect,
    Printer,
    telegram,
    telegram_bytes,
)
from tests.p1.telegrams import frame_of, reading_of, wire

EVERY_DIALECT = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
RECEIVED = datetime(2026, 6, 1, 12, tzinfo=UTC)

# Of a meter that knows all this, how each dialect writes it. Values are those of the specifications' formats.
KNOWN = Reading(
    at=datetime(2026, 7, 1, 10, 0, 5, tzinfo=UTC),
    model="",
    meter_number="XYZ1",
    version=None,
    quantities=MappingProxyType({
        "energy_import_wh": 12_345_678, "energy_import_t1_wh": 12_345, "reactive_energy_import_varh": 9_876,
        "power_import_w": 1_199, "power_import_l1_w": 399, "reactive_power_import_var": 45,
        "current_l1_ma": 1_239, "voltage_l1_mv": 230_149, "tariff": 2, "breaker_state": 1,
        "limiter_w": 24_000, "limiter_ma": 16_000, "limiter_va": 27_600, "fuse_threshold_l1_ma": 63_000,
        "fuse_threshold_ma": 40_000,
        "fuse_threshold_export_ma": -6_000, "demand_max_month_w": 2_589, "failures_any": 13,
        "frequency_mhz": 50_019,
        "power_factor_permille": -956, "power_net_average_w": -123, "apparent_power_import_va": 1_234,
    }),
    mbus=(
        MBusReading(1, "gas", "G1", datetime(2026, 7, 1, 9, 55, tzinfo=UTC), 1_234_567, 1, "541"),
        MBusReading(2, "heat", "F2", datetime(2026, 7, 1, 9, 55, tzinfo=UTC), 12_345_678, 1, "542"),
    ),
    demand_max_at=datetime(2026, 6, 9, 11, 45, 58, tzinfo=UTC),
    demand_history=(MonthDemand(datetime(2026, 6, 30, 22, tzinfo=UTC), None, 0),),
    failures=(PowerFailure(datetime(2026, 1, 8, 14, 24, 15, tzinfo=UTC), 240),),
)  # fmt: skip

WRITTEN = {
    "nl-dsmr22": """
        1-0:1.8.1(00012.345*kWh)  0-0:96.14.0(0002)  1-0:1.7.0(0001.19*kW)  0-0:17.0.0(0024.00*kW)
        0-0:96.3.10(1)  0-0:96.13.0()  0-1:24.1.0(3)  0-1:96.1.0(4731)
        0-1:24.3.0(260701115500)(00)(60)(1)(0-1:24.2.1)(m3) (01234.567)  0-1:24.4.0(1)""",
    "nl-dsmr3": """
        1-0:1.8.1(00012.345*kWh)  1-0:1.7.0(0001.19*kW)  0-0:17.0.0(016*A)  0-1:24.1.0(03)
        0-1:24.3.0(260701115500)(00)(60)(1)(0-1:24.2.1)(m3) (01234.567)""",
    "nl-dsmr40": """
        1-3:0.2.8(40)  0-0:17.0.0(024.0*kW)  0-0:96.3.10(1)  0-0:96.13.1()  1-0:31.7.0(001*A)""",
    "nl-dsmr4": """
        1-3:0.2.8(42)  0-0:1.0.0(260701120005S)  1-0:1.8.1(000012.345*kWh)  1-0:1.7.0(01.199*kW)
        0-0:96.7.21(00013)  1-0:99.97.0(1)(0-0:96.7.19)(260108152415W)(0000000240*s)  1-0:31.7.0(001*A)
        0-1:24.1.0(003)  0-1:24.2.1(260701115500S)(01234.567*m3)  0-2:24.2.1(260701115500S)(00012.34*GJ)""",
    "nl-dsmr5": """
        1-3:0.2.8(50)  0-0:1.0.0(260701120005S)  0-0:96.1.1(58595A31)  1-0:1.8.1(000012.345*kWh)
        1-0:1.7.0(01.199*kW)  1-0:21.7.0(00.399*kW)  1-0:32.7.0(230.1*V)  1-0:31.7.0(001*A)  0-0:96.13.0()""",
    "nl-warmtelink": "0-2:24.1.0(004)  0-2:96.1.0(F2)  0-2:24.2.1(260701115500S)(0012.345*GJ)",
    "be-fluvius": """
        0-0:96.1.4(50217)  1-0:1.6.0(260609134558S)(02.589*kW)  1-0:31.7.0(001.23*A)  0-0:17.0.0(024.0*kW)
        0-0:98.1.0(1)(1-0:1.6.0)(1-0:1.6.0)(260701000000S)(632525252525W)(00.000*kW)  1-0:31.4.0(063*A)
        0-1:96.1.1(4731)  0-1:24.4.0(1)  0-1:24.2.3(260701115500S)(01234.567*m3)""",
    "be-fluvius-21": """
        0-0:96.1.4(50221)  0-0:17.0.0(24.000*kW)  1-0:31.4.0(063.00*A)  0-1:96.1.2(353431)
        0-1:24.2.1(260701115500S)(01234.567*m3)""",
    "lu-smarty": """
        1-3:0.2.8(42)  0-0:42.0.0(58595A31)  1-0:1.8.0(012345.678*kWh)  1-0:3.8.0(000009.876*kvarh)
        1-0:3.7.0(00.045*kvar)  0-0:17.0.0(027.6*kVA)  1-0:9.7.0(01.234*kVA)  1-1:31.4.0(040*A)(-006*A)
        0-0:96.13.5()""",
    "at-t210": """
        1-3:0.2.8(50)  1-0:1.8.0(012345678*Wh)  1-0:1.7.0(000001199*W)  1-0:3.8.0(000009876*varh)
        1-0:3.7.0(000000045*var)""",
    "se-h1": """
        0-0:1.0.0(260701110005W)  1-0:1.8.0(00012345.678*kWh)  1-0:3.8.0(00000009.876*kVArh)
        1-0:1.7.0(0001.199*kW)  1-0:21.7.0(0000.399*kW)  1-0:32.7.0(230.1*V)  1-0:31.7.0(001.2*A)""",
    "fi-h1": "0-0:1.0.0(260701130005S)  1-0:1.8.0(00012345.678*kWh)",
    "hu-eon": """
        0-0:96.1.0(58595A31)  0-0:96.14.0(0002)  0-0:96.3.10(1)  0-0:17.0.0(24.000*kW)
        1-0:1.8.1(000012.345*kWh)  1-0:14.7.0(50.01*Hz)  1-0:31.4.0(063.00*A)""",
    "hu-wasion": "0-0:96.1.0(XYZ1)  0-0:96.14.0(TARIFF 2)  0-0:96.3.10(ON)  0-0:17.0.0(24000*W)",
    "lt-eso": """
        0-0:1.0.0(260701130005S)  1-0:13.7.0(-0.956)  1-0:16.24.0(-00.123*kW)  1-0:31.7.0(001.23*A)
        1-0:14.7.0(50.01*Hz)""",
    "ch": "1-1:1.8.1(000012.345*kWh)  1-0:1.7.0(01.199*kW)  1-0:31.7.0(001.23*A)",
}


@EVERY_DIALECT
def test_a_value_is_written_as_its_dialect_has_it(dialect: Dialect) -> None:
    known = replace(KNOWN, texts={"meter_id": "XYZ1"}) if dialect.country == "HU" else KNOWN
    sent = telegram_bytes(dialect, known).decode().replace("m3)\r\n(", "m3) (").split("\r\n")
    for line in re.split(r"\s{2,}", WRITTEN[dialect.name].strip()):
        code = line.partition("(")[0] + "("
        assert [one for one in sent if one.startswith(code)] == [line]


@EVERY_DIALECT
def test_a_single_phase_meter_has_no_lines_for_the_other_phases(dialect: Dialect) -> None:
    whole = reading_of(dialect, 1, complete=True)
    of_l1 = {
        name: value for name, value in whole.quantities.items() if "_l2" not in name and "_l3" not in name
    }
    codes = {code for code, _ in telegram(dialect, replace(whole, quantities=MappingProxyType(of_l1))).lines}
    assert not [
        code for code in codes if re.match(r"1-0:[4-7][1-4]\.7\.0|1-0:[57][1-3]\.(4|7|32|36)\.0", code)
    ]


@EVERY_DIALECT
def test_a_printer_prints_readings_of_any_shape_in_turn(dialect: Dialect) -> None:
    printer = Printer(dialect)
    for seed in [*range(12), 3, 3, 0]:
        reading = reading_of(dialect, seed, complete=seed % 4 == 0)
        assert printer.printed(reading) == telegram_bytes(dialect, reading)
        assert decode(frame_of(wire(dialect, reading)), reading.at, dialect.clock) == printer.told(reading)
        assert dict(printer.telegram(reading).lines) == dict(telegram(dialect, reading).lines)


def test_an_unset_clock_shows_the_millennium_and_the_time_of_receipt_counts() -> None:
    sent = wire(DSMR_5, replace(reading_of(DSMR_5, 1), timed=False))
    assert b"0-0:1.0.0(000101010000W)" in sent
    reading = decode(frame_of(sent), RECEIVED)
    assert (reading.at, reading.timed) == (RECEIVED, False)


@pytest.mark.parametrize("dialect", ["nl-dsmr22", "nl-dsmr3"])
def test_meters_before_dsmr_4_send_no_checksum(dialect: str) -> None:
    assert telegram_bytes(DIALECTS[dialect], reading_of(DIALECTS[dialect], 1)).endswith(b"\r\n!\r\n")


def test_the_checksum_of_a_heat_meter_is_not_filled_up_with_zeros() -> None:
    meter = DIALECTS["nl-warmtelink"]
    ends = {len(wire(meter, reading_of(meter, seed)).rpartition(b"!")[2]) for seed in range(300)}
    assert {5, 6} <= ends  # three digits and four, with a line end
