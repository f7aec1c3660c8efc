"""Made-up readings for every dialect, over the whole range of what it can print, and their bytes.

The same seed gives the same reading. What is made is exactly what a reader must find: nothing in
it is finer than the dialect prints, and nothing is in it that the dialect has no line for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from types import MappingProxyType

from gateway.p1 import (
    Frame,
    Framer,
    MBusReading,
    Reading,
)
from gateway.p1.cipher import Decryptor, MeterKey, encrypt
from gateway.p1.obis import (
    BY_CODE,
    MONTH_END_CODES,
    MONTH_END_DEMANDS,
    Form,
)
from gateway.p1.reading import MonthDemand, MonthEnd, PowerFailure
from gateway.p1.values import is_no_limit, value_text
from gateway.simulator.dialects import (
    Device,
    Dialect,
    Line,
    telegram_bytes,
)

KEY_HEX = "A0A1A2A3A4A5A6A7A8A9AAABACADAEAF"
AUTHENTICATION_KEY_HEX = "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF"
KEY = MeterKey.parse(KEY_HEX, AUTHENTICATION_KEY_HEX)
SYSTEM_TITLE = b"XYZ\x00\x00\x00\x00\x01"

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_SENTENCE = "Your meter will be read on 3/11 (between 9 and 12)! "
_FIRST, _LAST = datetime(2015, 1, 1, tzinfo=UTC), datetime(2060, 1, 1, tzinfo=UTC)
# Around the hours at which clocks change, in UTC.
_CHANGES = (datetime(2026, 3, 29, 0, tzinfo=UTC), datetime(2026, 10, 24, 23, tzinfo=UTC))
_COMMON_CHOICES = {"breaker_state": 3, "valve_state": 2}
_LIMIT_DROPPED = 0.2


def reading_of(dialect: Dialect, seed: int, *, at: datetime | None = None, complete: bool = False) -> Reading:
    """A reading that the dialect can print.

    `complete`: with three phases, a device of each kind and all else that may be absent.
    """
    chance = Random(f"{dialect.name}/{seed}")
    at = at or _moment(chance)
    single_phase = not complete and chance.random() < 0.3
    told = [
        line
        for line in dialect.lines
        if not (single_phase and ("_l2" in line.quantity or "_l3" in line.quantity))
    ]
    texts = dict(_texts(dialect, told, chance, complete))
    number = dialect.number_quantity
    named = {line.quantity for line in told}
    return Reading(
        at=at,
        model=dialect.header,
        meter_number=texts.pop("meter_number") if number == "meter_number" else texts.get(number or ""),
        version=dialect.version,
        quantities=MappingProxyType(dict(_quantities(told, chance, complete))),
        mbus=tuple(_devices(dialect, at, chance, complete)),
        texts=MappingProxyType(texts),
        timed="time" in named,
        country=dialect.country,
        demand_max_at=at - timedelta(seconds=chance.randrange(10**6))
        if "demand_max_month_w" in named
        else None,
        demand_history=_history(dialect, at, chance, complete) if "demand_history" in named else (),
        failures=_failures(at, chance, complete) if "failures" in named else (),
        month_end=_month_end(dialect, at, chance) if "month_end" in named else None,
    )


def later(dialect: Dialect, reading: Reading, seed: int) -> Reading:
    """What the same meter tells ten seconds later: other numbers, and M-Bus devices read anew."""
    chance = Random(f"{dialect.name}/later/{seed}")
    numbers = {
        line.quantity: _number(line, chance)
        for line in dialect.lines
        if line.row.form is Form.NUMBER and line.quantity in reading.quantities
    }
    passed = timedelta(seconds=10)
    devices = tuple(
        replace(one, captured_at=one.captured_at + passed, register=_number(register, chance))
        if (register := _register(dialect, one)).row.form is Form.TIMED_NUMBER
        else one
        for one in reading.mbus
    )
    return replace(
        reading,
        at=reading.at + passed,
        quantities=MappingProxyType({**reading.quantities, **numbers}),
        mbus=devices,
    )


def wire(dialect: Dialect, reading: Reading, counter: int = 1) -> bytes:
    """The bytes that a meter sends; encrypted with KEY where its dialect is."""
    plain = telegram_bytes(dialect, reading)
    return bytes(encrypt(plain, KEY, SYSTEM_TITLE, counter)) if dialect.encrypted else plain


def frame_of(sent: bytes) -> Frame:
    """The one frame in these bytes."""
    (frame,) = Framer(Decryptor(KEY)).feed(sent)
    assert isinstance(frame, Frame), frame
    return frame


def _moment(chance: Random) -> datetime:
    if chance.random() < 0.25:
        return chance.choice(_CHANGES) + timedelta(seconds=chance.randrange(4 * 3600))
    return _FIRST + timedelta(seconds=chance.randrange(int((_LAST - _FIRST).total_seconds())))


def _texts(dialect: Dialect, told: list[Line], chance: Random, complete: bool) -> Iterator[tuple[str, str]]:
    for line in told:
        name = line.quantity
        if name == "emucs_version":
            yield name, dialect.version or ""
        if line.row.form is not Form.TEXT:
            continue
        if name == "message_code":
            text = "".join(chance.choice("0123456789") for _ in range(8))
        elif name == "connection_ean":
            text = _ean(chance)
        elif not name.startswith("message"):
            text = "XYZ" + _letters(chance, 13)
        elif line.plain:
            text = "ER11"
        else:
            text = (_SENTENCE * 21)[
                : chance.choice((1, 8, 52, 200, 1024 if name == "message" else 52))
            ].strip()
        if complete or not name.startswith("message") or chance.random() < 0.5:
            yield name, text


def _quantities(told: list[Line], chance: Random, complete: bool) -> Iterator[tuple[str, int]]:
    # Meters with four tariffs are told by their registers.
    tariffs = 4 if any("_t4_" in line.quantity for line in told) else 2
    for line in told:
        name, form = line.quantity, line.row.form
        if form is Form.CODE:
            if name == "tariff":
                yield name, chance.randint(1, tariffs)
            else:
                yield name, chance.randrange(len(line.words) or _COMMON_CHOICES.get(name, 2))
        elif form is Form.COUNT:
            yield name, _digits(line, chance)
        elif form in (Form.NUMBER, Form.TIMED_NUMBER):
            yield name, _number(line, chance)
        elif form is Form.SIGNED_NUMBER:
            yield name, _number(line, chance) * chance.choice((1, -1))
        elif form is Form.THRESHOLD and (complete or chance.random() > _LIMIT_DROPPED):
            yield name, _limit(line, chance)
            if name == "fuse_threshold_ma":
                yield "fuse_threshold_export_ma", -_limit(line, chance)


def _digits(line: Line, chance: Random) -> int:
    """What the line's digits can hold: often nothing, the least, or the most."""
    most: int = 10 ** sum(line.row.pattern) - 1
    return chance.choice(
        (0, 1, most, chance.randrange(min(1000, most + 1)), *(chance.randint(0, most) for _ in range(6)))
    )


def _number(line: Line, chance: Random) -> int:
    return _digits(line, chance) * line.step


def _limit(line: Line, chance: Random) -> int:
    """A threshold; all nines would be none."""
    while is_no_limit(value_text(line.row, limit := _number(line, chance))[1:-1]):
        pass
    return limit


def _devices(dialect: Dialect, at: datetime, chance: Random, complete: bool) -> Iterator[MBusReading]:
    kinds = [*dialect.devices]
    if not complete and kinds:
        kinds = chance.choices(kinds, k=chance.randint(0, 4))
    channels = sorted(chance.sample((1, 2, 3, 4), min(len(kinds), 4)))
    for channel, device in zip(channels, kinds, strict=False):
        yield _device(dialect, device, channel, at - timedelta(seconds=chance.randrange(7200)), chance)


def _device(
    dialect: Dialect, device: Device, channel: int, captured_at: datetime, chance: Random
) -> MBusReading:
    named = {line.quantity: line for line in device.lines}
    register = named["device_register"]
    if register.row.form is Form.HOURLY:  # of the hour that comes twice, it can only tell the first
        captured_at = dialect.clock.utc(
            dialect.clock.text(captured_at, dialect.clock.is_summer(captured_at))[:12]
        )
    if named["device_number"].plain:  # bytes that are no letters
        number = (b"\xf2" + chance.randbytes(7)).hex().upper()
    else:
        number = chance.choice(("", "G" + _letters(chance, 16), "G" + _letters(chance, 16)))
    return MBusReading(
        channel=channel,
        commodity=device.commodity,
        number=number,
        captured_at=captured_at,
        register=_number(register, chance),
        valve_state=chance.randrange(2) if "valve_state" in named else None,
        ean=_ean(chance) if "device_ean" in named else None,
    )


def _register(dialect: Dialect, one: MBusReading) -> Line:
    device = dialect.device(one.commodity)
    assert device is not None
    return next(line for line in device.lines if line.quantity == "device_register")


def _history(dialect: Dialect, at: datetime, chance: Random, complete: bool) -> tuple[MonthDemand, ...]:
    months = []
    month = at.astimezone(dialect.clock.zone).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0, fold=0
    )
    for _ in range(13 if complete else chance.randint(0, 13)):
        ends = month.astimezone(UTC)
        peak = None if chance.random() < 0.15 else ends - timedelta(seconds=chance.randrange(28 * 86_400))
        months.append(MonthDemand(ends, peak, chance.randrange(100_000) if peak else 0))
        month = (month - timedelta(days=1)).replace(day=1)
    return tuple(reversed(months))


def _failures(at: datetime, chance: Random, complete: bool) -> tuple[PowerFailure, ...]:
    failures, ended_at = [], at
    for _ in range(10 if complete else chance.choice((0, 0, 1, 2, 10))):
        ended_at -= timedelta(seconds=chance.randrange(1, 10**7))
        failures.append(PowerFailure(ended_at, chance.choice((181, 86_400, 2**31 + 7, 2**32))))
    return tuple(reversed(failures))


def _month_end(dialect: Dialect, at: datetime, chance: Random) -> MonthEnd:
    month = at.astimezone(dialect.clock.zone).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0, fold=0
    )
    return MonthEnd(
        at=month.astimezone(UTC),
        quantities=MappingProxyType(
            {BY_CODE[code][0].quantity: chance.randrange(10**9) for code in MONTH_END_CODES}
        ),
        demands_w=tuple(chance.randrange(100_000) for _ in range(MONTH_END_DEMANDS)),
    )


def _letters(chance: Random, count: int) -> str:
    return "".join(chance.choice(_LETTERS) for _ in range(count))


def _ean(chance: Random) -> str:
    return "5414" + "".join(chance.choice("0123456789") for _ in range(14))
