"""Where the bytes come from: a serial port, a TCP line or a capture file.

A source delivers bytes and nothing else; what they mean is p1's to say. `frames` keeps one open
for as long as the daemon runs.
"""

from gateway.meter.frames import frames
from gateway.meter.source import Source, open_source

__all__ = ["Source", "frames", "open_source"]
