"""Plans: a decoder that has read other telegrams gives exactly what a fresh one gives."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
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
from gateway.p1.decoder import Misfit, Plan
from gateway.p1.telegram import Telegram, serialize
from gateway.p1.times import HOME
from gateway.simulator import Household, SimulatedMeter
from gateway.simulator.dialects import DIALECTS, Dialect
from tests.p1.telegrams import frame_of as wired_frame
from tests.p1.telegrams import later, reading_of, wire

LATER = datetime(2026, 11, 25, tzinfo=UTC)
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


def read_by(decoder: Decoder, frame: Frame, at: datetime = NOW) -> Reading | str:
    try:
        return decoder.decode(frame, at)
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
def test_a_decoder_is_not_misled_by_the_telegrams_before(
    shape: list[tuple[str, str]], newcomers: list[tuple[str, str]], seed: int
) -> None:
    """The same telegram with other digits, time and again; at some steps a line comes or goes."""
    chance, decoder, lines = Random(seed), Decoder(), shape
    for _ in range(8):
        frame = frame_of(lines)
        assert read_by(decoder, frame) == read_by(Decoder(), frame)
        lines = [retold(line, chance) for line in lines]
        if newcomers and chance.random() < 0.1:
            lines.insert(chance.randint(0, len(lines)), newcomers.pop())
        if lines and chance.random() < 0.05:
            lines.pop(chance.randrange(len(lines)))


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(list(DIALECTS.values())),
    st.integers(0, 2**32),
    st.lists(st.sampled_from(["flip", "digit", "twice", "without", "next", "another"]), max_size=10),
)
def test_nor_by_any_mutation_between_two_telegrams(dialect: Dialect, seed: int, steps: list[str]) -> None:
    chance, decoder = Random(seed), Decoder(dialect.clock)
    reading = reading_of(dialect, seed % 50)
    body = wired_frame(wire(dialect, reading)).body
    for step in steps:
        if step in ("next", "another"):
            reading = later(dialect, reading, seed) if step == "next" else reading_of(dialect, seed % 49)
            body = wired_frame(wire(dialect, reading)).body
        else:
            body = mutated(body, step, chance)
        at = reading.at + timedelta(seconds=chance.choice((0, 1, 86_400, -86_400, -86_401)))
        assert read_by(decoder, Frame(body), at) == read_by(Decoder(dialect.clock), Frame(body), at)


def mutated(body: bytes, how: str, chance: Random) -> bytes:
    place = chance.randrange(1, len(body) - 1)
    if how == "flip":
        return body[:place] + bytes([body[place] ^ 1 << chance.randrange(8)]) + body[place + 1 :]
    if how == "digit":
        digits = [found.start() for found in re.finditer(rb"[0-9]", body)]
        place = chance.choice(digits or [place])
        return body[:place] + b"%d" % chance.randrange(10) + body[place + 1 :]
    lines = body.split(b"\r\n")
    line = chance.randrange(len(lines))
    return b"\r\n".join(lines[:line] + 2 * lines[line : line + 1] * (how == "twice") + lines[line + 1 :])


def test_a_flipped_bit_in_any_byte_is_seen() -> None:
    frame, decoder = frames_of_a_meter(1)[0], Decoder()
    for place in range(1, len(frame.body) - 1):
        flipped = bytearray(frame.body)
        flipped[place] ^= 1 << place % 8
        for sent in (frame, Frame(bytes(flipped))):
            assert read_by(decoder, sent) == read_by(Decoder(), sent), place


# --- what one plan reads ---------------------------------------------------------------------------


def frames_of_a_meter(count: int) -> list[Frame]:
    """Its telegrams, one a second."""
    meter = SimulatedMeter(Household(3), NOW)
    sent = b"".join(meter.bytes_at(NOW + timedelta(seconds=n)) for n in range(count))
    return [frame for frame in Framer().feed(sent) if isinstance(frame, Frame)]


def test_successive_telegrams_of_a_meter_are_read_by_one_plan() -> None:
    """Else the properties above would hold for a decoder that compiles a plan each time."""
    first, *others = frames_of_a_meter(20)
    plan = Plan(first)
    assert [plan.read(frame, NOW) for frame in others] == [decode(frame, NOW) for frame in others]


TIME, NUMBER = "0-0:1.0.0(261024120000S)", "1-0:1.7.0(00.123*kW)"
NEXT_TIME, PAST_TIME = "0-0:1.0.0(261024120101S)", "0-0:1.0.0(261023115459S)"
UNSET_TIME = "0-0:1.0.0(000101010000W)"
GAS, HEAT, GAS_READ = "0-1:24.1.0(003)", "0-1:24.1.0(004)", "0-1:24.2.1(261024115500S)(00024.123*m3)"


def telegram_of(lines: str) -> Frame:
    return frame_of((line[: line.index("(")], line[line.index("(") :]) for line in lines.split("|"))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (f"{TIME}|{NUMBER}", f"{NEXT_TIME}|1-0:1.7.0(09.876*kW)"),
        # times of other forms, and of a clock that was never set
        ("0-0:1.0.0(261024120000)", "0-0:1.0.0(261024120101)"),
        ("0-0:1.0.0(26-10-24 12:00:00)", "0-0:1.0.0(26-10-24 12:01:01)"),
        ("0-0:1.0.0((261024120000S))", "0-0:1.0.0((261024120101S))"),
        (UNSET_TIME, "0-0:1.0.0(000101010001W)"),
        (UNSET_TIME, "0-0:1.0.0(261024120000W)"),
        # numbers of other forms
        ("1-0:1.7.0((00.123*kW))", "1-0:1.7.0((00.456*kW))"),
        ("1-0:1.7.0( 1,23 kW)", "1-0:1.7.0( 4,56 kW)"),
        ("1-0:31.7.0(-01.5*A)", "1-0:31.7.0(-02.5*A)"),
        ("9-9:9.9.9(123)", "9-9:9.9.9(456)"),
        # a register: in time, too early, at no time
        (f"{TIME}|{GAS}|{GAS_READ}", f"{TIME}|{GAS}|0-1:24.2.1(261024120000S)(00025.123*m3)"),
        (f"{TIME}|{GAS}|{GAS_READ}", f"{TIME}|{GAS}|0-1:24.2.1(271024120000S)(00025.123*m3)"),
        (f"{TIME}|{GAS}|{GAS_READ}", f"{TIME}|{GAS}|0-1:24.2.1(269924120000S)(00025.123*m3)"),
        (f"{TIME}|{GAS}|{GAS_READ}", f"{PAST_TIME}|{GAS}|{GAS_READ}"),
        (f"{PAST_TIME}|{GAS}|{GAS_READ}", f"{TIME}|{GAS}|{GAS_READ}"),
        (f"{TIME}|{GAS}|0-1:24.2.1(00024.123*m3)", f"{NEXT_TIME}|{GAS}|0-1:24.2.1(00024.456*m3)"),
        # several: the same, another, a load profile, and one in two lines
        (f"{GAS}|{GAS_READ}|{GAS_READ}", f"{GAS}|{GAS_READ}|0-1:24.2.1(261024115500S)(00025.123*m3)"),
        (
            f"{HEAT}|{GAS_READ}|0-1:24.2.2(261024115500S)(00024.123*GJ)",
            f"{HEAT}|{GAS_READ}|0-1:24.2.2(261024120000S)(00025.123*GJ)",
        ),
        (
            "7-0:23.1.0(261024100000S)(00024.120*m3)|7-0:23.1.0(261024110000S)(00024.121*m3)",
            "7-0:23.1.0(261024110000S)(00024.121*m3)|7-0:23.1.0(261024120000S)(00024.122*m3)",
        ),
        (
            f"{GAS}|0-1:24.3.0(261024110000)(00)(60)(1)(0-1:24.2.1)(m3)\r\n(00024.123)",
            f"{GAS}|0-1:24.3.0(261024120000)(00)(60)(1)(0-1:24.2.1)(m3)\r\n(00025.123)",
        ),
    ],
)
def test_a_plan_reads_telegrams_with_other_digits(first: str, second: str) -> None:
    plan = Plan(telegram_of(first))
    for lines, received_at in ((first, NOW), (second, NOW), (first, NOW), (second, LATER)):
        frame = telegram_of(lines)
        assert plan.read(frame, received_at) == decode(frame, received_at)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (TIME, "0-0:1.0.0(261399256199S)"),
        (TIME, "0-0:1.0.0(261024120060S)"),
        (TIME, "0-0:1.0.0(261024120000W)"),
        (NUMBER, "1-0:1.7.0(00.12:*kW)"),
        (NUMBER, "1-0:1.7.0(00.123*kVA)"),
        (NUMBER, "1-0:1.7.0(0012.3*kW)"),
        (NUMBER, "1-0:1.7.0(000.123*kW)"),
        (NUMBER, "1-0:2.7.0(00.123*kW)"),
        ("1-0:31.7.0(001.5*A)", "1-0:31.7.0(-01.5*A)"),
        ("0-0:96.14.0(0001)", "0-0:96.14.0(0002)"),
        ("0-0:96.13.0(4142)", "0-0:96.13.0(4143)"),
        (GAS, HEAT),
    ],
)
def test_a_plan_does_not_fit_where_more_than_digits_differs(first: str, second: str) -> None:
    plan = Plan(telegram_of(first))
    with pytest.raises(Misfit):
        plan.read(telegram_of(second), NOW)
    assert plan.read(telegram_of(first), NOW) == decode(telegram_of(first), NOW)


def test_a_plan_reads_on_when_it_forgets_what_it_read() -> None:
    plan = Plan(telegram_of(NUMBER))
    for watts in (*range(600), *range(600)):
        reading = plan.read(telegram_of(f"1-0:1.7.0(00.{watts:03d}*kW)"), NOW)
        assert reading.quantities == {"power_import_w": watts}
