"""Recording: readings become profile rows and trace quarters, in batches for the writer.

The recorder remembers no more than today: where each period began, the samples of the running
quarter, and what the next reading is judged by. It cannot read the history back. A batch goes out
when a period ends and at each flush.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gateway.errors import TooManyMetersEver
from gateway.history.recording.plausibility import Plausibility
from gateway.history.recording.writer import Batch, TraceQuarter
from gateway.history.records.meters import Meter
from gateway.history.records.periods import Period, period_start
from gateway.history.records.profile import CLOCK_ADJUSTMENT, MeterProfile, Row
from gateway.history.records.trace import COLUMNS, Sample, block_size
from gateway.p1 import MBusReading, Reading
from gateway.quantities import DEVICE_REGISTERS

_QUARTER_S = 900
MOST_METERS = 256
"""Meters that a history ever knows: each stands in the sealed list for good. A home has a handful."""
_MOST_PROFILES = 64
"""Meters whose running periods are remembered: the one that was silent for longest gives way."""


class Recorder:
    """Takes every reading of one household, in order."""

    def __init__(
        self,
        submit: Callable[[Batch], None],
        zone: ZoneInfo,
        flush_interval: timedelta,
        memory: Mapping[str, Any] | None = None,
        plausibility: Plausibility | None = None,
        most_meters: int = MOST_METERS,
    ) -> None:
        """`memory` is what an earlier recorder put into its last batch.

        `plausibility` judged what is recorded: each batch remembers it, and here it remembers again.
        """
        self._submit = submit
        self._zone = zone
        self._most_meters = most_meters
        self._flush_s = flush_interval.total_seconds()
        self._profiles: dict[str, MeterProfile] = {}
        self._meters: tuple[Meter, ...] = ()
        self._plausibility = Plausibility() if plausibility is None else plausibility
        if memory:
            if "plausibility" in memory:  # not in the memory of an older version
                self._plausibility.recall(memory["plausibility"])
            self._profiles = {
                number: MeterProfile.restored(number, zone, snapshot)
                for number, snapshot in memory["profiles"].items()
            }
            self._meters = tuple(Meter(*meter) for meter in memory["meters"])
        self._commodities = {meter.number: meter.commodity for meter in self._meters}
        # What a trace block of each meter takes: more at once if need be, less from the next day on.
        self._sizes: dict[str, int] = dict(memory.get("block_sizes", {})) if memory else {}
        self._samples: list[Sample] = []
        self._quarter: tuple[str, int] | None = None  # the meter and start of the running quarter
        self._latest: datetime | None = None  # the latest time of a sample
        self._flushed = 0
        self._today: datetime | None = None  # the midnight before the latest reading

    def record(self, reading: Reading, new_epochs: frozenset[str] = frozenset()) -> list[Row]:
        """Take a reading; return the profile rows that it completes (they are on their way to disk).

        `new_epochs` are the numbers of the meters whose registers begin anew with this reading.
        A telegram without a meter number cannot be recorded: nothing could be sealed to it.
        """
        if reading.meter_number is None:
            return []
        self._today = period_start(reading.at, Period.DAY, self._zone)
        new_meters = self._note_meters(reading)
        if reading.meter_number not in self._commodities:
            return []
        rows = self._profile(reading.meter_number).feed(
            reading.at,
            reading.quantities,
            reading.simulated,
            reading.meter_number in new_epochs,
            reading.demand_history,
        )
        for number, registers in self._devices_of(reading).items():
            quantities = {DEVICE_REGISTERS[device.commodity]: device.register for device in registers}
            captured_at = max(device.captured_at for device in registers)
            rows += self._profile(number).feed(
                captured_at, quantities, reading.simulated, number in new_epochs
            )
        ended = self._take_sample(reading.meter_number, reading)
        now = int(reading.at.timestamp())
        if rows or ended or new_meters or not 0 <= now - self._flushed < self._flush_s:
            self._flushed = now
            running = self._running_quarter()
            self._submit(self._batch(reading.at, rows, [*ended, *running], new_meters))
        return rows

    def flush(self, at: datetime) -> None:
        """Hand over everything now: before the daemon stops."""
        self._submit(self._batch(at, [], self._running_quarter(), ()))

    def usage_today(self) -> dict[str, int]:
        """What was used since local midnight, by register; M-Bus devices included."""
        used: dict[str, int] = {}
        if self._today is not None:
            for profile in self._profiles.values():
                for name, amount in profile.usage_of_day(self._today).items():
                    used[name] = used.get(name, 0) + amount
        return used

    @property
    def meters(self) -> tuple[Meter, ...]:
        """The household's meters so far: the electricity meter in use is the last of its kind."""
        return self._meters

    def _note_meters(self, reading: Reading) -> tuple[Meter, ...]:
        """All meters of the household, when this reading names one that is new; else none.

        A device with two registers is one meter, of what its first one measures.
        """
        present = {reading.meter_number or "": "electricity"}
        for device in reading.mbus:
            if device.number:
                present.setdefault(device.number, device.commodity)
        new = [Meter(n, commodity) for n, commodity in present.items() if n not in self._commodities]
        if not new:
            return ()
        admitted = new[: max(self._most_meters - len(self._meters), 0)]
        if len(admitted) < len(new):
            self._plausibility.refuse(TooManyMetersEver(self._most_meters))
        self._meters += tuple(admitted)
        self._commodities |= {meter.number: meter.commodity for meter in admitted}
        return self._meters if admitted else ()

    def _devices_of(self, reading: Reading) -> dict[str, list[MBusReading]]:
        """The registers of each M-Bus device that is known, by its number."""
        devices: dict[str, list[MBusReading]] = {}
        for device in reading.mbus:
            if self._commodities.get(device.number, "electricity") != "electricity":
                devices.setdefault(device.number, []).append(device)
        return devices

    def _profile(self, number: str) -> MeterProfile:
        if number not in self._profiles:
            if len(self._profiles) >= _MOST_PROFILES:
                del self._profiles[min(self._profiles, key=lambda known: self._profiles[known].fed_at)]
            self._profiles[number] = MeterProfile(number, self._commodities[number], self._zone)
        return self._profiles[number]

    def _take_sample(self, number: str, reading: Reading) -> list[TraceQuarter]:
        """Keep the reading's sample; return the quarter before it when that has ended."""
        start = int(period_start(reading.at, Period.QUARTER, self._zone).timestamp())
        ended: list[TraceQuarter] = []
        if self._is_set_back(number, reading.at):
            if self._quarter and start < self._quarter[1]:
                return []  # that quarter was written already
        else:
            self._latest = reading.at
        if self._quarter != (number, start):
            ended = self._running_quarter() + self._silent_quarters(number, start)
            self._begin_quarter(number, start)
        quantity = reading.quantities.get
        sample = Sample(int(reading.at.timestamp()), tuple(quantity(column) for column in COLUMNS))
        if not self._samples or sample.at > self._samples[-1].at:
            self._samples.append(sample)
        return ended

    def _begin_quarter(self, number: str, start: int) -> None:
        if self._quarter is not None:
            before, started = self._quarter
            if self._day(started) != self._day(start) and len(self._samples) > 1:
                self._sizes[before] = block_size(self._samples)
        self._quarter = (number, start)
        self._samples = []

    def _is_set_back(self, number: str, at: datetime) -> bool:
        """Whether the clock was set back a little; after more than that, the profile begins anew too."""
        if self._quarter is None or self._quarter[0] != number or self._latest is None:
            return False
        return timedelta(0) < self._latest - at <= CLOCK_ADJUSTMENT

    def _running_quarter(self) -> list[TraceQuarter]:
        if self._quarter is None:
            return []
        number, start = self._quarter
        size = max(block_size(self._samples), self._sizes.get(number, 0))
        self._sizes[number] = size
        return [TraceQuarter(number, self._day(start), start, tuple(self._samples), size)]

    def _silent_quarters(self, number: str, start: int) -> list[TraceQuarter]:
        """Empty quarters for a silence of the meter, up to a day: a block for each interval."""
        if self._quarter is None or self._quarter[0] != number:
            return []
        first = max(self._quarter[1] + _QUARTER_S, start - 86_400)
        silent = range(first, start, _QUARTER_S)
        size = self._sizes[number]
        return [TraceQuarter(number, self._day(quarter), quarter, (), size) for quarter in silent]

    def _day(self, stamp: float) -> date:
        return datetime.fromtimestamp(stamp, self._zone).date()

    def _batch(
        self, at: datetime, rows: list[Row], trace: list[TraceQuarter], meters: tuple[Meter, ...]
    ) -> Batch:
        memory = {
            "profiles": {number: profile.snapshot() for number, profile in self._profiles.items()},
            "meters": [[meter.number, meter.commodity] for meter in self._meters],
            "plausibility": self._plausibility.snapshot(),
            "block_sizes": {number: size for number, size in self._sizes.items() if number in self._profiles},
        }
        return Batch(self._day(at.timestamp()), tuple(rows), tuple(trace), memory, meters)
