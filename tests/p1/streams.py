"""What a port may deliver, and what a framer makes of it."""

from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import strategies as st

from gateway.errors import TelegramError
from gateway.p1 import (
    Decryptor,
    Frame,
    Framer,
    MeterKey,
)
from gateway.p1.framer import MAX_FRAME
from gateway.p1.telegram import Telegram, serialize
from gateway.simulator import Household, SimulatedMeter
from tests.p1.encrypted import KEY, VECTOR, sealed

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
REAL = SimulatedMeter(Household(1), NOW).bytes_at(NOW)
SHORT = serialize(Telegram("XYZ5\\TEST", (("1-0:1.7.0", "(00.500*kW)"),)))
OLD = b"/ABC3\\OLD\r\n\r\n1-0:1.7.0(0000.98*kW)\r\n!\r\n"
ENDLESS = OLD.replace(b"!\r\n", b"")  # a meter that sends no end
SEALED = [sealed(REAL, counter) for counter in range(2, 5)]
SEALED_SHORT = sealed(SHORT, 5)

# What a port may deliver: telegrams, parts of them, damage, noise, and the marks that confuse.
PIECES = st.lists(
    st.one_of(
        st.sampled_from([REAL, SHORT, OLD, b"/", b"!", b"\r\n", b"/XYZ5", b"!0000\r\n", b"\xff", b"\x00"]),
        st.builds(lambda cut: REAL[:cut], st.integers(1, len(REAL))),
        st.builds(lambda cut: SHORT[cut:], st.integers(1, len(SHORT))),
        st.sampled_from(
            [ENDLESS, VECTOR, *SEALED, SEALED_SHORT, b"\xdb", b"\xdb\x08", b"\n\xdb", VECTOR[:14]]
        ),
        st.builds(lambda sent, cut: sent[:cut], st.sampled_from(SEALED), st.integers(1, len(SEALED[0]))),
        st.builds(lambda start, end: VECTOR[start:end], *2 * [st.integers(0, len(VECTOR))]),
        st.builds(lambda bit: flipped(VECTOR, bit), st.integers(0, len(VECTOR) * 8 - 1)),
        st.binary(max_size=40),
        st.integers(0, 3 * MAX_FRAME).map(lambda n: b"/XYZ5" + b"x" * n),
    ),
    max_size=8,
).map(b"".join)
KEYS = st.sampled_from([KEY, None])


def flipped(sent: bytes, bit: int) -> bytes:
    damaged = bytearray(sent)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def outcome(stream: bytes, *cuts: int, key: MeterKey | None = KEY) -> tuple[list[Frame | str], int, str]:
    """Frames and errors of a stream fed in chunks, the noise, and what the line's end says."""
    framer = Framer(Decryptor(key))
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    found: list[Frame | str] = []
    for start, end in pairwise(edges):
        fed = framer.feed(stream[start:end])
        found += [one if isinstance(one, Frame) else repr(one) for one in fed]
    return found, framer.noise, repr(framer.cut())


def kinds(stream: bytes) -> list[type]:
    return [type(found) for found in found_in(stream)]


def found_in(stream: bytes, key: MeterKey | None = KEY) -> list[Frame | TelegramError]:
    return list(Framer(Decryptor(key)).feed(stream))
