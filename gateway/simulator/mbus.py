"""M-Bus devices: the meters for gas, water, heat and more that an electricity meter reads.

Each has its channel, in the order of installation, its own number, and its own cadence: what the
electricity meter tells is the last reading, with the time at which it was taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from gateway.errors import ConfigError
from gateway.p1 import MBusReading
from gateway.p1.obis import MBUS_CHANNELS, Form
from gateway.simulator.dialects import Device, Dialect
from gateway.simulator.household import Household

_EVERY_FIVE_MINUTES, _HOURLY = 300, 3600
# Electricity meters wake only these for every slot; what runs on a battery tells once an hour.
_OFTEN = frozenset({"gas", "submeter"})
_LETTER = {"gas": "G", "water": "W", "heat": "H", "cooling": "C", "submeter": "E"}
# How much of what a device counts is one of its reading's units: millilitres, joules, W·s.
_PER_UNIT = {"gas": 1000, "water": 1000, "heat": 1000, "cooling": 1000, "submeter": 3600}
# What a boiler makes of a millilitre of gas.
_JOULES_PER_ML = 32


@dataclass(slots=True)
class MBusDevice:
    """One device. `counts` is the commodity of the household that it counts, `times` how much of it.

    Each reading is taken `lag` seconds after its slot begins, differently each time.
    """

    channel: int
    commodity: str
    number: str
    counts: str
    times: int
    cadence: int
    lag: int
    valve_state: int | None
    ean: str | None
    _last: MBusReading | None = field(default=None, init=False, repr=False)

    def taken_at(self, second: int) -> int:
        """The second of the day at which the last reading was taken; at midnight one always is."""
        slot = second // self.cadence
        taken = slot * self.cadence + self._lag(slot)
        return taken if taken <= second else (slot - 1) * self.cadence + self._lag(slot - 1)

    def reading(self, taken: int, count: int) -> MBusReading:
        """What it told at a Unix time, having counted so much."""
        register = count * self.times // _PER_UNIT[self.commodity]
        last = self._last
        # The same reading is told over and over: it is not made anew each time.
        if last is None or last.register != register or last.captured_at.timestamp() != taken:
            captured_at = datetime.fromtimestamp(taken, UTC)
            last = self._last = MBusReading(
                self.channel, self.commodity, self.number, captured_at, register, self.valve_state, self.ean
            )
        return last

    def _lag(self, slot: int) -> int:
        return 2 + (self.lag + 37 * slot) % 53 if slot and self.lag else 0


def devices_of(household: Household, dialect: Dialect) -> tuple[MBusDevice, ...]:
    """The devices of a home that the meters of a dialect read. Raises ConfigError.

    A heat meter with a P1 port of its own tells the heat of a home that burns gas, too.
    """
    home, seed = household.home, household.seed
    if "power_import_w" not in dialect.named:
        commodity = next((name for name in ("heat", "gas") if name in home.devices), None)
        if commodity is None:
            raise ConfigError(
                f"a heat meter has nothing to tell in the home {home.name}: choose one that has heat or gas"
            )
        return (_device(dialect, "heat", commodity, 1, seed),)
    known = [commodity for commodity in home.devices if dialect.device(commodity)]
    return tuple(
        _device(dialect, commodity, commodity, channel, seed)
        for channel, commodity in zip(MBUS_CHANNELS, known, strict=False)
    )


def _device(dialect: Dialect, commodity: str, counts: str, channel: int, seed: int) -> MBusDevice:
    chance = Random(f"{seed}/mbus/{commodity}")
    printed = dialect.device(commodity)
    if printed is None:
        raise ConfigError(f"a meter of {dialect.title} reads no {commodity} meter")
    named = {line.quantity: line for line in printed.lines}
    digits = chance.randrange(10**12)
    number = f"{_LETTER[commodity]}0000{digits:012d}"
    if named["device_number"].plain:  # bytes that are no letters
        number = f"F2{digits:014X}"
    return MBusDevice(
        channel=channel,
        commodity=commodity,
        number=number,
        counts=counts,
        times=_JOULES_PER_ML if counts != commodity else 1,
        cadence=_cadence(dialect, printed),
        # Belgian meters tell the second at which they read, others the slot.
        lag=chance.randrange(1, 53) if dialect.country == "BE" else 0,
        valve_state=1,
        ean=f"5414{chance.randrange(10**14):014d}" if "device_ean" in named else None,
    )


def _cadence(dialect: Dialect, device: Device) -> int:
    """Every five minutes since DSMR 5, hourly before."""
    hourly = any(line.row.form is Form.HOURLY for line in device.lines)
    newest = dialect.period_s == 1 and not hourly
    return _EVERY_FIVE_MINUTES if newest and device.commodity in _OFTEN else _HOURLY
