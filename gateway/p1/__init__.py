"""Bytes of the P1 port to readings: frame, telegram, reading. Pure: no I/O, no clock, no logging."""

from gateway.p1.framer import Frame, Framer
from gateway.p1.reading import MBusReading, Phase, Reading, decode
from gateway.p1.template import Decoder

__all__ = ["Decoder", "Frame", "Framer", "MBusReading", "Phase", "Reading", "decode"]
