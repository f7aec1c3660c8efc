"""M-Bus devices where power fails and gas meters are replaced.

A device is read by the electricity meter alone: without power nobody reads it. A gas or water meter
goes on counting meanwhile, a submeter of electricity does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from random import Random

from gateway.p1 import MBusReading, Reading
from gateway.p1.obis import MBUS_CHANNELS
from gateway.simulator.dialects import Dialect
from gateway.simulator.faults.schedule import Strike
from gateway.simulator.faults.turns import Turns, Undisturbed


class Devices:
    """What is told of the devices of one meter."""

    def __init__(self, dialect: Dialect, seed: int, turns: Turns) -> None:
        # In the Netherlands a new gas meter gets a channel of its own beside that of the old one.
        self._keeps_old = dialect.country == "NL"
        self._seed = seed
        self._turns = turns
        # By the instant of its replacement: the last that was read of a gas meter, undisturbed.
        self._last_of: dict[datetime, MBusReading] = {}
        # By the instant of the failure: what a submeter would have counted.
        self._lost: dict[datetime, int] = {}

    def told(
        self, at: datetime, replaced: Sequence[Strike], undisturbed: Undisturbed
    ) -> tuple[MBusReading, ...]:
        """What the electricity meter last read of each device; `replaced` are the gas meters that were."""
        told: list[MBusReading] = []
        devices = undisturbed(at).mbus
        free = MBUS_CHANNELS[len(devices) :]
        for device in (self._read_with_power(device, undisturbed) for device in devices):
            if device.commodity == "gas" and replaced:
                told += self._gas(device, free, replaced, undisturbed)
            elif device.commodity == "submeter":
                told.append(replace(device, register=device.register - self._lost_until(device, undisturbed)))
            else:
                told.append(device)
        return tuple(sorted(told, key=lambda device: device.channel))

    def _read_with_power(self, device: MBusReading, undisturbed: Undisturbed) -> MBusReading:
        while failure := self._turns.failure_at(device.captured_at):
            earlier = _on_channel(undisturbed(failure.at), device.channel)
            if earlier.captured_at == device.captured_at:  # read in the very second of the failure
                break
            device = earlier
        return device

    def _lost_until(self, device: MBusReading, undisturbed: Undisturbed) -> int:
        """What a submeter would have counted without power, from one of its readings to another."""
        lost = 0
        for failure in self._turns.all_failures(device.captured_at):
            if failure.at not in self._lost:
                begin, end = (
                    _on_channel(undisturbed(at), device.channel) for at in (failure.at, failure.until)
                )
                self._lost[failure.at] = end.register - begin.register
            lost += self._lost[failure.at]
        return lost

    def _gas(
        self,
        device: MBusReading,
        free: Sequence[int],
        replaced: Sequence[Strike],
        undisturbed: Undisturbed,
    ) -> list[MBusReading]:
        """The gas meter in use, and before it those that are gone, as far as there are channels."""
        number, counted_before = device.number, 0
        gone: list[MBusReading] = []
        for strike in replaced:
            last = self._last_before(strike, device.channel, undisturbed)
            if last.captured_at == device.captured_at:
                break  # the new one has not been read yet
            # Of two within one slot, nobody has read the first.
            if not gone or gone[-1].captured_at < last.captured_at:
                gone.append(replace(last, number=number, register=last.register - counted_before))
            number, counted_before = another_number(device.number, self._seed, strike), last.register
        in_use = replace(device, number=number, register=device.register - counted_before)
        if not self._keeps_old:
            return [in_use]
        channels = (device.channel, *free)
        told = [replace(one, channel=channels[n % len(channels)]) for n, one in enumerate((*gone, in_use))]
        return told[-len(channels) :]

    def _last_before(self, strike: Strike, channel: int, undisturbed: Undisturbed) -> MBusReading:
        last = self._last_of.get(strike.at)
        if last is None:
            last = self._read_with_power(_on_channel(undisturbed(strike.at), channel), undisturbed)
            self._last_of[strike.at] = last
        return last


def another_number(number: str, seed: int, strike: Strike) -> str:
    """The number of the meter that came in the place of one."""
    digits = Random(f"{seed}/{strike.fault}/{strike.at}").randrange(10**12)
    return f"{number[:-12]}{digits:012d}"


def _on_channel(reading: Reading, channel: int) -> MBusReading:
    return next(device for device in reading.mbus if device.channel == channel)
