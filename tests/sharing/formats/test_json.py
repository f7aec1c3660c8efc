"""The json format: the names that energy apps read, units in the name, times in UTC."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest

from gateway.consent import Category, Disclosure, Granularity
from gateway.consent.disclosure import QUANTITIES, DisclosedDevice
from gateway.sharing.formats import json as json_format
from tests.made_up import GAS_NUMBER, NOON, NUMBER, consent

# reference: the HomeWizard P1 vocabulary, and what ours adds to it
HOMEWIZARD = {
    "unique_id", "meter_model", "timestamp", "tariff", "power_w", "any_power_fail_count",
    "long_power_fail_count", "external", "average_power_15m_w", "monthly_power_peak_w", "frequency_hz",
    *(f"energy_{way}{t}_kwh" for way in ("import", "export") for t in ("", "_t1", "_t2", "_t3", "_t4")),
    *(f"{what}_l{n}{unit}" for n in (1, 2, 3)
      for what, unit in (("power", "_w"), ("voltage", "_v"), ("current", "_a"),
                         ("voltage_sag", "_count"), ("voltage_swell", "_count"))),
}  # fmt: skip
OURS = {
    "simulated", "average_power_w", "power_import_w", "power_export_w",
    *(f"power_{way}_{end}_w" for way in ("import", "export") for end in ("max", "min")),
    *(f"power_{way}_l{n}_w" for way in ("import", "export") for n in (1, 2, 3)),
}  # fmt: skip

NOTHING = Disclosure(
    consent_id="c1",
    granularity=Granularity.LIVE,
    at=NOON,
    quantities={},
    devices=(),
    meter_number=None,
    model=None,
    categories=frozenset(),
    simulated=False,
)


def written(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json_format.written(replace(NOTHING, **changes)))
    return found


def test_a_message_has_these_names_and_units() -> None:
    quantities = {
        "energy_import_t1_wh": 1_234_567,
        "power_import_w": 0,
        "power_export_w": 450,
        "power_import_l1_w": 300,
        "power_export_l2_w": 750,
        "voltage_l1_mv": 230_100,
        "current_l1_ma": 2000,
        "tariff": 2,
        "failures_long": 3,
        "sags_l1": 4,
    }
    gas = DisclosedDevice("gas", GAS_NUMBER, NOON - timedelta(minutes=5), 2_345_678)
    heat = DisclosedDevice("heat", None, NOON, 1_500_000)
    assert written(quantities=quantities, devices=(gas, heat), meter_number=NUMBER, model="XYZ") == {
        "timestamp": "2026-06-10T12:00:00Z",
        "simulated": False,
        "unique_id": NUMBER,
        "meter_model": "XYZ",
        "energy_import_t1_kwh": 1234.567,
        "power_import_w": 0,
        "power_export_w": 450,
        "power_w": -450,
        "power_import_l1_w": 300,
        "power_l1_w": 300,
        "power_export_l2_w": 750,
        "power_l2_w": -750,
        "voltage_l1_v": 230.1,
        "current_l1_a": 2.0,
        "tariff": 2,
        "long_power_fail_count": 3,
        "voltage_sag_l1_count": 4,
        "external": [
            {
                "unique_id": GAS_NUMBER,
                "type": "gas_meter",
                "timestamp": "2026-06-10T11:55:00Z",
                "value": 2345.678,
                "unit": "m3",
            },
            {"type": "heat_meter", "timestamp": "2026-06-10T12:00:00Z", "value": 1.5, "unit": "GJ"},
        ],
    }


@pytest.mark.parametrize("category", list(QUANTITIES))
def test_every_quantity_that_can_be_granted_has_a_name_of_the_vocabulary(category: Category) -> None:
    for name in QUANTITIES[category]:
        fields = written(quantities={name: 1}).keys() - {"timestamp", "simulated"}
        assert fields
        assert fields <= HOMEWIZARD | OURS


def test_what_is_not_disclosed_is_not_mentioned() -> None:
    assert written().keys() == {"timestamp", "simulated"}


def test_times_are_in_utc_whatever_zone_they_came_in() -> None:
    summer = NOON.astimezone(timezone(timedelta(hours=2)))
    assert written(at=summer)["timestamp"] == "2026-06-10T12:00:00Z"


@pytest.mark.parametrize("simulated", [True, False])
def test_every_message_says_whether_it_was_simulated(simulated: bool) -> None:
    assert written(simulated=simulated)["simulated"] is simulated
    assert json.loads(json_format.announcement(consent(), simulated))["simulated"] is simulated
