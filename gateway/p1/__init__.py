"""Bytes of the P1 port to readings. Pure: no I/O, no clock, no logging.

framer, checksum, cipher   bytes to frames: one telegram each, its checksum or tag verified
telegram                   a frame's lines: codes and their bracketed values
meaning, devices           lines to a reading, by the table in obis; country: whose meter it is
values, units, times       what stands in one pair of brackets
template                   the short way, for telegrams that keep their shape
"""

from gateway.p1.cipher import (
    Decryptor,
    EncryptedFrame,
    MeterKey,
    encrypt,
)
from gateway.p1.framer import Frame, Framer
from gateway.p1.meaning import decode
from gateway.p1.reading import MBusReading, Phase, Reading
from gateway.p1.template import Decoder
from gateway.p1.times import MeterClock

__all__ = [
    "Decoder",
    "Decryptor",
    "EncryptedFrame",
    "Frame",
    "Framer",
    "MBusReading",
    "MeterClock",
    "MeterKey",
    "Phase",
    "Reading",
    "decode",
    "encrypt",
]
