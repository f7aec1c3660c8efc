"""Where the bytes come from: a serial port, a TCP line or a capture file.

A source delivers bytes and nothing else; what they mean is p1's to say. A MeterLine finds the port and
its speed by itself, where the configuration leaves it to it; `frames` keeps it open for as long as the
daemon runs, and `watch` notices when an open line delivers nothing. `diagnosis` says what is wrong with what
came, for p1-gateway doctor.
"""

from gateway.meter.frames import frames
from gateway.meter.key_file import read_key
from gateway.meter.source import MeterLine, Source, open_source

__all__ = ["MeterLine", "Source", "frames", "open_source", "read_key"]
