"""What happens in the meter and the grid: power failures, other meters, wrong clocks, messages.

An event changes what the meter knows, at its time and ever after; what is told depends on the
schedule and the instant alone. Registers stay exact: what would have been counted without power is
taken off, and a new meter counts from zero. The peaks of a month stay those of undisturbed quarter
hours, but for another meter's.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import Any

from gateway.errors import ConfigError
from gateway.p1 import MBusReading, Reading
from gateway.p1.obis import Form
from gateway.p1.reading import PowerFailure
from gateway.simulator.dialects import Dialect
from gateway.simulator.faults.devices import Devices, another_number
from gateway.simulator.faults.rollover import Rollover, import_registers
from gateway.simulator.faults.schedule import Schedule, Strike, Wish
from gateway.simulator.faults.turns import Turns, Undisturbed, energies
from gateway.simulator.household import LOCAL

_LONG = timedelta(minutes=3)
_FAILURES_TOLD = 10
_QUARTER = timedelta(minutes=15)
_FURTHEST_JUMP_S = 3 * 3600
_VOLTAGE_PERCENT = {"sag": 80, "swell": 120}
_PHASES = ("l1", "l2", "l3")
_RUNNING_DEMANDS = ("demand_current_quarter_w", "demand_export_current_quarter_w")
_LONGEST_MESSAGE = 1024
_MESSAGES = (
    "Maintenance of the grid on Thursday from 9:00 to 12:00.",
    "Your meter will be read by hand this week.",
    "Please call your grid operator.",
)


class MeterEvents:
    """The events of one meter since its installation.

    Raises ConfigError for a fault that nobody could see in the telegrams of such a meter.
    """

    def __init__(self, schedule: Schedule, seed: int, installed: datetime, dialect: Dialect) -> None:
        for wish in schedule.wishes:
            _check(wish, dialect)
        self._schedule = schedule
        self._seed = seed
        self._dialect = dialect
        self._unknown_from = installed.astimezone(LOCAL).date()  # the first day whose strikes are not known
        self._struck: dict[str, list[Strike]] = {}
        self._turns = Turns()
        self._devices = Devices(dialect, seed, self._turns)
        passes = [wish.at for wish in schedule.wishes if wish.fault == "rollover" and wish.at is not None]
        self._rollover_at = min(passes, default=None)
        self._rollover: Rollover | None = None
        # Of each fault, how often it has struck each phase by each of its strikes.
        self._sums: dict[str, list[tuple[int, ...]]] = {}
        self._highest = {
            name: 10 ** line.row.pattern[0] - 1
            for name, line in dialect.named.items()
            if line.row.form is Form.COUNT
        }
        # The peak as each quarter hour ends, of another meter: by when it began to count in a month.
        self._peaks: dict[datetime, list[tuple[int, datetime]]] = {}

    def told(self, known: Reading, at: datetime, undisturbed: Undisturbed) -> Reading | None:
        """What the meter knows instead; None while it has no power."""
        self._look_until(at)
        if not self._struck and self._rollover_at is None:
            return known
        if self._turns.failure_at(at):
            return None
        _, brought = self._turns.meter_since(at)
        changed: dict[str, Any] = {"quantities": self._quantities(known, at, undisturbed)}
        changed["mbus"] = self._devices.told(at, self._begun("gas-meter-replaced", at), undisturbed)
        changed["texts"] = self._texts(known, at, brought)
        if "failures" in self._dialect.named:
            changed["failures"] = self._failure_log(at)
        if brought and known.meter_number:
            changed["meter_number"] = another_number(known.meter_number, self._seed, brought)
        if known.month_end or known.demand_history or known.demand_max_at:
            changed |= self._months(known, at, changed["quantities"], undisturbed)
        return self._by_its_clock(replace(known, **changed), at)

    def injected(self, first: datetime, last: datetime) -> Counter[str]:
        """How many of each began from `first` through `last`."""
        self._look_until(last)
        strikes = (strike for struck in self._struck.values() for strike in struck)
        return Counter(strike.fault for strike in strikes if first <= strike.at <= last)

    # --- when ----------------------------------------------------------------------------------

    def _look_until(self, at: datetime) -> None:
        on = at.astimezone(LOCAL).date()
        if self._rollover_at is not None:  # it shows long before it happens
            on = max(on, self._rollover_at.astimezone(LOCAL).date())
        while self._unknown_from <= on:
            for strike in self._schedule.of_day(self._unknown_from):
                self._take(strike)
            self._unknown_from += timedelta(days=1)

    def _take(self, strike: Strike) -> None:
        before = self._struck.get(strike.fault)
        # What strikes while the same still lasts is part of it; without power nothing sags.
        if before and strike.at < before[-1].until:
            return
        if strike.fault in _VOLTAGE_PERCENT and self._turns.failure_at(strike.at):
            return
        self._struck.setdefault(strike.fault, []).append(strike)
        if strike.fault in ("power-failure", "meter-replaced"):
            self._turns.add(strike)

    def _begun(self, fault: str, at: datetime) -> list[Strike]:
        strikes = self._struck.get(fault, [])
        return strikes[: bisect_right(strikes, at, key=lambda strike: strike.at)]

    def _lasting(self, fault: str, at: datetime) -> Strike | None:
        begun = self._begun(fault, at)
        return begun[-1] if begun and at < begun[-1].until else None

    # --- registers and counters -----------------------------------------------------------------

    def _quantities(self, known: Reading, at: datetime, undisturbed: Undisturbed) -> Mapping[str, int]:
        told = dict(known.quantities)
        told |= self._registers(energies(known), at, undisturbed)
        told |= self._running_demands(told, at, undisturbed)
        failures = self._turns.failures(at)
        counts = {
            "failures_any": len(failures),
            "failures_long": sum(failure.lasts >= _LONG for failure in failures),
        }
        told |= {name: count for name, count in counts.items() if name in told}
        since, _ = self._turns.meter_since(at)
        for fault, percent in _VOLTAGE_PERCENT.items():
            for phase, count in self._struck_since(fault, since, at, told).items():
                if f"{fault}s_{phase}" in told:
                    told[f"{fault}s_{phase}"] += count
            lasting = self._lasting(fault, at)
            if lasting is not None:
                self._change_voltage(told, self._phase_of(lasting, told), percent)
        for name, highest in self._highest.items():
            if told.get(name, 0) > highest:  # a meter's counter has so many digits and no more
                told[name] = highest
        return MappingProxyType(told)

    def _struck_since(
        self, fault: str, since: datetime, at: datetime, told: Mapping[str, int]
    ) -> dict[str, int]:
        """How often a fault struck each phase from `since` through `at`: a difference of two sums."""
        strikes, sums = self._struck.get(fault, []), self._sums.setdefault(fault, [(0,) * len(_PHASES)])
        for strike in strikes[len(sums) - 1 :]:
            struck = _PHASES.index(self._phase_of(strike, told))
            sums.append(tuple(n + (phase == struck) for phase, n in enumerate(sums[-1])))
        first = bisect_left(strikes, since, key=lambda strike: strike.at)
        last = max(bisect_right(strikes, at, key=lambda strike: strike.at), first)
        counts = zip(sums[last], sums[first], strict=True)
        return {phase: until - before for phase, (until, before) in zip(_PHASES, counts, strict=True)}

    def _registers(self, held: dict[str, int], at: datetime, undisturbed: Undisturbed) -> dict[str, int]:
        """What the registers hold that would hold so much undisturbed."""
        off = self._turns.off(at, undisturbed)
        counted = {name: amount - off.get(name, 0) for name, amount in held.items()}
        passes = self._rollover_at
        if passes is not None and self._turns.meter_since(at) == self._turns.meter_since(passes):
            if self._rollover is None:
                tariff = undisturbed(passes).quantities.get("tariff", 1)
                self._rollover = Rollover(self._dialect, passes, tariff)
            self._rollover.applied(counted, at, lambda when: self._counted(when, undisturbed))
        return counted

    def _counted(self, at: datetime, undisturbed: Undisturbed) -> dict[str, int]:
        off = self._turns.off(at, undisturbed)
        return {name: amount - off.get(name, 0) for name, amount in energies(undisturbed(at)).items()}

    def _running_demands(
        self, told: Mapping[str, int], at: datetime, undisturbed: Undisturbed
    ) -> dict[str, int]:
        """The demand of the running quarter hour, without what was not counted in it."""
        names = [name for name in _RUNNING_DEMANDS if name in told]
        if not names:
            return {}
        begins = _quarter_of(at)
        since, _ = self._turns.meter_since(at)
        spans = [(failure.at, failure.until) for failure in self._turns.all_failures(at)]
        spans = [(max(begin, begins), end) for begin, end in spans if end > begins and end > since]
        if since > begins:
            spans = [(begins, since), *((begin, end) for begin, end in spans if begin >= since)]
        lost = dict.fromkeys(names, 0)
        for begin, end in spans:
            before, after = undisturbed(begin).quantities, undisturbed(end).quantities
            for name in names:
                lost[name] += after[name] - before[name]
        return {name: max(told[name] - lost[name], 0) for name in names}

    def _phase_of(self, strike: Strike, told: Mapping[str, int]) -> str:
        phases = [phase for phase in _PHASES if f"voltage_{phase}_mv" in told or f"sags_{phase}" in told]
        return Random(f"{self._seed}/{strike.fault}/{strike.at}").choice(phases or ["l1"])

    def _change_voltage(self, told: dict[str, int], phase: str, percent: int) -> None:
        voltage, current = f"voltage_{phase}_mv", f"current_{phase}_ma"
        if voltage not in told:
            return
        told[voltage] = told[voltage] * percent // 10_000 * 100
        if current in told:
            line = self._dialect.named.get(current)
            step = line.step if line else 1000
            watts = told.get(f"power_import_{phase}_w", 0) + told.get(f"power_export_{phase}_w", 0)
            amount = round(watts * 1_000_000 / told[voltage] / step) * step
            told[current] = int(math.copysign(amount, told[current]))

    def _failure_log(self, at: datetime) -> tuple[PowerFailure, ...]:
        long_ones = [failure for failure in self._turns.failures(at) if failure.lasts >= _LONG]
        return tuple(
            PowerFailure(one.until, int(one.lasts.total_seconds())) for one in long_ones[-_FAILURES_TOLD:]
        )

    # --- months ----------------------------------------------------------------------------------

    def _months(
        self, known: Reading, at: datetime, quantities: Mapping[str, int], undisturbed: Undisturbed
    ) -> dict[str, Any]:
        """What is told of past months, and of the running one's peak: by another meter, only its own."""
        changed: dict[str, Any] = {}
        since, brought = self._turns.meter_since(at)
        month_end = known.month_end
        if month_end is not None:
            ended = month_end.at
            held = self._registers(dict(month_end.quantities), ended, undisturbed) if ended > since else {}
            told = {name: held[name] for name in month_end.quantities if name in held}
            changed["month_end"] = replace(month_end, quantities=MappingProxyType(told)) if told else None
        changed["demand_history"] = tuple(m for m in known.demand_history if m.month_ends_at > since)
        month = at.astimezone(LOCAL).replace(day=1, hour=0, minute=0, second=0)
        if brought and known.demand_max_at and month.astimezone(UTC) < since:
            watts, reached_at = self._peak_since(since, at, undisturbed)
            peak = MappingProxyType({**quantities, "demand_max_month_w": watts})
            changed |= {"quantities": peak, "demand_max_at": reached_at}
        return changed

    def _peak_since(self, since: datetime, at: datetime, undisturbed: Undisturbed) -> tuple[int, datetime]:
        """The highest mean import of a quarter hour that ended since then, and when it ended."""
        peaks = self._peaks.setdefault(since, [(0, since)])
        first_end = _quarter_of(since) + _QUARTER
        for number in range(len(peaks) - 1, (at - first_end) // _QUARTER + 1):
            ends = first_end + number * _QUARTER
            begins = max(ends - _QUARTER, since)
            used = self._imported(ends, undisturbed) - self._imported(begins, undisturbed)
            peaks.append(max(peaks[-1], (used * 4, ends), key=lambda peak: peak[0]))
        return peaks[(at - first_end) // _QUARTER + 1]

    def _imported(self, at: datetime, undisturbed: Undisturbed) -> int:
        return self._counted(at, undisturbed)["energy_import_wh"]

    # --- texts, clock ----------------------------------------------------------------------------

    def _texts(self, known: Reading, at: datetime, brought: Strike | None) -> Mapping[str, str]:
        message = self._lasting("message", at)
        if message is None and brought is None:
            return known.texts
        texts = dict(known.texts)
        if brought is not None and "device_name" in texts:
            texts["device_name"] = another_number(texts["device_name"], self._seed, brought)
        if message is not None:
            chance = Random(f"{self._seed}/message/{message.at}")
            shown = {"message": _message(chance), "message_code": f"{chance.randrange(10**8):08d}"}
            texts |= {name: text for name, text in shown.items() if name in self._dialect.named}
        return MappingProxyType(texts)

    def _by_its_clock(self, reading: Reading, at: datetime) -> Reading:
        jumps = self._begun("clock-jump", at)
        if jumps:
            devices = tuple(self._as_captured(device, jumps) for device in reading.mbus)
            reading = replace(reading, at=at + self._wrong_by(at, jumps), mbus=devices)
        if self._lasting("clock-unset", at) is not None:
            reading = replace(reading, timed=False)
        return reading

    def _as_captured(self, device: MBusReading, jumps: Iterable[Strike]) -> MBusReading:
        return replace(device, captured_at=device.captured_at + self._wrong_by(device.captured_at, jumps))

    def _wrong_by(self, at: datetime, jumps: Iterable[Strike]) -> timedelta:
        """How far the clock is off at an instant: by seconds as likely as by hours."""
        for jump in jumps:
            if jump.at <= at < jump.until:
                chance = Random(f"{self._seed}/clock-jump/{jump.at}")
                seconds = int(math.exp(chance.uniform(math.log(2), math.log(_FURTHEST_JUMP_S))))
                return timedelta(seconds=chance.choice((-1, 1)) * seconds)
        return timedelta()


def _quarter_of(at: datetime) -> datetime:
    return datetime.fromtimestamp(at.timestamp() // 900 * 900, UTC)


def _message(chance: Random) -> str:
    text = chance.choice((*_MESSAGES, ""))
    # The longest that there may be, too.
    return text or (" ".join(_MESSAGES) * 10)[:_LONGEST_MESSAGE]


def _check(wish: Wish, dialect: Dialect) -> None:
    shown = {
        "sag": {"sags_l1", "voltage_l1_mv"},
        "swell": {"swells_l1", "voltage_l1_mv"},
        "meter-replaced": {"meter_number", *import_registers(dialect)},
        "rollover": set(import_registers(dialect)),
        "clock-unset": {"time"},
        "clock-jump": {"time"},
        "message": {"message", "message_code"},
    }.get(wish.fault)
    if shown is not None and dialect.named.keys().isdisjoint(shown):
        raise ConfigError(f'nobody could see the fault "{wish.fault}" in what {dialect.name} sends')
    if wish.fault == "gas-meter-replaced" and dialect.device("gas") is None:
        raise ConfigError(f'the fault "{wish.fault}" needs a gas meter, and {dialect.name} reads none')
    if wish.fault == "rollover" and wish.at is None:
        raise ConfigError(f'the fault "{wish.fault}" happens at a time, not at a rate: rollover@+3600')
