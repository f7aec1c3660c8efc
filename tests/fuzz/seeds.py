"""Inputs to start from: good telegrams of each kind, and each way of using them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from gateway.simulator import Household, SimulatedMeter
from tests.fuzz.invariants import IN_PIECES, TWICE, WITH_CHECKSUM, WITH_TAG, WITHOUT_KEY
from tests.p1.encrypted import VECTOR

_START = datetime(2026, 11, 23, 12, tzinfo=UTC)
_OLD = (
    b"/ABC3\\OLD\r\n\r\n1-0:1.8.1(00123.456*kWh)\r\n1-0:1.7.0(0000.98*kW)\r\n0-1:24.1.0(3)\r\n"
    b"0-1:24.3.0(121030140000)(00)(60)(1)(0-1:24.2.1)(m3)\r\n(00024.123)\r\n"
)
_BELGIAN = (
    b"FLU5\\A\r\n\r\n0-0:96.1.4(50217)\r\n0-0:1.0.0(261123120000W)\r\n1-0:1.4.0(02.351*kW)\r\n"
    b"1-0:1.6.0(261109134558W)(02.589*kW)\r\n0-0:98.1.0(1)(1-0:1.6.0)(1-0:1.6.0)(261101000000W)"
    b"(261023192538S)(03.695*kW)\r\n0-0:96.13.0(\xff\xdb\x08)\r\n0-2:24.2.3(261123115500W)(00872.234*m3)\r\n"
)


def seeds() -> list[bytes]:
    real = SimulatedMeter(Household(1), _START).bytes_at(_START)
    text = real[1:-7]  # without what a right checksum adds
    pieces = 6 * IN_PIECES
    inputs = [
        (0, real),
        (TWICE, real),
        (0, real[300:] + real[:300] + b"\r\n" + real),
        (TWICE | pieces, _OLD),
        (TWICE, _OLD + b"!\r\n"),
        (WITH_CHECKSUM, text),
        (WITH_CHECKSUM, _BELGIAN),
        (WITH_TAG | pieces, real),
        (WITH_TAG | TWICE, real),
        (WITH_TAG | WITHOUT_KEY, real),
        (WITH_TAG | WITH_CHECKSUM | pieces, text),
        (pieces, VECTOR + real + VECTOR[:200] + VECTOR),
        (WITHOUT_KEY, VECTOR),
        (0, b"/XYZ5" + b"7" * 9000),
    ]
    return [bytes([how]) + rest for how, rest in inputs]


if __name__ == "__main__":
    for number, seed in enumerate(seeds()):
        (Path(sys.argv[1]) / f"seed-{number:02d}").write_bytes(seed)
