"""Telnet, undone: what a server wraps comes out as the meter sent it, and a raw stream is left as it is."""

from __future__ import annotations

from typing import Any, cast

import pytest
import serial
from hypothesis import example, given
from hypothesis import strategies as st
from serial.rfc2217 import PortManager

from gateway.meter.telnet import Telnet

IAC, DONT, DO, WONT, WILL, SB, SE, NOP = 255, 254, 253, 252, 251, 250, 240, 241
BINARY, ECHO, GO_AHEAD, COM_PORT = 0, 1, 3, 44
# What Debian's ser2net 4.3.11 sends at the beginning, with telnet(rfc2217).
SER2NET = bytes.fromhex("fffb03 fffd03 fffb01 fffe01 fffd00 fffb00 fffd2c")
COM_PORT_REPLY = bytes([IAC, SB, COM_PORT, 101, 0, 1, IAC, IAC, 0, IAC, SE])

Pieces = st.lists(st.integers(1, 7), min_size=1, max_size=40)


def wrapped(payload: bytes, *, binary: bool) -> bytes:
    """What a telnet server makes of a payload."""
    if not binary:
        payload = payload.replace(b"\r", b"\r\0")
    return payload.replace(b"\xff", b"\xff\xff")


def unwrapped(stream: bytes, sizes: list[int] | None = None) -> tuple[bytes, bytes]:
    """The content and the replies, of a stream that comes in pieces of these sizes, again and again."""
    telnet = Telnet()
    content, replies = telnet.feed(b"")
    position = number = 0
    while position < len(stream):
        size = sizes[number % len(sizes)] if sizes else len(stream)
        more = telnet.feed(stream[position : position + size])
        content, replies = content + more[0], replies + more[1]
        position, number = position + size, number + 1
    return content, replies


@given(st.binary(), st.booleans(), Pieces)
@example(b"\xff\xff\r\0\r\r\n\xff\xf0\xff\xfb\0", False, [1])
@example(b"\xff\xff\r\0\r\r\n\xff\xf0\xff\xfb\0", True, [1])
def test_whatever_is_wrapped_comes_out_unchanged_in_any_chunks(
    payload: bytes, binary: bool, sizes: list[int]
) -> None:
    opening = bytes([IAC, WILL if binary else WONT, BINARY])
    assert unwrapped(opening + wrapped(payload, binary=binary), sizes)[0] == payload


@given(st.lists(st.binary(max_size=9) | st.sampled_from([SER2NET, COM_PORT_REPLY, b"\xff", b"\r"])), Pieces)
def test_chunks_make_no_difference_to_content_and_replies(parts: list[bytes], sizes: list[int]) -> None:
    stream = SER2NET + b"".join(parts)
    assert unwrapped(stream, sizes) == unwrapped(stream)


@given(st.binary().filter(lambda stream: not stream.startswith(b"\xff")), Pieces)
@example(b"/XYZ5\xff\xff\xff\xfb\0\r\0", [1])
def test_a_stream_that_does_not_begin_with_a_negotiation_passes_unchanged(
    stream: bytes, sizes: list[int]
) -> None:
    assert unwrapped(stream, sizes) == (stream, b"")


@pytest.mark.parametrize(
    "beginning", [b"\xff\xff\0", b"\xff\xf0\0", b"\xff\xfa\x2c", b"\xff\xfb\x7f", b"\xff\0"]
)
@given(st.binary(), Pieces)
def test_a_stream_that_begins_with_half_a_negotiation_passes_unchanged(
    beginning: bytes, stream: bytes, sizes: list[int]
) -> None:
    assert unwrapped(beginning + stream, sizes) == (beginning + stream, b"")


@pytest.mark.parametrize("verb", [WILL, WONT, DO, DONT])
def test_a_raw_stream_that_begins_like_telnet_passes_from_its_first_lone_ff_on(verb: int) -> None:
    stream = bytes([IAC, verb, BINARY]) + b"half a telegram\xff\x11" + b"\xff\xff a whole one \xff\xfb\0\r\0"
    assert unwrapped(stream)[0] == stream[3:]


def test_every_demand_is_refused_but_for_bytes_as_they_are() -> None:
    assert unwrapped(SER2NET)[1] == bytes(
        [
            *(IAC, DO, BINARY, IAC, DONT, GO_AHEAD, IAC, WONT, GO_AHEAD),
            *(IAC, DONT, ECHO, IAC, WONT, BINARY, IAC, WONT, COM_PORT),
        ]
    )


@given(st.lists(st.tuples(st.sampled_from([WILL, WONT, DO, DONT]), st.integers(0, 255))))
def test_replies_have_an_end_whatever_is_demanded(demands: list[tuple[int, int]]) -> None:
    stream = SER2NET + b"".join(bytes([IAC, *demand]) for demand in demands)
    telnet = Telnet()
    telnet.feed(stream)
    assert telnet.feed(stream[3:]) == (b"", b"")


@pytest.mark.parametrize("inside", [COM_PORT_REPLY, bytes([IAC, NOP]), bytes([IAC, WONT, COM_PORT])])
@pytest.mark.parametrize("at", range(4))
def test_commands_within_a_telegram_are_left_out(inside: bytes, at: int) -> None:
    payload = b"a\r\0b"
    stream = bytes([IAC, WILL, BINARY]) + payload[:at] + inside + payload[at:]
    assert unwrapped(stream)[0] == payload


class Wire:
    """What pyserial's own server writes to its client."""

    def __init__(self) -> None:
        self.sent = b""

    def write(self, part: bytes) -> None:
        self.sent += part


def test_pyserials_server_too_is_understood_and_takes_the_replies() -> None:
    payload = bytes(range(256)) + b"\xff\xff\r\0\r\n"
    with serial.serial_for_url("loop://") as port:
        wire: Any = Wire()
        server = PortManager(cast(Any, port), wire)
        telnet = Telnet()
        content, replies = telnet.feed(wire.sent)
        assert (content, telnet.is_spoken) == (b"", True)
        wire.sent = b""
        assert b"".join(server.filter(replies)) == b""
        assert telnet.feed(wire.sent + b"".join(server.escape(payload)))[0] == payload
