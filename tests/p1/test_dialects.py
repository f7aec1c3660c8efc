"""Every dialect: what is read of its telegrams, and that it is what was printed."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.p1 import (
    Decoder,
    MBusReading,
    Reading,
    decode,
)
from gateway.p1.decoder import Plan
from gateway.p1.telegram import parse, serialize
from gateway.simulator import Household, SimulatedMeter
from gateway.simulator.dialects import (
    DIALECTS,
    Dialect,
    telegram,
    told,
)
from tests.p1.telegrams import frame_of, later, reading_of, wire

EVERY_DIALECT = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
RECEIVED = datetime(2026, 6, 1, 12, tzinfo=UTC)
SEEDS = st.integers(0, 2**32)


# --- the table ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Read:
    """What is read of a complete telegram. In a name, "*" stands for l1, l2 and l3."""

    country: str | None
    version: str | None
    numbered: bool
    timed: bool
    quantities: str
    others: str = ""
    devices: str = ""


TWO_TARIFFS = (
    "energy_import_t1_wh energy_import_t2_wh energy_export_t1_wh energy_export_t2_wh"
    " tariff power_import_w power_export_w "
)
TOTALS = (
    "energy_import_wh energy_export_wh reactive_energy_import_varh reactive_energy_export_varh"
    " power_import_w power_export_w reactive_power_import_var reactive_power_export_var "
)
PHASE_POWERS = "power_import_*_w power_export_*_w "
PHASES = PHASE_POWERS + "voltage_*_mv current_*_ma "
REACTIVE_PHASES = "reactive_power_import_*_var reactive_power_export_*_var "
QUALITY = "failures_any failures_long sags_* swells_* "
BELGIAN = (
    TWO_TARIFFS
    + PHASES
    + "demand_current_quarter_w demand_max_month_w breaker_state limiter_w fuse_threshold_l1_ma "
)
NORDIC = TOTALS + PHASES + REACTIVE_PHASES
HUNGARIAN = (
    "energy_import_wh energy_import_t1_wh energy_import_t2_wh energy_import_t3_wh energy_import_t4_wh"
    " energy_export_wh energy_export_t1_wh energy_export_t2_wh energy_export_t3_wh energy_export_t4_wh"
    " reactive_energy_import_varh reactive_energy_export_varh energy_combined_wh"
    " reactive_energy_q1_varh reactive_energy_q2_varh reactive_energy_q3_varh reactive_energy_q4_varh"
    " tariff breaker_state limiter_w power_import_w power_export_w frequency_mhz voltage_*_mv current_*_ma"
    " power_factor_permille power_factor_*_permille fuse_threshold_*_ma"
)
LITHUANIAN = (
    (
        "energy_import_wh energy_import_t1_wh energy_import_t2_wh energy_import_t3_wh energy_import_t4_wh"
        " energy_export_wh energy_export_t1_wh energy_export_t2_wh energy_export_t3_wh energy_export_t4_wh"
        " reactive_energy_import_varh reactive_energy_import_t1_varh reactive_energy_import_t2_varh"
        " reactive_energy_import_t3_varh reactive_energy_import_t4_varh"
        " reactive_energy_export_varh reactive_energy_export_t1_varh reactive_energy_export_t2_varh"
        " reactive_energy_export_t3_varh reactive_energy_export_t4_varh"
        " power_import_w power_export_w reactive_power_import_var reactive_power_export_var"
        " apparent_power_import_va apparent_power_export_va frequency_mhz"
        " power_factor_permille power_factor_*_permille"
        " power_import_average_w power_combined_average_w power_net_average_w"
        " demand_current_quarter_w demand_export_current_quarter_w"
        " demand_reactive_import_current_quarter_var demand_reactive_export_current_quarter_var"
        " demand_apparent_import_current_quarter_va demand_apparent_export_current_quarter_va"
        " failures_any sags_* swells_* "
    )
    + PHASES
    + REACTIVE_PHASES
)

READ = {
    "nl-dsmr22": Read(
        "NL", None, numbered=True, timed=False,
        quantities=TWO_TARIFFS + "limiter_w breaker_state",
        others="message_code message", devices="gas+valve",
    ),
    "nl-dsmr3": Read(
        "NL", None, numbered=True, timed=False,
        quantities=TWO_TARIFFS + "limiter_ma breaker_state",
        others="message_code message", devices="gas+valve",
    ),
    "nl-dsmr40": Read(
        "NL", "40", numbered=True, timed=True,
        quantities=TWO_TARIFFS + QUALITY + PHASE_POWERS + "current_*_ma limiter_w breaker_state",
        others="message_code message failures",
        devices="gas+valve heat+valve water+valve cooling+valve submeter+valve",
    ),
    "nl-dsmr4": Read(
        "NL", "42", numbered=True, timed=True,
        quantities=TWO_TARIFFS + QUALITY + PHASE_POWERS + "current_*_ma",
        others="message_code message failures",
        devices="gas+valve heat+valve water+valve cooling+valve submeter+valve",
    ),
    "nl-dsmr5": Read(
        "NL", "50", numbered=True, timed=True,
        quantities=TWO_TARIFFS + QUALITY + PHASES,
        others="message failures",
        devices="gas+valve heat+valve water+valve cooling+valve submeter+valve",
    ),
    "nl-warmtelink": Read(None, None, numbered=False, timed=True, quantities="", devices="heat"),
    "be-fluvius": Read(
        "BE", "50217", numbered=True, timed=True,
        quantities=BELGIAN,
        others="emucs_version message demand_max_at demand_history", devices="gas+valve water",
    ),
    "be-fluvius-21": Read(
        "BE", "50221", numbered=True, timed=True,
        quantities=BELGIAN + "grid_type relay_1_state relay_2_state relay_3_state relay_4_state",
        others="emucs_version connection_ean message demand_max_at demand_history",
        devices="gas+valve+ean heat+valve+ean water+valve+ean",
    ),
    "lu-smarty": Read(
        "LU", "42", numbered=True, timed=True,
        quantities=TOTALS + PHASES + REACTIVE_PHASES + "apparent_power_import_va apparent_power_export_va"
        " limiter_va fuse_threshold_ma fuse_threshold_export_ma breaker_state relay_1_state relay_2_state"
        " failures_any sags_* swells_*",
        others="device_name message message_channel_1 message_channel_2 message_channel_3 message_channel_4",
        devices="gas+valve heat+valve water+valve",
    ),
    "at-t210": Read(
        "AT", "50", numbered=False, timed=True,
        quantities=TOTALS + "energy_import_t1_wh energy_import_t2_wh energy_export_t1_wh energy_export_t2_wh"
        " reactive_energy_import_t1_varh reactive_energy_import_t2_varh"
        " reactive_energy_export_t1_varh reactive_energy_export_t2_varh",
    ),
    "se-h1": Read("SE", None, numbered=False, timed=True, quantities=NORDIC),
    "fi-h1": Read("SE", None, numbered=False, timed=True, quantities=NORDIC),
    "hu-eon": Read(
        "HU", None, numbered=True, timed=True,
        quantities=HUNGARIAN, others="device_name meter_id message month_end",
    ),
    "hu-wasion": Read(
        "HU", None, numbered=True, timed=True,
        quantities=HUNGARIAN, others="device_name meter_id message month_end",
    ),
    "lt-eso": Read("LT", None, numbered=True, timed=True, quantities=LITHUANIAN, others="message"),
    "ch": Read("CH", "50", numbered=True, timed=True, quantities=TWO_TARIFFS + PHASES),
}  # fmt: skip


def three_phases(names: str) -> set[str]:
    return {name.replace("*", phase) for name in names.split() for phase in ("l1", "l2", "l3")}


def told_device(device: MBusReading) -> str:
    valve, ean = "+valve" * (device.valve_state is not None), "+ean" * (device.ean is not None)
    return device.commodity + valve + ean


def in_full(dialect: Dialect) -> Reading:
    reading = reading_of(dialect, 0, complete=True)
    return decode(frame_of(wire(dialect, reading)), reading.at, dialect.clock)


def test_every_dialect_is_in_the_table() -> None:
    assert list(READ) == [
        "nl-dsmr22", "nl-dsmr3", "nl-dsmr40", "nl-dsmr4", "nl-dsmr5", "nl-warmtelink",
        "be-fluvius", "be-fluvius-21", "lu-smarty", "at-t210", "se-h1", "fi-h1",
        "hu-eon", "hu-wasion", "lt-eso", "ch",
    ]  # fmt: skip
    assert set(READ) == set(DIALECTS)


@EVERY_DIALECT
def test_all_that_a_dialect_tells_is_read(dialect: Dialect) -> None:
    expected, reading = READ[dialect.name], in_full(dialect)
    assert set(reading.quantities) == three_phases(expected.quantities)
    listed = ("demand_max_at", "demand_history", "failures", "month_end")
    assert {*reading.texts, *(name for name in listed if getattr(reading, name))} == set(
        expected.others.split()
    )
    assert (reading.country, reading.version) == (expected.country, expected.version)
    assert (reading.meter_number is not None, reading.timed) == (expected.numbered, expected.timed)


@EVERY_DIALECT
def test_every_device_that_a_dialect_tells_of_is_read(dialect: Dialect) -> None:
    told = {told_device(one) for seed in range(60) for one in reading_of(dialect, seed).mbus}
    assert told == set(READ[dialect.name].devices.split())


@EVERY_DIALECT
def test_nothing_that_a_dialect_tells_is_unknown_or_unreadable(dialect: Dialect) -> None:
    reading = in_full(dialect)
    assert (reading.unknown, reading.unreadable) == ((), ())


@EVERY_DIALECT
def test_a_simulated_meter_says_so_in_every_dialect(dialect: Dialect) -> None:
    assert in_full(dialect).simulated


# --- what is printed is read ----------------------------------------------------------------------


@EVERY_DIALECT
@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_the_reading_that_was_printed_is_read(dialect: Dialect, seed: int) -> None:
    reading = reading_of(dialect, seed)
    received_at = RECEIVED if reading.timed else reading.at
    assert decode(frame_of(wire(dialect, reading)), received_at, dialect.clock) == reading


@EVERY_DIALECT
@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_the_lines_that_were_printed_are_read_back(dialect: Dialect, seed: int) -> None:
    sent = telegram(dialect, reading_of(dialect, seed))
    assert parse(frame_of(serialize(sent))) == sent


@EVERY_DIALECT
@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_telling_a_reading_again_changes_nothing(dialect: Dialect, seed: int) -> None:
    reading = reading_of(dialect, seed)
    assert told(dialect, reading) == reading


@EVERY_DIALECT
@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, other=st.sampled_from(list(DIALECTS.values())))
def test_a_reading_of_another_dialect_is_told_as_far_as_there_are_lines_for_it(
    dialect: Dialect, seed: int, other: Dialect
) -> None:
    """Of what the other meter knows, a reader finds what `told` says: no more, and no less."""
    # Without its own registers, nobody could tell whose meter it is.
    own, known = reading_of(dialect, seed), reading_of(other, seed)
    measured = {
        name: value for name, value in known.quantities.items() if name.endswith(("_w", "_var", "_mv", "_ma"))
    }
    free = {name: value for name, value in measured.items() if not name.startswith(("limiter", "fuse"))}
    quantities = MappingProxyType({**own.quantities, **free})
    reading = replace(known, quantities=quantities, texts=own.texts, mbus=())
    expected = told(dialect, reading)
    at = RECEIVED if expected.timed else expected.at
    found = decode(frame_of(wire(dialect, reading)), at, dialect.clock)
    assert replace(found, at=expected.at, timed=expected.timed) == expected


# --- plans ----------------------------------------------------------------------------------------

NO_CHANGE_OF_CLOCKS = datetime(2026, 8, 3, 10, tzinfo=UTC)


@EVERY_DIALECT
@pytest.mark.parametrize("seed", range(8))
def test_the_next_telegram_of_the_same_meter_is_read_by_the_same_plan(dialect: Dialect, seed: int) -> None:
    """On every dialect. A new one is compiled after what is no plain number: a change of the clocks, a new
    peak or month, a tariff told in words."""
    first = reading_of(dialect, seed, at=NO_CHANGE_OF_CLOCKS)
    second = later(dialect, first, seed)
    frames = [frame_of(wire(dialect, reading)) for reading in (first, second)]
    plan = Plan(frames[0], dialect.clock)
    assert plan.read(frames[1], second.at) == second == decode(frames[1], second.at, dialect.clock)


@EVERY_DIALECT
@settings(max_examples=12, deadline=None)
@given(seeds=st.lists(st.integers(0, 5), min_size=2, max_size=8), steps=st.integers(0, 2**16))
def test_a_decoder_gives_what_a_fresh_one_gives(dialect: Dialect, seeds: list[int], steps: int) -> None:
    """Through telegrams of the same shape and of others."""
    decoder = Decoder(dialect.clock)
    for n, seed in enumerate(seeds):
        reading = reading_of(dialect, seed)
        for _ in range(3):
            frame = frame_of(wire(dialect, reading))
            received_at = reading.at + timedelta(seconds=1)
            assert decoder.decode(frame, received_at) == decode(frame, received_at, dialect.clock)
            reading = later(dialect, reading, steps + n)


# --- the simulated meter --------------------------------------------------------------------------


@EVERY_DIALECT
def test_a_simulated_meter_speaks_every_dialect(dialect: Dialect) -> None:
    meter = SimulatedMeter(Household(7), RECEIVED, dialect)
    for hours in range(0, 48, 5):
        at = RECEIVED + timedelta(hours=hours)
        sent = wire(dialect, meter.reading_at(at))
        assert decode(frame_of(sent), at, dialect.clock) == meter.reading_at(at)
        assert dialect.encrypted or sent == meter.bytes_at(at)
