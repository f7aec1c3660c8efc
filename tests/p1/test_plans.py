"""The short way from frame to reading: always what the plain way gives."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.errors import MalformedTelegram
from gateway.p1 import (
    Decoder,
    Frame,
    Framer,
    Reading,
    decode,
)
from gateway.p1.decoder import Plan
from gateway.p1.telegram import Telegram, serialize
from gateway.p1.times import HOME
from gateway.simulator import Household, SimulatedMeter

NOW = datetime(2026, 10, 25, 0, 59, tzinfo=UTC)  # a minute before clocks go back
MOMENTS = st.one_of(
    st.integers(-86_400, 2 * 86_400).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    st.sampled_from([datetime(1999, 12, 31, 23, tzinfo=UTC) + timedelta(days=d) for d in (1, 3000, 9000)]),
)
TIMES = st.one_of(
    st.builds(HOME.text, MOMENTS, st.booleans()),
    st.sampled_from(
        [
            "632525252525W",
            "000101010000W",
            "261399256199S",
            "26102502300W",
            "",
            "700101010000W",
            "261024120000",
        ]
    ),
)
DIGITS = st.from_regex(
    r"[0-9]{1,6}(\.[0-9]{1,4})?|[0-9]{3}\.[0-9]|[0-9]{14,17}|[0-9]{2}\.[0-9]{3}|x|-1", fullmatch=True
)
UNITS = st.sampled_from(["", "*kWh", "*Wh", "*kW", "*W", "*V", "*A", "*m3", "*GJ", "*s", "*odd"])
NUMBERS = st.one_of(st.builds("({}{})".format, DIGITS, UNITS), st.just("()"))
REGISTERS = st.from_regex(r"\([0-9]{5}(\.[0-9]{1,3})?(\*m3|\*GJ)?\)", fullmatch=True)
ODD_TIMED = st.one_of(
    st.builds("({}){}".format, TIMES, NUMBERS), st.just("()"), st.builds("({})".format, TIMES)
)
GOOD_TIMED = st.builds("({}){}".format, st.just("261024120000S"), REGISTERS)
TIMED = st.one_of(GOOD_TIMED, GOOD_TIMED, ODD_TIMED)
# As real meters mistype them, and in other units.
ODD = st.one_of(
    st.builds("{}({})".format, NUMBERS, TIMES), NUMBERS, st.builds("({})({}){}".format, TIMES, TIMES, NUMBERS)
)
ODD_LINES = st.one_of(
    st.tuples(
        st.sampled_from(["1-0:1.7.0", "1-1:1.7.0", "1-0:31.7.0*255", "1-0:1.8.1"]),
        st.from_regex(r"\([0-9]{1,9}([.,][0-9]{1,3})? ?\*? ?[mkKMG]?(W|Wh|A|VA)\)", fullmatch=True),
    ),
    st.tuples(st.sampled_from(["1-0:1.6.0", "0-1:24.2.1", "0-1:24.2.2", "7-0:23.1.0"]), ODD),
    st.tuples(
        st.just("0-1:24.2.1"),
        st.from_regex(
            r"\(261024120000S\)\([0-9]{5}(\.[0-9]{1,3})?\*(m3|m\xb3|m\xc2\xb3|dm3|l|GJ|MWh)\)", fullmatch=True
        ),
    ),
    st.tuples(
        st.just("7-0:23.1.0*255"),
        st.from_regex(r"\([0-9]{5}\.[0-9]{3}\*m3\)\(26-10-2[0-7] [01][0-9]:00:00\)", fullmatch=True),
    ),
)
LINES = st.one_of(
    ODD_LINES,
    st.tuples(st.just("0-0:1.0.0"), TIMES.map("({})".format)),
    st.tuples(
        st.sampled_from(["1-0:1.7.0", "1-0:1.8.1", "1-0:32.7.0", "1-0:31.7.0.255", "1-0:9.9.9"]), NUMBERS
    ),
    st.tuples(st.sampled_from(["0-0:96.14.0", "0-0:96.7.21"]), NUMBERS),
    st.tuples(
        st.sampled_from(["0-0:96.1.1", "0-1:96.1.0"]), st.sampled_from(["(4B38)", "(3031)", "()", "(K8)"])
    ),
    st.tuples(
        st.sampled_from(["0-1:24.1.0", "0-2:24.1.0"]), st.sampled_from(["(003)", "(004)", "(007)", "(099)"])
    ),
    st.tuples(st.sampled_from(["0-1:24.2.1", "0-2:24.2.1"]), TIMED),
)
# Most devices that have a register also tell their type.
DEVICES = st.builds(
    lambda channel, kind, value: [(f"0-{channel}:24.1.0", f"({kind})"), (f"0-{channel}:24.2.1", value)],
    st.sampled_from([1, 2]),
    st.sampled_from(["003", "004", "007", "012", "013", "021"]),
    TIMED,
)
SHAPES = st.lists(LINES.map(lambda line: [line]) | DEVICES, min_size=1, max_size=7).map(
    lambda groups: [line for group in groups for line in group]
)
TST = re.compile(r"[0-9]{12}(?=[SW])")


def frame_of(lines: Iterable[tuple[str, str]]) -> Frame:
    return Frame(serialize(Telegram("XYZ5\\TEST", tuple(lines))).rpartition(b"!")[0] + b"!")


def plainly(frame: Frame) -> Reading | str:
    try:
        return decode(frame, NOW)
    except MalformedTelegram as error:
        return str(error)


def shortly(decoder: Decoder, frame: Frame) -> Reading | str:
    try:
        return decoder.decode(frame, NOW)
    except MalformedTelegram as error:
        return str(error)


def retold(line: tuple[str, str], chance: Random) -> tuple[str, str]:
    """The same line with other digits, and mostly with a time that may be."""
    code, values = line
    settled = code.endswith((":24.1.0", ":96.1.0", ":96.1.1"))
    if chance.random() < (0.97 if settled else 0.2):
        return line
    told = "".join(str(chance.randrange(10)) if c.isdigit() else c for c in values)
    if chance.random() < 0.1:
        return code, told
    at = NOW - timedelta(seconds=chance.randrange(10**6))
    return code, TST.sub(HOME.text(at, summer=False)[:12], told)


# The meter's clock is set back to before the time of a register that cannot be read.
@example(
    [
        ("0-1:24.1.0", "(003)"),
        ("1-0:1.7.0", "()"),
        ("0-0:1.0.0", "(261025015900W)"),
        ("0-1:24.2.1", "(632525252525W)()"),
    ],
    [],
    303014,
)
@settings(max_examples=200, deadline=None)
@given(SHAPES, st.lists(LINES, max_size=2), st.integers(0, 2**32))
def test_the_short_way_gives_what_the_plain_way_gives(
    shape: list[tuple[str, str]], newcomers: list[tuple[str, str]], seed: int
) -> None:
    """The same telegram with other digits, time and again; at some steps a line comes or goes."""
    chance, decoder, lines = Random(seed), Decoder(), shape
    for _ in range(8):
        frame = frame_of(lines)
        assert shortly(decoder, frame) == plainly(frame)
        lines = [retold(line, chance) for line in lines]
        if newcomers and chance.random() < 0.1:
            lines.insert(chance.randint(0, len(lines)), newcomers.pop())
        if lines and chance.random() < 0.05:
            lines.pop(chance.randrange(len(lines)))


def test_successive_telegrams_of_a_meter_take_the_short_way() -> None:
    """Else the property above would hold for a decoder that never learns."""
    meter = SimulatedMeter(Household(3), NOW)
    frames = [frame for n in range(2) for frame in Framer().feed(meter.bytes_at(NOW + timedelta(seconds=n)))]
    first, second = (frame for frame in frames if isinstance(frame, Frame))
    assert (
        Plan(first).read(second, NOW) == decode(second, NOW) == meter.reading_at(NOW + timedelta(seconds=1))
    )
