"""Listening: a sample of what a meter sends, for the diagnosis, and the speeds at which to look for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from gateway.config import AUTO, SERIAL_SETTINGS
from gateway.meter.diagnosis import Expected, has_beginning, is_enough
from gateway.meter.other_languages import name_of
from gateway.meter.source import is_serial, open_source

# At the last one no P1 meter speaks: it is the speed of many that speak DLMS.
_SPEEDS = (*(setting for setting in SERIAL_SETTINGS if setting != AUTO), "2400 8E1")
_LONGEST_SAMPLE = 2 * 1024 * 1024
_LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """`setting` is the port's when the bytes came; None where the line is no serial port's."""

    sent: bytes
    setting: str | None


class Listener:
    """Listens on one address.

    `clock` counts seconds (`time.monotonic`); `told` is called about once a second with the setting, the
    seconds and the bytes so far.
    """

    def __init__(
        self,
        expected: Expected,
        seconds: float,
        clock: Callable[[], float],
        told: Callable[[str, int, int], None],
    ) -> None:
        self._expected = expected
        self._seconds = seconds
        self._clock = clock
        self._told = told

    def listen(self, address: str, serial: str) -> Sample:
        """What comes; from a serial port at the first of its settings at which it makes sense.

        `serial` is the setting to begin with, or "auto". When none makes sense it is the first one's. Raises
        MeterUnavailable, and ConfigError for an address that can never be opened.
        """
        if not is_serial(address):
            return Sample(self._heard(address, None), None)
        speeds = _SPEEDS if serial == AUTO else (serial, *(one for one in _SPEEDS if one != serial))
        first = None
        for setting in speeds:
            sent = self._heard(address, setting)
            first = first or Sample(sent, setting)
            # Silence is silence at any speed.
            if not sent or has_beginning(sent) or name_of(sent):
                return Sample(sent, setting)
        return first or Sample(b"", None)

    def _heard(self, address: str, setting: str | None) -> bytes:
        heard = bytearray()
        with closing(open_source(address, setting) if setting else open_source(address)) as source:
            began = looked = self._clock()
            while (now := self._clock()) - began < self._seconds and len(heard) < _LONGEST_SAMPLE:
                chunk = source.read()
                if chunk is None:
                    break
                heard += chunk
                if now - looked >= _LOOK_EVERY_S:
                    looked = now
                    self._told(setting or address, int(now - began), len(heard))
                    if is_enough(bytes(heard), self._expected):
                        break
        return bytes(heard)
