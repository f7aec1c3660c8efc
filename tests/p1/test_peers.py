"""Our reader against dsmr-parser: what both read of the same telegrams is the same.

Every field that dsmr-parser finds is compared, units and times converted; where it is known to be
wrong stands in DIFFERENCES, and there the difference must show, so that the table stays true.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from dsmr_parser import telegram_specifications as specifications
from dsmr_parser.parsers import TelegramParser

from gateway.p1 import Reading, decode
from gateway.p1.obis import MBUS_REGISTERS, MBUS_TYPES
from gateway.p1.values import text_of
from gateway.simulator.dialects import DIALECTS, Dialect
from tests.p1.telegrams import AUTHENTICATION_KEY_HEX, KEY_HEX, frame_of, reading_of, wire
from tests.thorough import times

TELEGRAMS = times(usual=400, long=2000)
BLOCKS = times(usual=1, long=4)  # so that several workers share them

PEERS: dict[str, Any] = {
    "nl-dsmr22": specifications.V2_2,
    "nl-dsmr3": specifications.V3,
    "nl-dsmr40": specifications.V4,
    "nl-dsmr4": specifications.V4,
    "nl-dsmr5": specifications.V5,
    "nl-warmtelink": specifications.V5,
    "be-fluvius": specifications.BELGIUM_FLUVIUS,
    "be-fluvius-21": specifications.BELGIUM_FLUVIUS,
    "lu-smarty": specifications.MSN,
    "at-t210": specifications.SAGEMCOM_T210_D_R,
    "se-h1": specifications.SWEDEN,
    "fi-h1": specifications.SWEDEN,
    "hu-eon": specifications.EON_HUNGARY,
    "hu-wasion": specifications.EON_HUNGARY,
    "ch": specifications.V5,
}

# dsmr-parser's names for the meter's own numbers. Its "delivered" is what the home exports.
NUMBERS = {
    "ELECTRICITY_IMPORTED_TOTAL": "energy_import_wh",
    "ELECTRICITY_EXPORTED_TOTAL": "energy_export_wh",
    **{f"ELECTRICITY_USED_TARIFF_{n}": f"energy_import_t{n}_wh" for n in (1, 2, 3, 4)},
    **{f"ELECTRICITY_DELIVERED_TARIFF_{n}": f"energy_export_t{n}_wh" for n in (1, 2, 3, 4)},
    "ELECTRICITY_REACTIVE_IMPORTED_TOTAL": "reactive_energy_import_varh",
    "ELECTRICITY_REACTIVE_EXPORTED_TOTAL": "reactive_energy_export_varh",
    **{f"ELECTRICITY_REACTIVE_IMPORTED_TARIFF_{n}": f"reactive_energy_import_t{n}_varh" for n in (1, 2)},
    **{f"ELECTRICITY_REACTIVE_EXPORTED_TARIFF_{n}": f"reactive_energy_export_t{n}_varh" for n in (1, 2)},
    **{f"ELECTRICITY_REACTIVE_TOTAL_Q{n}": f"reactive_energy_q{n}_varh" for n in (1, 2, 3, 4)},
    "ELECTRICITY_COMBINED": "energy_combined_wh",
    "CURRENT_ELECTRICITY_USAGE": "power_import_w",
    "CURRENT_ELECTRICITY_DELIVERY": "power_export_w",
    "CURRENT_REACTIVE_IMPORTED": "reactive_power_import_var",
    "CURRENT_REACTIVE_EXPORTED": "reactive_power_export_var",
    "MSN_INSTANTANEOUS_APPARENT_POWER_POSITIVE": "apparent_power_import_va",
    "MSN_INSTANTANEOUS_APPARENT_POWER_NEGATIVE": "apparent_power_export_va",
    "FREQUENCY": "frequency_mhz",
    "INSTANTANEOUS_POWER_FACTOR_TOTAL": "power_factor_permille",
    **{f"INSTANTANEOUS_POWER_FACTOR_L{n}": f"power_factor_l{n}_permille" for n in (1, 2, 3)},
    **{f"INSTANTANEOUS_ACTIVE_POWER_L{n}_POSITIVE": f"power_import_l{n}_w" for n in (1, 2, 3)},
    **{f"INSTANTANEOUS_ACTIVE_POWER_L{n}_NEGATIVE": f"power_export_l{n}_w" for n in (1, 2, 3)},
    **{f"INSTANTANEOUS_REACTIVE_POWER_L{n}_POSITIVE": f"reactive_power_import_l{n}_var" for n in (1, 2, 3)},
    **{f"INSTANTANEOUS_REACTIVE_POWER_L{n}_NEGATIVE": f"reactive_power_export_l{n}_var" for n in (1, 2, 3)},
    **{f"INSTANTANEOUS_VOLTAGE_L{n}": f"voltage_l{n}_mv" for n in (1, 2, 3)},
    **{f"INSTANTANEOUS_CURRENT_L{n}": f"current_l{n}_ma" for n in (1, 2, 3)},
    **{f"FUSE_THRESHOLD_L{n}": f"fuse_threshold_l{n}_ma" for n in (1, 2, 3)},
    "MSN_CT_RATIO": "fuse_threshold_ma",
    "BELGIUM_CURRENT_AVERAGE_DEMAND": "demand_current_quarter_w",
    "SHORT_POWER_FAILURE_COUNT": "failures_any",
    "LONG_POWER_FAILURE_COUNT": "failures_long",
    **{f"VOLTAGE_SAG_L{n}_COUNT": f"sags_l{n}" for n in (1, 2, 3)},
    **{f"VOLTAGE_SWELL_L{n}_COUNT": f"swells_l{n}" for n in (1, 2, 3)},
    "ELECTRICITY_ACTIVE_TARIFF": "tariff",
    "ACTUAL_SWITCH_POSITION": "breaker_state",
}
LIMITERS = {"kW": "limiter_w", "W": "limiter_w", "A": "limiter_ma", "kVA": "limiter_va"}
TEXTS = {
    "EQUIPMENT_IDENTIFIER": "meter_number",
    "BELGIUM_EQUIPMENT_IDENTIFIER": "meter_number",
    "LUXEMBOURG_EQUIPMENT_IDENTIFIER": "device_name",
    "COSEM_LOGICAL_DEVICE_NAME": "device_name",
    "EQUIPMENT_SERIAL_NUMBER": "meter_id",
    "TEXT_MESSAGE": "message",
    "TEXT_MESSAGE_CODE": "message_code",
    **{f"MSN_TEXT_MESSAGE_{n + 1}": f"message_channel_{n}" for n in (1, 2, 3, 4)},
}
PLAIN = {
    "P1_MESSAGE_TIMESTAMP": "time",
    "P1_MESSAGE_HEADER": "version",
    "BELGIUM_VERSION_INFORMATION": "version",
}
OF_A_DEVICE = {
    "kind": ("MBUS_DEVICE_TYPE", "DEVICE_TYPE"),
    "number": ("MBUS_EQUIPMENT_IDENTIFIER", "EQUIPMENT_IDENTIFIER_GAS"),
    "valve": ("MBUS_VALVE_POSITION", "VALVE_POSITION_GAS"),
    "register": ("MBUS_METER_READING", "HOURLY_GAS_METER_READING", "GAS_METER_READING"),
}
# How many of our base units one of the meter's is: stated here anew, so that an error of the table shows.
SCALES = {
    ("kWh", "wh"): 1000, ("Wh", "wh"): 1, ("kvarh", "varh"): 1000, ("kVArh", "varh"): 1000,
    ("varh", "varh"): 1, ("kW", "w"): 1000, ("W", "w"): 1,
    ("kvar", "var"): 1000, ("kVAr", "var"): 1000, ("var", "var"): 1,
    ("kVA", "va"): 1000, ("V", "mv"): 1000, ("A", "ma"): 1000, ("Hz", "mhz"): 1000, (None, "permille"): 1000,
    ("m3", "litre"): 1000, ("GJ", "kj"): 1_000_000,
}  # fmt: skip
BASES = {base for _, base in SCALES}

HOUR = timedelta(hours=1)


def is_all_nines(ours: Any, theirs: Any) -> bool:
    return ours is None and set(str(theirs).strip("0.")) == {"9"}


@dataclass(frozen=True)
class Difference:
    """Where dsmr-parser reads something else than we do: what it makes of our value, and why."""

    dialects: str
    field: str
    is_it: Callable[[Any, Any], bool]
    reason: str


DIFFERENCES = (
    Difference(
        "se-h1", "time", lambda ours, theirs: ours - theirs == HOUR,
        "it asks Amsterdam's calendar for the offset: in summer, a meter on winter time is an hour off",
    ),
    Difference(
        "fi-h1", "time", lambda ours, theirs: theirs - ours in (HOUR, 2 * HOUR),
        "it knows no zone but Amsterdam's: Helsinki's times are an hour off, two when clocks change",
    ),
    Difference(
        "nl-dsmr22 be-fluvius be-fluvius-21", "limiter_w", is_all_nines,
        "a threshold of all nines is a number to it; to us it is switched off, and no number",
    ),
    Difference("nl-dsmr3", "limiter_ma", is_all_nines, "the same"),
    Difference("lu-smarty", "limiter_va", is_all_nines, "the same"),
    Difference("lu-smarty", "fuse_threshold_ma", is_all_nines, "the same"),
    Difference(
        "be-fluvius be-fluvius-21", "fuse_threshold_l1_ma", is_all_nines, "the same"
    ),
    Difference(
        "lu-smarty be-fluvius-21", "breaker_state", lambda ours, theirs: theirs in (0, 1),
        "its pattern for the breaker fits the relays' lines as well, and the last line counts",
    ),
    Difference(
        "hu-wasion", "breaker_state", lambda ours, theirs: theirs == ("OFF", "ON")[ours],
        "a choice that is sent as a word stays a word",
    ),
)  # fmt: skip


@pytest.fixture(autouse=True)
def quiet_peer() -> Iterator[None]:
    """It logs each value that it cannot read, with its stack: Wasion's "TARIFF 1" in every telegram."""
    logger = logging.getLogger("dsmr_parser")
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(logging.NOTSET)


def peer_reads(parser: TelegramParser, dialect: Dialect, sent: bytes) -> dict[str, Any]:
    """What the peer finds, by our names and in our units; without what it finds empty."""
    if dialect.encrypted:
        telegram = parser.parse(sent.hex(), KEY_HEX, AUTHENTICATION_KEY_HEX)
    else:
        telegram = parser.parse(sent.decode("latin-1"))
    found: dict[str, Any] = {}
    for name, value in telegram:
        found |= peer_devices(value) if name == "MBUS_DEVICES" else peer_value(name, value)
    return {name: value for name, value in found.items() if value is not None}


def peer_value(name: str, found: Any) -> dict[str, Any]:
    """One value of the electricity meter. Raises KeyError for a name that is compared with nothing."""
    if name in LISTS:
        return LISTS[name](found)
    if found.value is None:
        return {}
    if name in PLAIN:
        return {PLAIN[name]: found.value}
    if name in TEXTS:
        return {TEXTS[name]: text_of(str(found.value))}
    quantity = LIMITERS[found.unit] if name == "ACTUAL_TRESHOLD_ELECTRICITY" else NUMBERS[name]
    base = quantity.rpartition("_")[2]
    if base in BASES:
        return {quantity: scaled(found, base)}
    return {quantity: int(found.value) if str(found.value).isdecimal() else found.value}


LISTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "POWER_EVENT_FAILURE_LOG": lambda log: {
        "failures": sorted((one.datetime, one.value) for one in log.buffer)
    },
    "BELGIUM_MAXIMUM_DEMAND_MONTH": lambda peak: {"demand_max": (peak.datetime, scaled(peak, "w"))},
    "BELGIUM_MAXIMUM_DEMAND_13_MONTHS": lambda peaks: {
        "demand_history": [(one.datetime, one.occurred, scaled(one, "w")) for one in peaks]
    },
}


def peer_devices(devices: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for device in devices:
        values = {
            what: getattr(device, name)
            for what, names in OF_A_DEVICE.items()
            for name in names
            if hasattr(device, name)
        }
        if "register" not in values:  # a relay's line alone
            continue
        commodity = MBUS_TYPES[int(values["kind"].value)][0]  # none of the dialects prints a volume for heat
        register = values["register"]
        number = values["number"].value
        valve = values["valve"].value if "valve" in values else None
        found |= {
            f"{device.channel_id}/commodity": commodity,
            f"{device.channel_id}/number": number and text_of(number),
            f"{device.channel_id}/valve": None if valve is None else int(valve),
            f"{device.channel_id}/captured_at": register.datetime,
            f"{device.channel_id}/register": scaled(register, MBUS_REGISTERS[commodity].rpartition("_")[2]),
        }
    return found


def scaled(found: Any, base: str) -> Decimal:
    """A value of the peer's in our base unit."""
    return Decimal(found.value) * SCALES[found.unit, base]


def we_read(reading: Reading) -> dict[str, Any]:
    found: dict[str, Any] = {
        **reading.quantities,
        **reading.texts,
        "time": reading.at,
        "version": reading.version,
        "meter_number": reading.meter_number,
        "failures": [(one.ended_at, one.duration_s) for one in reading.failures],
        "demand_max": (reading.demand_max_at, reading.quantities.get("demand_max_month_w")),
        "demand_history": [(one.month_ends_at, one.at, one.demand_w) for one in reading.demand_history],
    }
    for device in reading.mbus:
        found |= {
            f"{device.channel}/commodity": device.commodity,
            f"{device.channel}/number": device.number,
            f"{device.channel}/valve": device.valve_state,
            f"{device.channel}/captured_at": device.captured_at,
            f"{device.channel}/register": device.register,
        }
    return found


@pytest.mark.parametrize("block", range(BLOCKS))
@pytest.mark.parametrize("name", PEERS)
def test_an_independent_reader_finds_the_same(name: str, block: int) -> None:
    dialect, parser = DIALECTS[name], TelegramParser(PEERS[name])
    known = {one.field: one for one in DIFFERENCES if name in one.dialects.split()}
    shown, compared = set(), 0
    for seed in range(block * TELEGRAMS // BLOCKS, (block + 1) * TELEGRAMS // BLOCKS):
        sent = wire(dialect, reading := reading_of(dialect, seed), counter=seed + 1)
        ours = we_read(decode(frame_of(sent), reading.at, dialect.clock))
        for what, value in peer_reads(parser, dialect, sent).items():
            compared += 1
            if ours.get(what) != value:
                assert what in known, (what, ours.get(what), value)
                assert known[what].is_it(ours.get(what), value), (what, ours.get(what), value)
                shown.add(what)
    assert shown == set(known)
    assert compared > 3 * TELEGRAMS // BLOCKS


def test_all_dialects_have_a_peer_but_one() -> None:
    assert set(DIALECTS) - set(PEERS) == {"lt-eso"}
