"""Bytes of the P1 port to readings. Pure: no I/O, no clock, no logging.

framer, checksum, cipher   bytes to frames: one telegram each, its checksum or tag verified
telegram                   a frame's lines: codes and their bracketed values
decoder                    lines to a reading, by a plan: compiled once, for all telegrams of a shape
forms, devices             what a line says, by its form in obis; what the lines of an M-Bus device say
values, units, times       what stands in one pair of brackets
country                    whose meter it is
"""

from gateway.p1.cipher import (
    Decryptor,
    EncryptedFrame,
    MeterKey,
    encrypt,
)
from gateway.p1.country import TARIFF_NAMES
from gateway.p1.decoder import Decoder, decode
from gateway.p1.framer import Frame, Framer
from gateway.p1.reading import MBusReading, Phase, Reading
from gateway.p1.times import MeterClock

__all__ = [
    "TARIFF_NAMES",
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
