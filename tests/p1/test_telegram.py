"""Lines of a telegram: written and read back, and read in the odd shapes meters send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import MalformedTelegram
from gateway.p1 import Frame, Framer
from gateway.p1.telegram import Telegram, parse, serialize

CODES = st.from_regex(r"[0-9]-[0-9]{1,2}:[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{1,3}", fullmatch=True)
# Anything in Latin-1 but the marks of a line or a telegram.
TEXTS = st.text(
    st.characters(max_codepoint=0xFF, exclude_characters="()!/\n\r\x00"), max_size=20
)  # fmt: skip
VALUES = st.lists(TEXTS, min_size=1, max_size=4).map(lambda texts: "".join(f"({text})" for text in texts))
TELEGRAMS = st.builds(
    Telegram,
    st.from_regex(r"[A-Za-z]{3}[0-9][A-Za-z0-9\\ .-]{0,16}", fullmatch=True),
    st.lists(st.tuples(CODES, VALUES), min_size=1, max_size=12).map(tuple),
)


@given(TELEGRAMS)
def test_what_is_written_is_read_back(telegram: Telegram) -> None:
    (frame,) = Framer().feed(serialize(telegram))
    assert isinstance(frame, Frame)
    assert parse(frame) == telegram


def test_a_line_ends_where_its_brackets_end() -> None:
    body = b"/ABC3\r\n\r\n0-1:24.3.0(121030140000)(00)(60)(1)(0-1:24.2.1)(m3)\r\n(00024.123)\r\n!"
    assert parse(Frame(body)).lines == (
        ("0-1:24.3.0", "(121030140000)(00)(60)(1)(0-1:24.2.1)(m3)\r\n(00024.123)"),
    )


def test_bytes_above_127_are_kept_as_latin_1() -> None:
    body = b"/ABC5\r\n\r\n0-0:96.13.0(\xb0\xff\xe9)\r\n1-0:1.7.0(00.500*kW)\r\n!"
    assert parse(Frame(body)).lines == (("0-0:96.13.0", "(°ÿé)"), ("1-0:1.7.0", "(00.500*kW)"))


@pytest.mark.parametrize("body", [b"/ABC5\r\n\r\n!", b"/ABC5\r\n\r\nnothing here\r\n!"])
def test_a_telegram_without_lines_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedTelegram):
        parse(Frame(body))
