"""What a dialect is: the lines that one kind of meter sends, and how it writes each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from gateway.p1.obis import (
    BY_QUANTITY,
    MBUS_CHANNELS,
    SCALES,
    TABLE,
    Form,
    Row,
)
from gateway.p1.reading import SIMULATOR_MODEL
from gateway.p1.times import MeterClock

# A header with its usual baud digit and backslash; that of a dialect shows its own habit.
HEADER = rf"XYZ5\{SIMULATOR_MODEL}"
EMPTY = "()"
NUMBER_QUANTITIES = ("meter_number", "meter_id", "device_name")
"""Where a meter's number stands, best first."""

_NUMBERS = (Form.NUMBER, Form.SIGNED_NUMBER, Form.THRESHOLD, Form.TIMED_NUMBER, Form.HOURLY)
_BY_CODE = {row.code: row for row in TABLE}
# What a limiter limits, its unit says.
_LIMITERS = {"kW": "limiter_w", "W": "limiter_w", "A": "limiter_ma", "kVA": "limiter_va"}


@dataclass(frozen=True)
class Line:
    """One line of a dialect: `row` with the code, the digits and the unit of its meters.

    `absent` is what they write where there is nothing to tell; empty: the line is left out.
    `words` are written for a choice, by its number. `plain`: a text is written as its characters,
    not as an octet string.
    """

    row: Row
    absent: str = ""
    words: tuple[str, ...] = ()
    plain: bool = False

    @cached_property
    def quantity(self) -> str:
        return self.row.quantity

    @cached_property
    def step(self) -> int:
        """How many base units the last digit of a number is worth."""
        if self.row.form not in _NUMBERS:
            return 1
        scale: int = SCALES[self.row.unit.casefold(), self.row.base]
        written: int = 10 ** self.row.pattern[1]
        return max(scale // written, 1)


@dataclass(frozen=True)
class Device:
    """How a dialect writes an M-Bus device. `kind` is its type after EN 13757-3."""

    commodity: str
    kind: int
    lines: tuple[Line, ...]

    @cached_property
    def named(self) -> dict[str, Line]:
        """The lines by their quantities."""
        return {line.quantity: line for line in self.lines}


@dataclass(frozen=True)
class Dialect:
    """How a meter prints a reading.

    `country` is what a reader takes the meter for, with "SE" for Finland's too, and None where it
    cannot know. `version` is what the meter says of itself. `checksum` is how it is formatted;
    empty: there is none. `clock` is how the meter writes its times, and how they are to be read.
    """

    name: str
    title: str
    country: str | None
    lines: tuple[Line, ...] = field(repr=False)
    devices: tuple[Device, ...] = field(default=(), repr=False)
    header: str = HEADER
    version: str | None = None
    period_s: int = 10
    serial: str = "115200 8N1"
    checksum: str = "04X"
    clock: MeterClock = field(default_factory=MeterClock)
    encrypted: bool = False

    @cached_property
    def named(self) -> dict[str, Line]:
        """The lines by their quantities."""
        return {line.quantity: line for line in self.lines}

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The quantities that are texts; the meter's number, where it has a line of its own, is none."""
        return tuple(
            name
            for name, line in self.named.items()
            if line.row.form in (Form.TEXT, Form.PLAIN) and name not in ("meter_number", "version")
        )

    @cached_property
    def steps(self) -> dict[str, int]:
        """How many base units the last digit of each quantity is worth."""
        steps = {name: line.step for name, line in self.named.items()}
        if "fuse_threshold_ma" in steps:  # both thresholds stand in one line
            steps["fuse_threshold_export_ma"] = steps["fuse_threshold_ma"]
        return steps

    @cached_property
    def number_quantity(self) -> str | None:
        """The quantity that a reader takes the meter's number from; None: the meter does not tell it."""
        return next((name for name in NUMBER_QUANTITIES if name in self.named), None)

    def device(self, commodity: str) -> Device | None:
        """How a device is written; None where these meters read none of its kind."""
        return next((device for device in self.devices if device.commodity == commodity), None)


def lines(
    *names: str,
    digits: tuple[int, int] | None = None,
    unit: str | None = None,
    absent: str = "",
    words: tuple[str, ...] = (),
    plain: bool = False,
) -> Iterator[Line]:
    """Lines that are written alike, by their quantities; by the code, where several mean the same.

    What is not given is as in the OBIS table. A phase "*" stands for all three.
    """
    for name in names:
        for one in (name.replace("*", phase) for phase in ("l1", "l2", "l3")) if "*" in name else (name,):
            row = _row(one)
            row = replace(row, pattern=digits or row.pattern, unit=row.unit if unit is None else unit)
            if row.quantity == "limiter_w":
                row = replace(row, quantity=_LIMITERS[row.unit])
            yield Line(row, absent, words, plain)


def device(commodity: str, kind: int, *parts: Iterator[Line]) -> Device:
    return Device(commodity, kind, tuple(line for part in parts for line in part))


def _row(name: str) -> Row:
    if name == "month_end":  # Hungary sends it under the code of the Belgian history
        return replace(BY_QUANTITY["demand_history"], quantity=name)
    return _BY_CODE[name] if ":" in name else BY_QUANTITY[name]


def code_on(code: str, channel: int) -> str:
    """The code of an M-Bus device on its channel."""
    if channel not in MBUS_CHANNELS:
        raise ValueError(f"there is no M-Bus channel {channel}")
    return code.replace("n", str(channel), 1)
