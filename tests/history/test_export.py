"""Export: what a spreadsheet or another program reads."""

from __future__ import annotations

import csv
import json
from datetime import timedelta

from gateway.history import Usage
from gateway.history.export import COLUMNS, csv_lines, json_lines
from tests.made_up import ZONE, utc

WINTER, SUMMER = utc("2026-01-10 12:00"), utc("2026-07-10 12:00")
HOUR = timedelta(hours=1)
KNOWN = Usage(
    WINTER,
    WINTER + HOUR,
    {"energy_import_t1_wh": 1200, "energy_import_t2_wh": 34, "gas_litre": 567},
    True,
    True,
)
UNKNOWN = Usage(SUMMER, SUMMER + HOUR)


def test_csv_has_a_header_local_times_and_empty_fields_where_nothing_is_known() -> None:
    header, known, unknown = csv_lines([KNOWN, UNKNOWN], ZONE)
    assert header == "starts_at,ends_at,import_kwh,export_kwh,gas_m3,complete,simulated"
    assert known == "2026-01-10T13:00:00+01:00,2026-01-10T14:00:00+01:00,1.234,,0.567,True,True"
    assert unknown == "2026-07-10T14:00:00+02:00,2026-07-10T15:00:00+02:00,,,,False,False"


def test_a_nought_is_not_an_unknown() -> None:
    nothing_used = Usage(WINTER, WINTER + HOUR, {"energy_import_wh": 0, "energy_export_wh": 0}, True)
    (_, line) = csv_lines([nothing_used], ZONE)
    assert next(csv.DictReader([",".join(COLUMNS), line]))["import_kwh"] == "0.0"
    (json_line,) = json_lines([nothing_used], ZONE)
    assert json.loads(json_line)["export_kwh"] == 0


def test_json_has_an_object_for_each_period_and_null_where_nothing_is_known() -> None:
    known, unknown = (json.loads(line) for line in json_lines([KNOWN, UNKNOWN], ZONE))
    assert known == {
        "starts_at": "2026-01-10T13:00:00+01:00",
        "ends_at": "2026-01-10T14:00:00+01:00",
        "import_kwh": 1.234,
        "export_kwh": None,
        "gas_m3": 0.567,
        "complete": True,
        "simulated": True,
    }
    assert {unknown[name] for name in ("import_kwh", "export_kwh", "gas_m3")} == {None}


def test_nothing_to_export_is_a_header_alone() -> None:
    assert list(csv_lines([], ZONE)) == [",".join(COLUMNS)]
    assert list(json_lines([], ZONE)) == []
