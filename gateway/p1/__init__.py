"""Bytes of the P1 port to readings: frame, telegram, reading. Pure: no I/O, no clock, no logging."""

from gateway.p1.cipher import Decryptor, EncryptedFrame, MeterKey, encrypt
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
