"""The month's peak of the capacity tariff: the month's row keeps its own, though the meter begins anew."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

from gateway.history import Period, Row
from gateway.history.records.profile import MONTH_PEAK, MeterProfile
from gateway.p1.reading import MonthDemand
from tests.made_up import NUMBER, ZONE, local

MONTH_END = local("2026-07-01 00:00")
MINUTE = timedelta(minutes=1)


class Meter:
    """A Belgian meter: its import register, and the peak of its running month."""

    def __init__(self) -> None:
        self.profile = MeterProfile(NUMBER, "electricity", ZONE)
        self.rows: list[Row] = []

    def say(
        self, written: str, import_wh: int, peak_w: int | None, month_demands: Sequence[MonthDemand] = ()
    ) -> None:
        quantities = {"energy_import_wh": import_wh} | ({} if peak_w is None else {MONTH_PEAK: peak_w})
        self.rows += self.profile.feed(local(written), quantities, False, month_demands=month_demands)

    def restart(self) -> None:
        self.profile = MeterProfile.restored(NUMBER, ZONE, json.loads(json.dumps(self.profile.snapshot())))

    def peaks(self, written: str) -> dict[Period, int | None]:
        """The peak in each row that ends then."""
        return {
            row.period: row.quantities.get(MONTH_PEAK) for row in self.rows if row.ends_at == local(written)
        }


def all_periods(peak_w: int | None) -> dict[Period, int | None]:
    return dict.fromkeys(Period, peak_w)


def test_a_months_row_keeps_its_own_peak_when_the_meter_begins_anew_at_the_boundary() -> None:
    meter = Meter()
    meter.say("2026-06-30 23:44", 0, 4200)
    meter.say("2026-06-30 23:45", 10, 4200)
    meter.say("2026-06-30 23:59", 200, 4210)
    meter.say("2026-07-01 00:00", 210, 0)
    meter.say("2026-07-01 00:15", 300, 360)
    assert meter.peaks("2026-07-01 00:00") == all_periods(4210)
    assert meter.peaks("2026-07-01 00:15") == {Period.QUARTER: 360}


def test_a_meter_that_begins_anew_only_after_the_boundary_gives_the_same() -> None:
    meter = Meter()
    meter.say("2026-06-30 23:59", 200, 4210)
    meter.say("2026-07-01 00:00", 210, 4210)
    meter.say("2026-07-01 00:01", 220, 0)
    assert meter.peaks("2026-07-01 00:00") == all_periods(4210)


def test_the_last_quarter_of_a_month_may_be_its_peak() -> None:
    meter = Meter()
    meter.say("2026-06-30 23:45", 0, 2000)
    meter.say("2026-06-30 23:59", 1400, 2000)
    meter.say("2026-07-01 00:00", 1500, 0)  # 1.5 kWh in a quarter hour: 6 kW
    assert meter.peaks("2026-07-01 00:00") == all_periods(6000)


def test_what_the_meter_states_of_the_month_that_ended_counts_most() -> None:
    stated = [MonthDemand(local("2026-06-01 00:00"), None, 1), MonthDemand(MONTH_END, None, 5998)]
    meter = Meter()
    meter.say("2026-06-30 23:45", 0, 2000)
    meter.say("2026-06-30 23:59", 1400, 2000)
    meter.say("2026-07-01 00:00", 1500, 0, stated)
    assert meter.peaks("2026-07-01 00:00") == all_periods(5998)


def test_the_peak_is_known_over_a_restart_and_over_a_silence_at_the_months_end() -> None:
    meter = Meter()
    meter.say("2026-06-29 12:00", 0, 3100)
    meter.restart()
    meter.say("2026-07-02 09:01", 900, 700)
    assert meter.peaks("2026-07-01 00:00") == {Period.MONTH: 3100}
    assert meter.peaks("2026-07-02 00:00") == {Period.DAY: 700}
    assert meter.peaks("2026-07-02 09:00") == {Period.QUARTER: 700, Period.HOUR: 700}


def test_the_first_reading_tells_nothing_of_the_month_before() -> None:
    meter = Meter()
    meter.say("2026-07-10 09:01", 0, 700)
    assert meter.peaks("2026-07-01 00:00") == {Period.MONTH: None}


def test_a_meter_without_a_capacity_tariff_gets_no_peak() -> None:
    meter = Meter()
    for minute in (45, 59):
        meter.say(f"2026-06-30 23:{minute}", 100 * minute, None)
    meter.say("2026-07-01 00:00", 6000, None)
    assert meter.peaks("2026-07-01 00:00") == all_periods(None)
