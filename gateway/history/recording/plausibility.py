"""Plausibility before storage: what cannot be is left out, what hardly can is held until confirmed. Pure.

Telegrams of DSMR 2 and 3 carry no checksum: a lost bit gives a number that looks right. Meters are
replaced under the same number, registers roll over, some jump. So a reading that does not follow
from the one before goes nowhere until CONFIRMATIONS more telegrams in a row agree with it; then the
held ones go on, in order, and usage counts anew from there. One telegram that follows from the last
accepted one drops them. The same holds for each M-Bus device, beside an electricity part that goes on.

At most CONFIRMATIONS readings are held, and nothing is kept of what was dropped. A source that is hostile
or broken cannot make anything grow: so many meters are admitted within MEMORY and no more, and a clock may
jump so often within a day. What was not seen for that long makes room again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self

from gateway.errors import (
    GatewayError,
    ImplausibleReading,
    ImpossibleValue,
    MeterClockJumps,
    RegistersBeganAnew,
    TooManyMeters,
)
from gateway.history.records import ceilings, limits
from gateway.history.records.limits import Limit
from gateway.p1 import MBusReading, Reading
from gateway.quantities import DEVICE_REGISTERS, EXPORT_REGISTERS, IMPORT_REGISTERS

CONFIRMATIONS = 3
MOST_METERS = 4
"""Electricity meters of one home: the one on the line, and those that it followed."""
MOST_DEVICES = 16
"""M-Bus devices: four channels, each with more than one register, and all of them replaced once."""
MEMORY = timedelta(days=30)
MOST_JUMPS = 24
"""How often in a day the meter's clock may be set back, or go ahead by more than a day."""
_DAY = timedelta(days=1)
# Less than this and a clock is being adjusted.
_JUMP_BACK = timedelta(hours=1)

_REGISTERS = (*IMPORT_REGISTERS, *EXPORT_REGISTERS)
_POWERS = tuple(f"power_{way}{of}_w" for way in ("import", "export") for of in ("", "_l1", "_l2", "_l3"))
_NO_POWER = (0,) * len(_POWERS)
# Every limit allows so much in no time at all: it need not be computed.
_LITTLE = 100


class Judged(NamedTuple):
    """A reading to go on with, and the numbers of the meters whose registers begin anew with it."""

    reading: Reading
    new_epochs: frozenset[str] = frozenset()


class _Level(NamedTuple):
    """Where a meter's registers stood `at` a reading, and since when each was seen to stand there."""

    at: datetime
    registers: Mapping[str, int]
    since: Mapping[str, datetime]

    @classmethod
    def first(cls, at: datetime, registers: Mapping[str, int]) -> Self:
        return cls(at, registers, dict.fromkeys(registers, at))

    def leads_to(
        self,
        at: datetime,
        registers: Mapping[str, int],
        highest_w: int,
        rises: Callable[[Limit, int, int, float], bool] = Limit.usual_rise,
    ) -> bool:
        """Whether these registers follow. One that is left out does, one never seen does not."""
        if registers == self.registers:
            return True
        for name, new in registers.items():
            old = self.registers.get(name)
            if old is None:
                return False  # a bit lost in its code can make one register another
            if 0 <= new - old <= _LITTLE:
                continue
            seconds = (at - self.at).total_seconds()
            if not rises(limits.of_register(name, highest_w), old, new, seconds):
                return False
        return True

    def can_lead_to(self, at: datetime, registers: Mapping[str, int], highest_w: int) -> bool:
        """Whether use alone can explain them, were each register as old as when it last changed."""
        return all(
            limits.of_register(name, highest_w).possible_rise(
                old, registers[name], (at - self.since[name]).total_seconds()
            )
            for name, old in self.registers.items()
            if name in registers
        )

    def after(self, at: datetime, registers: Mapping[str, int]) -> _Level:
        """The level that an accepted reading leads to: a register left out stays as it was."""
        known = self.registers
        if registers == known:
            return _Level(at, known, self.since)
        changed = {name: at for name, value in registers.items() if known.get(name) != value}
        return _Level(at, {**known, **registers}, {**self.since, **changed})

    def snapshot(self) -> dict[str, Any]:
        registers = {name: [value, self.since[name].timestamp()] for name, value in self.registers.items()}
        return {"at": self.at.timestamp(), "registers": registers}

    @classmethod
    def restored(cls, snapshot: Mapping[str, Any]) -> Self:
        registers: Mapping[str, tuple[int, float]] = snapshot["registers"]
        return cls(
            datetime.fromtimestamp(snapshot["at"], UTC),
            {name: value for name, (value, _) in registers.items()},
            {name: datetime.fromtimestamp(since, UTC) for name, (_, since) in registers.items()},
        )


@dataclass(slots=True)
class _Meter:
    """A meter that is known: the last two levels that were accepted, and when it was seen by our clock."""

    level: _Level
    seen_at: datetime
    before: _Level | None = None

    def accept(self, at: datetime, registers: Mapping[str, int]) -> None:
        self.before, self.level = self.level, self.level.after(at, registers)

    def begin_anew(self, at: datetime, registers: Mapping[str, int]) -> None:
        self.before, self.level = None, _Level.first(at, registers)

    def snapshot(self) -> dict[str, Any]:
        return {**self.level.snapshot(), "seen": self.seen_at.timestamp()}

    @classmethod
    def restored(cls, snapshot: Mapping[str, Any]) -> Self:
        return cls(_Level.restored(snapshot), datetime.fromtimestamp(snapshot["seen"], UTC))


@dataclass(frozen=True, slots=True)
class _Held:
    """A reading whose electricity part waits for confirmation."""

    reading: Reading
    registers: Mapping[str, int]
    power_w: int


class Plausibility:
    """Judges every reading of one household, in order.

    `held` counts what was ever held (readings, and readings of M-Bus devices), `dropped` what of it
    turned out to be wrong, `epochs` how often registers began anew, `impossible` the readings that said what
    no home can have, `refused` those of meters for which there was no room, or at times that jump.
    """

    def __init__(
        self,
        on_fault: Callable[[GatewayError], None] = lambda _: None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        """`clock` is the gateway's own, since a meter's can be made to say anything; None: the readings'."""
        self.held = self.dropped = self.epochs = self.impossible = self.refused = 0
        self._on_fault = on_fault
        self._clock = clock
        self._now = datetime.min.replace(tzinfo=UTC)  # when the reading that is judged arrived
        self._latest: datetime | None = None  # the time of the reading before
        self._jumps: deque[datetime] = deque(maxlen=MOST_JUMPS)
        self._present: str | None = None  # the number of the electricity meter that is on the line
        self._highest_w = 0  # the highest power that was confirmed, where a connection is a large one
        self._meters: dict[str, _Meter] = {}
        self._waiting: list[_Held] = []
        self._devices: dict[str, _Meter] = {}
        self._waiting_devices: dict[str, list[_Level]] = {}
        # What the last telegram said of all devices; None while one of them is held.
        self._repeated: tuple[MBusReading, ...] | None = ()

    def judge(self, reading: Reading) -> list[Judged]:
        """What can go on now: this reading; none while it is held; all that were held, once confirmed."""
        reading = self.possible(reading)
        self._now = reading.at if self._clock is None else self._clock()
        if self._jumps_too_often(reading.at):
            self.refuse(MeterClockJumps())
            return []
        quantity = reading.quantities.get
        registers = {name: value for name in _REGISTERS if (value := quantity(name)) is not None}
        power_w = max(map(quantity, _POWERS, _NO_POWER))
        if power_w <= self._usual_w:
            # Before anything is known there is nothing to compare with.
            begins = self._present is None
            meter = self._begun(reading, registers) if begins else self._on_line(reading)
            if meter and meter.level.leads_to(reading.at, registers, self._highest_w):
                if self._waiting:
                    self._drop(len(self._waiting))
                    self._waiting = []
                meter.accept(reading.at, registers)
                meter.seen_at = self._now
                return [self._judge_devices(reading, begins)]
        return self._hold(_Held(reading, registers, power_w))

    def possible(self, reading: Reading) -> Reading:
        """The reading without what no home can have."""
        rest, names = ceilings.without_impossible(reading)
        if names:
            self.impossible += 1
            self._on_fault(ImpossibleValue(names))
        return rest

    def _jumps_too_often(self, at: datetime) -> bool:
        """Each jump of the clock gives rows, a data key and a day of empty blocks."""
        before, self._latest = self._latest, at
        if before is None or -_JUMP_BACK <= at - before <= _DAY:
            return False
        if len(self._jumps) == MOST_JUMPS and timedelta(0) <= self._now - self._jumps[0] < _DAY:
            self._latest = before  # it is the next reading at a right time that goes on
            return True
        self._jumps.append(self._now)
        return False

    # --- how many meters a home has ----------------------------------------------------------

    def refuse(self, fault: GatewayError) -> None:
        """Count and tell of something for which there is no room."""
        self.refused += 1
        self._on_fault(fault)

    def _has_room(self, known: dict[str, _Meter], most: int) -> bool:
        """Whether another one can be admitted; the one that was not seen for longest makes room."""
        if len(known) < most:
            return True
        oldest = min(known, key=lambda name: known[name].seen_at)
        if self._now - known[oldest].seen_at < MEMORY:
            self.refuse(TooManyMeters(most, MEMORY.days))
            return False
        del known[oldest]
        return True

    # --- the electricity meter ---------------------------------------------------------------

    @property
    def _usual_w(self) -> int:
        return max(limits.USUAL_W, 2 * self._highest_w)

    def _on_line(self, reading: Reading) -> _Meter | None:
        """The meter of this reading; None when it names another one than those before."""
        number = reading.meter_number or ""
        return self._meters[number] if number == self._present else None

    def _begun(self, reading: Reading, registers: Mapping[str, int]) -> _Meter:
        self._present = reading.meter_number or ""
        meter = self._meters[self._present] = _Meter(_Level.first(reading.at, registers), self._now)
        return meter

    def _hold(self, doubtful: _Held) -> list[Judged]:
        if self._waiting and not self._agree(self._waiting[-1], doubtful):
            self._drop(len(self._waiting))
            self._waiting = []
        self._waiting.append(doubtful)
        self.held += 1
        return [] if len(self._waiting) <= CONFIRMATIONS else self._confirmed()

    def _agree(self, one: _Held, next_one: _Held) -> bool:
        """Whether two doubtful readings confirm each other."""
        if one.reading.meter_number != next_one.reading.meter_number:
            return False
        both_w = min(one.power_w, next_one.power_w)
        if (both_w > self._usual_w) != (max(one.power_w, next_one.power_w) > self._usual_w):
            return False
        level = _Level.first(one.reading.at, one.registers)
        highest_w = max(self._highest_w, both_w)
        return level.leads_to(next_one.reading.at, next_one.registers, highest_w, Limit.possible_rise)

    def _confirmed(self) -> list[Judged]:
        """The held readings: they go on, and what follows is compared with them."""
        run, self._waiting = self._waiting, []
        number = run[0].reading.meter_number or ""
        if number not in self._meters and not self._has_room(self._meters, MOST_METERS):
            return []
        lowest_w = min(one.power_w for one in run)
        if lowest_w > self._usual_w:
            self._highest_w = lowest_w
        first = run[0]
        begins = self._present is None
        self._present = number
        known = self._meters.get(number)
        meter = self._begun(first.reading, first.registers) if known is None else known
        anew = self._begins_anew(meter, first.reading.at, first.registers)
        judged = []
        meter.seen_at = self._now
        for one in run:
            meter.accept(one.reading.at, one.registers)
            judged.append(self._judge_devices(one.reading, begins))
            begins = False
        if anew:
            judged[0] = Judged(judged[0].reading, judged[0].new_epochs | {number})
        return judged

    # --- M-Bus devices -----------------------------------------------------------------------

    def _judge_devices(self, reading: Reading, begins: bool) -> Judged:
        """The reading without the devices that are held."""
        if reading.mbus == self._repeated:
            self._note_seen(reading.mbus)
            return Judged(reading)  # most telegrams repeat them
        epochs: set[str] = set()
        kept: list[MBusReading] = []
        waiting, self._waiting_devices = self._waiting_devices, {}
        for device in reading.mbus:
            name = _name(device)
            registers = {DEVICE_REGISTERS[device.commodity]: device.register}
            known = self._devices.get(name)
            if known is None and begins:
                self._devices[name] = _Meter(_Level.first(device.captured_at, registers), self._now)
                kept.append(device)
            elif known is not None and known.level.leads_to(device.captured_at, registers, 0):
                known.accept(device.captured_at, registers)
                known.seen_at = self._now
                kept.append(device)
            elif self._is_confirmed(name, device.captured_at, registers, waiting) and (
                known is not None or self._has_room(self._devices, MOST_DEVICES)
            ):
                kept.append(device)
                if self._goes_on_with(name, device.captured_at, registers):
                    epochs.add(device.number)
        # What is left was not confirmed by this telegram.
        self._drop(sum(map(len, waiting.values())))
        self._repeated = None if self._waiting_devices else reading.mbus
        kept_all = len(kept) == len(reading.mbus)
        return Judged(reading if kept_all else replace(reading, mbus=tuple(kept)), frozenset(epochs))

    def _is_confirmed(
        self, name: str, at: datetime, registers: Mapping[str, int], waiting: dict[str, list[_Level]]
    ) -> bool:
        """Hold a device's reading, unless CONFIRMATIONS before it agree. A repeated one agrees."""
        run = waiting.pop(name, [])
        if run and not run[-1].leads_to(at, registers, 0, Limit.possible_rise):
            self._drop(len(run))
            run = []
        self.held += 1
        if len(run) == CONFIRMATIONS:
            return True
        self._waiting_devices[name] = [*run, _Level.first(at, registers)]
        return False

    def _goes_on_with(self, name: str, at: datetime, registers: Mapping[str, int]) -> bool:
        """Compare with these from now on; returns whether the device's registers begin anew."""
        known = self._devices.get(name)
        if known is None:
            self._devices[name] = _Meter(_Level.first(at, registers), self._now)
            return False
        known.seen_at = self._now
        anew = self._begins_anew(known, at, registers)
        known.accept(at, registers)
        return anew

    def _note_seen(self, devices: tuple[MBusReading, ...]) -> None:
        for device in devices:
            known = self._devices.get(_name(device))
            if known is not None:
                known.seen_at = self._now

    # --- both --------------------------------------------------------------------------------

    def _begins_anew(self, meter: _Meter, at: datetime, registers: Mapping[str, int]) -> bool:
        """Whether confirmed registers are a new epoch: neither use nor one wrong reading explains them."""
        if meter.level.can_lead_to(at, registers, self._highest_w):
            return False  # renewed late, or held for another reason
        before = meter.before
        if before is not None and before.can_lead_to(at, registers, self._highest_w):
            self._drop(1)  # it was the last accepted reading that was wrong
            meter.level = before
            return False
        self.epochs += 1
        self._on_fault(RegistersBeganAnew())
        meter.begin_anew(at, registers)
        return True

    def _drop(self, readings: int) -> None:
        self.dropped += readings
        for _ in range(readings):
            self._on_fault(ImplausibleReading())

    # --- over a restart ----------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """What must be remembered over a restart, as plain JSON values. What is held is not."""
        return {
            "present": self._present,
            "highest_w": self._highest_w,
            "meters": {number: meter.snapshot() for number, meter in self._meters.items()},
            "devices": {name: device.snapshot() for name, device in self._devices.items()},
            "jumps": [at.timestamp() for at in self._jumps],
        }

    def recall(self, snapshot: Mapping[str, Any]) -> None:
        """The inverse of `snapshot`."""
        self._present = snapshot["present"]
        self._highest_w = snapshot["highest_w"]
        self._meters = {number: _Meter.restored(meter) for number, meter in snapshot["meters"].items()}
        self._devices = {name: _Meter.restored(device) for name, device in snapshot["devices"].items()}
        self._jumps.extend(datetime.fromtimestamp(at, UTC) for at in snapshot["jumps"])


def _name(device: MBusReading) -> str:
    return f"{device.commodity} {device.number or device.channel}"
