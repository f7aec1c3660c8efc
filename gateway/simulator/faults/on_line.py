"""What goes wrong on the line: bytes that are damaged, lost, late, foreign, or do not come at all.

Each fault costs the reader what its rule says and nothing beyond, so that what a reader counted can
be held against what was injected:

    flipped-bits, lost-bytes, wrong-checksum   that telegram, by its checksum
    cut, stall                                 that telegram: it was cut off
    noise                                      nothing: the bytes belong to no telegram
    unplugged, wrong-speed                     the telegrams while it lasts; the line once
    replay                                     nothing: an older one comes once more, and is refused
    wrong-key                                  that telegram, by its tag: where the reader's key fits the
                                               others, it takes it for a damaged one

At most one of these happens to a telegram.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from gateway.errors import ConfigError
from gateway.p1 import MeterKey
from gateway.simulator.faults.schedule import Schedule, Strike
from gateway.simulator.meter import SimulatedMeter

_OTHER_KEY = MeterKey.parse("F" * 32)
_REPLAYED_AFTER = timedelta(minutes=1)
_NEED_CHECKSUM = ("flipped-bits", "lost-bytes", "wrong-checksum")
_NEED_ENCRYPTION = ("replay", "wrong-key")
_NEED_PLAIN = ("lost-bytes", "cut", "wrong-checksum")
_SPELLS = ("stall", "unplugged", "wrong-speed")
# A frame's header before its ciphertext, and the tag behind it.
_HEADER_BYTES, _TAG_BYTES = 18, 12
# What begins or ends a telegram for a reader, or a frame.
_MARKS = b"/!\r\n\xdb"
# What a reader may take for a line at rest.
_AT_REST = b"\x00\xff"
_FAST, _SLOW = (115_200, 8), (9600, 7)


class FaultyMeter:
    """A meter whose bytes suffer on their way. Telegrams are asked for in order.

    `injected` counts what happened so far, a spell once; `noise_bytes` the noise without its
    line ends and what looks like a line at rest (0x00 and 0xFF).
    Raises ConfigError for a fault that such a meter cannot have.
    """

    def __init__(self, meter: SimulatedMeter, schedule: Schedule) -> None:
        self._meter = meter
        self._schedule = schedule
        self.injected: Counter[str] = Counter()
        self.noise_bytes = 0
        self._spell: Strike | None = None
        self._first_at = datetime.max.replace(tzinfo=UTC)
        for wish in schedule.wishes:
            _check(meter, wish.fault)

    def bytes_at(self, at: datetime) -> bytes | None:
        """What comes out of the line; nothing in a silent moment, None while it is unplugged."""
        self._first_at = min(self._first_at, at)
        sent = self._meter.bytes_at(at)
        if self._spell is not None and at < self._spell.until:
            return self._within(self._spell, sent)
        self._spell = None
        if not sent:
            return sent
        strike = self._schedule.on_telegram(at)
        if strike is None:
            return sent
        self.injected[strike.fault] += 1
        if strike.fault in _SPELLS:
            self._spell = strike
            if strike.fault == "stall":
                return sent[: _inside(sent, strike.chance)]
            return self._within(strike, sent)
        return self._struck(strike, sent)

    def _within(self, spell: Strike, sent: bytes) -> bytes | None:
        if spell.fault == "unplugged":
            return None
        if spell.fault == "stall":
            return b""
        fast = self._meter.dialect.serial.startswith(str(_FAST[0]))
        return heard(sent, *((_FAST, _SLOW) if fast else (_SLOW, _FAST)))

    def _struck(self, strike: Strike, sent: bytes) -> bytes:
        if strike.fault == "replay":
            return sent + self._meter.bytes_at(max(strike.at - _REPLAYED_AFTER, self._first_at))
        if strike.fault == "wrong-key":
            return self._meter.bytes_at(strike.at, _OTHER_KEY)
        if strike.fault == "noise":
            noise = _noise(strike.chance)
            self.noise_bytes += len(noise.translate(None, _AT_REST))
            return sent + noise + b"\r\n"
        return _DAMAGES[strike.fault](sent, strike.chance)


def _check(meter: SimulatedMeter, fault: str) -> None:
    dialect = meter.dialect
    if fault in _NEED_CHECKSUM and not dialect.checksum:
        raise ConfigError(
            f'{dialect.name} sends no checksum, so nobody could notice the fault "{fault}": choose "cut"'
        )
    if fault in _NEED_ENCRYPTION and not dialect.encrypted:
        raise ConfigError(f'the fault "{fault}" is for meters that encrypt, and {dialect.name} does not')
    if fault in _NEED_PLAIN and dialect.encrypted:
        raise ConfigError(f'the fault "{fault}" is for meters that do not encrypt: choose "flipped-bits"')


def _flipped_bits(sent: bytes, chance: Random) -> bytes:
    # A checksum of 16 bits finds any three of them.
    damaged = bytearray(sent)
    if sent[0] == 0xDB:
        places = range(_HEADER_BYTES + 1, len(sent) - _TAG_BYTES)
        for place in chance.sample(places, chance.randint(1, 3)):
            damaged[place] ^= 1 << chance.randrange(8)
        return bytes(damaged)
    first, last = _body(sent)
    # Only digits, to other printable characters: the frame stays a frame.
    digits = [place for place in range(first, last) if sent[place : place + 1].isdigit()]
    for place in chance.sample(digits, chance.randint(1, 3)):
        damaged[place] ^= 1 << chance.randrange(3)
    return bytes(damaged)


def _lost_bytes(sent: bytes, chance: Random) -> bytes:
    first, last = _body(sent)
    number = chance.randint(1, 20)
    place = chance.randrange(first, last - number)
    return sent[:place] + sent[place + number :]


def _cut(sent: bytes, chance: Random) -> bytes:
    return sent[: _inside(sent, chance)]


def _wrong_checksum(sent: bytes, chance: Random) -> bytes:
    text, _, stated = sent.rpartition(b"!")
    digits = stated.strip()
    other = (int(digits, 16) + chance.randrange(1, 0x10000)) % 0x10000
    return text + b"!%0*X\r\n" % (len(digits), other)


_DAMAGES: dict[str, Callable[[bytes, Random], bytes]] = {
    "flipped-bits": _flipped_bits,
    "lost-bytes": _lost_bytes,
    "cut": _cut,
    "wrong-checksum": _wrong_checksum,
}


def _body(sent: bytes) -> tuple[int, int]:
    """Where the lines behind the header begin, and where the last of them ends."""
    return sent.index(b"\n") + 1, sent.rindex(b"!")


def _inside(sent: bytes, chance: Random) -> int:
    if sent[0] == 0xDB:
        return chance.randrange(_HEADER_BYTES + 1, len(sent) - 1)
    return chance.randrange(*_body(sent))


def _noise(chance: Random) -> bytes:
    return bytes(byte for byte in chance.randbytes(chance.randint(8, 60)) if byte not in _MARKS)


# --- another speed --------------------------------------------------------------------------------


def heard(sent: bytes, at: tuple[int, int], by: tuple[int, int]) -> bytes:
    """What a receiver makes of bytes that were sent at another speed and format.

    Both are bits a second and data bits; with 7 data bits there is an even parity bit, which the
    receiver does not look at. A line at rest is high; a character begins as it falls.
    """
    levels = [1, *_levels(sent, at[1]), *[1] * 20]
    ratio = at[0] / by[0]
    found = bytearray()
    begin = 0.0
    while (fallen := _next_fall(levels, begin)) is not None:
        bits = [_level(levels, fallen + (n + 1.5) * ratio) for n in range(by[1])]
        found.append(sum(bit << n for n, bit in enumerate(bits)))
        begin = fallen + 9.5 * ratio
    # What would look like a telegram to a reader would not be this fault.
    return bytes(byte for byte in found if byte not in _MARKS)


def _levels(sent: bytes, data_bits: int) -> Iterator[int]:
    for byte in sent:
        bits = [byte >> n & 1 for n in range(data_bits)]
        yield 0
        yield from bits
        if data_bits == 7:
            yield sum(bits) % 2
        yield 1


def _next_fall(levels: list[int], begin: float) -> int | None:
    place = max(math.ceil(begin), 1)
    while place < len(levels):
        if not levels[place] and levels[place - 1]:
            return place
        place += 1
    return None


def _level(levels: list[int], place: float) -> int:
    return levels[int(place)] if place < len(levels) else 1
