"""What happens in the meter and the grid: power failures, other meters, wrong clocks, messages.

An event changes what the meter knows, at its time and ever after; what is told depends on the
schedule and the instant alone. Registers stay exact: what would have been counted without power is
taken off, and a new meter counts from zero.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import Any

from gateway.p1 import MBusReading, Reading
from gateway.p1.obis import SCALES
from gateway.p1.reading import PowerFailure
from gateway.simulator.dialects import Dialect
from gateway.simulator.faults.schedule import Schedule, Strike
from gateway.simulator.household import LOCAL

_LONG = timedelta(minutes=3)
_FAILURES_TOLD = 10
_FURTHEST_JUMP_S = 3 * 3600
_SAG, _SWELL = 80, 115  # per cent of the voltage
_MESSAGES = (
    "Maintenance of the grid on Thursday from 9:00 to 12:00.",
    "Your meter will be read by hand this week.",
    "Please call your grid operator.",
)

Registers = Callable[[datetime], Reading]


class MeterEvents:
    """The events of one meter since its installation."""

    def __init__(self, schedule: Schedule, seed: int, installed: datetime, dialect: Dialect) -> None:
        self._schedule = schedule
        self._seed = seed
        self._dialect = dialect
        self._installed = installed.astimezone(LOCAL).date()
        self._highest = _highest_register(dialect)
        self._known_until = self._installed  # the first day whose strikes are not known yet
        self._struck: dict[str, list[Strike]] = {}
        # What each power failure, each new meter and each rollover took off the registers.
        self._taken_off: dict[tuple[str, datetime], Mapping[str, int]] = {}

    def told(self, known: Reading, at: datetime, registers: Registers) -> Reading | None:
        """What the meter knows instead; None while it has no power."""
        self._look_until(at)
        if not self._struck:
            return known
        failures = self._begun("power-failure", at)
        if failures and at < failures[-1].until:
            return None
        changed: dict[str, Any] = {"quantities": self._quantities(known, at, registers, failures)}
        replaced = self._begun("meter-replaced", at)
        if replaced and known.meter_number:
            changed["meter_number"] = _number(known.meter_number, replaced[-1])
        if "failures" in self._dialect.named:
            changed["failures"] = self._failure_log(failures, replaced)
        changed["mbus"] = tuple(self._device(device, at, registers) for device in known.mbus)
        changed["texts"] = self._texts(known, at)
        reading = replace(known, **changed)
        return self._by_its_clock(reading, at)

    def injected(self, first: datetime, last: datetime) -> Counter[str]:
        """How many of each began from `first` through `last`."""
        self._look_until(last)
        return Counter(
            strike.fault
            for strikes in self._struck.values()
            for strike in strikes
            if first <= strike.at <= last
        )

    # --- when ----------------------------------------------------------------------------------

    def _look_until(self, at: datetime) -> None:
        on = at.astimezone(LOCAL).date()
        while self._known_until <= on:
            for strike in self._schedule.of_day(self._known_until):
                before = self._struck.setdefault(strike.fault, [])
                # What strikes while the same still lasts is part of it.
                if not before or strike.at >= before[-1].until:
                    before.append(strike)
            self._known_until += timedelta(days=1)

    def _begun(self, fault: str, at: datetime) -> list[Strike]:
        strikes = self._struck.get(fault, [])
        return strikes[: bisect_right(strikes, at, key=lambda strike: strike.at)]

    def _lasting(self, fault: str, at: datetime) -> Strike | None:
        begun = self._begun(fault, at)
        return begun[-1] if begun and at < begun[-1].until else None

    # --- registers and counters -----------------------------------------------------------------

    def _quantities(
        self, known: Reading, at: datetime, registers: Registers, failures: list[Strike]
    ) -> Mapping[str, int]:
        told = dict(known.quantities)
        energies = [name for name in told if name.startswith(("energy_", "reactive_energy_"))]
        self._take_off(told, energies, at, registers)
        begun = self._begun("meter-replaced", at)
        since = begun[-1].at if begun else datetime.min.replace(tzinfo=UTC)
        counted = [strike for strike in failures if strike.at >= since]
        if "failures_any" in told:
            told["failures_any"] += len(counted)
        if "failures_long" in told:
            told["failures_long"] += sum(strike.lasts >= _LONG for strike in counted)
        for fault, percent in (("sag", _SAG), ("swell", _SWELL)):
            for strike in self._begun(fault, at):
                phase = self._phase_of(strike, told)
                if strike.at >= since and f"{fault}s_{phase}" in told:
                    told[f"{fault}s_{phase}"] += 1
            lasting = self._lasting(fault, at)
            if lasting is not None:
                _change_voltage(told, self._phase_of(lasting, told), percent)
        return MappingProxyType(told)

    def _take_off(
        self, told: dict[str, int], energies: list[str], at: datetime, registers: Registers
    ) -> None:
        for strike in self._begun("power-failure", at):
            lost = self._off(strike, registers, strike.until)
            for name in energies:
                told[name] -= lost[name]
        begun = self._begun("meter-replaced", at)
        if begun:
            before = self._off(begun[-1], registers, None)
            for name in energies:
                told[name] -= before[name]
        for strike in self._struck.get("rollover", []):
            passed = self._off(strike, registers, None)
            for name in energies:
                if name.startswith("energy_import"):
                    told[name] = (told[name] - passed[name]) % self._highest

    def _off(self, strike: Strike, registers: Registers, until: datetime | None) -> Mapping[str, int]:
        """What the registers held at a strike, less what was lost before; until an end, the rise."""
        found = self._taken_off.get((strike.fault, strike.at))
        if found is None:
            held = dict(registers(strike.at).quantities)
            if until is None:
                earlier = [one for one in self._begun("power-failure", strike.at) if one.until <= strike.at]
                for failure in earlier:
                    for name, lost in self._off(failure, registers, failure.until).items():
                        held[name] = held.get(name, 0) - lost
                found = held
            else:
                ended = registers(until).quantities
                found = {name: ended[name] - held[name] for name in held if name in ended}
            self._taken_off[strike.fault, strike.at] = found
        return found

    def _phase_of(self, strike: Strike, told: Mapping[str, int]) -> str:
        phases = [phase for phase in ("l1", "l2", "l3") if f"{strike.fault}s_{phase}" in told] or ["l1"]
        return phases[int(strike.at.timestamp()) % len(phases)]

    def _failure_log(self, failures: list[Strike], replaced: list[Strike]) -> tuple[PowerFailure, ...]:
        since = replaced[-1].at if replaced else datetime.min.replace(tzinfo=UTC)
        long_ones = [one for one in failures if one.lasts >= _LONG and one.at >= since]
        return tuple(
            PowerFailure(one.until, int(one.lasts.total_seconds())) for one in long_ones[-_FAILURES_TOLD:]
        )

    # --- devices, texts, clock --------------------------------------------------------------------

    def _device(self, device: MBusReading, at: datetime, registers: Registers) -> MBusReading:
        if device.commodity == "submeter":
            lost = 0
            for strike in self._begun("power-failure", at):
                lost += _submeter(registers(strike.until)) - _submeter(registers(strike.at))
            return replace(device, register=device.register - lost) if lost else device
        replaced = self._begun("gas-meter-replaced", at) if device.commodity == "gas" else []
        if not replaced:
            return device
        strike = replaced[-1]
        before = next(one.register for one in registers(strike.at).mbus if one.channel == device.channel)
        return replace(device, number=_number(device.number, strike), register=device.register - before)

    def _texts(self, known: Reading, at: datetime) -> Mapping[str, str]:
        strike = self._lasting("message", at)
        if strike is None:
            return known.texts
        shown = int(strike.at.timestamp())
        texts = dict(known.texts)
        if "message" in self._dialect.named:
            texts["message"] = _MESSAGES[shown % len(_MESSAGES)]
        if "message_code" in self._dialect.named:
            texts["message_code"] = str(shown % 10_000)
        return MappingProxyType(texts)

    def _by_its_clock(self, reading: Reading, at: datetime) -> Reading:
        jump = self._lasting("clock-jump", at)
        if jump is not None:
            chance = Random(f"{self._seed}/{jump.at}")
            wrong_by = timedelta(seconds=chance.choice((-1, 1)) * chance.randint(90, _FURTHEST_JUMP_S))
            devices = (replace(one, captured_at=one.captured_at + wrong_by) for one in reading.mbus)
            reading = replace(reading, at=reading.at + wrong_by, mbus=tuple(devices))
        if self._lasting("clock-unset", at) is not None:
            reading = replace(reading, timed=False)
        return reading


def _highest_register(dialect: Dialect) -> int:
    """The first number of Wh that the meter has no digits for."""
    line = next((line for name, line in dialect.named.items() if name.startswith("energy_import")), None)
    if line is None:
        return 10**9
    digits: int = 10 ** line.row.pattern[0]
    return digits * SCALES[line.row.unit.casefold(), line.row.base]


def _number(number: str, strike: Strike) -> str:
    """The number of the meter that came in the place of another."""
    return f"{number[:1]}{int(strike.at.timestamp()):0{len(number) - 1}d}"


def _submeter(reading: Reading) -> int:
    return next(device.register for device in reading.mbus if device.commodity == "submeter")


def _change_voltage(told: dict[str, int], phase: str, percent: int) -> None:
    voltage, current = f"voltage_{phase}_mv", f"current_{phase}_ma"
    if voltage not in told:
        return
    told[voltage] = told[voltage] * percent // 10_000 * 100
    if current in told:
        watts = max(told.get(f"power_import_{phase}_w", 0), told.get(f"power_export_{phase}_w", 0))
        told[current] = (watts * 1_000_000 // told[voltage] + 500) // 1000 * 1000
