"""Watch: whether a line that is open delivers telegrams.

Silence is reported after half a minute, and the line is opened anew after a minute: a network reader may have
vanished without a word, a USB port may be stuck. Bytes that are no telegram are treated likewise. Each
further opening is waited for twice as long, up to a quarter of an hour, until a whole telegram arrives.

Only the time spent in reading counts: what a slow disk takes is not the meter's silence.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.errors import (
    LineSilent,
    MalformedTelegram,
    MeterUnavailable,
    NoTelegram,
    TelegramCut,
    TelegramError,
    TelegramTooLong,
)
from gateway.p1 import Frame

# These also arise from nonsense; the other errors need a whole telegram.
_NOT_WHOLE = (TelegramCut, TelegramTooLong, MalformedTelegram)


@dataclass(frozen=True, slots=True)
class Patience:
    """In seconds. `report`, `reopen` and `longest` are since the last telegram.

    `pause` is longer than any meter's between two telegrams: bytes that came within it still come.
    """

    report: float = 30.0
    reopen: float = 60.0
    longest: float = 900.0
    pause: float = 12.0


class Readable(Protocol):
    def read(self) -> bytes | None: ...


class Watch:
    """Watches one line over all its openings.

    `advice` is what the owner can do about silence. `on_reopening` is called before the line is opened anew.
    `clock` counts seconds (`time.monotonic`).
    """

    def __init__(
        self,
        advice: str = "check the line",
        on_reopening: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        patience: Patience | None = None,
    ) -> None:
        self._advice = advice
        self._on_reopening = on_reopening
        self._clock = clock
        self._patience = patience or Patience()
        self._reopened = 0  # in a row, for want of a telegram
        self._reported: type[MeterUnavailable] | None = None  # since the last telegram
        self.opened()

    def opened(self) -> None:
        """The line was opened."""
        self._without_telegram_s = self._without_bytes_s = 0.0

    def lost(self) -> None:
        """Something else was reported: what comes after it is reported again."""
        self._reported = None

    def read(self, source: Readable) -> bytes | None:
        """What the source delivers."""
        began = self._clock()
        chunk = source.read()
        spent = self._clock() - began
        self._without_telegram_s += spent
        self._without_bytes_s = 0.0 if chunk else self._without_bytes_s + spent
        return chunk

    def found(self, found: Frame | TelegramError) -> None:
        """This was in what was read."""
        if not isinstance(found, _NOT_WHOLE):
            self._without_telegram_s = 0.0
            self._reported = None
            self._reopened = 0

    def fault(self) -> MeterUnavailable | None:
        """What to report now. Raises it, once the line is to be opened anew."""
        silent = self._without_bytes_s >= min(self._patience.pause, self._patience.report)
        if self._without_telegram_s >= self._until_reopened():
            self._reopened += 1
            self._on_reopening()
            raise self._named(silent, reopened=True)
        since = self._without_bytes_s if silent else self._without_telegram_s
        fault = self._named(silent, reopened=False)
        if since < self._patience.report or type(fault) is self._reported:
            return None
        self._reported = type(fault)
        return fault

    def _until_reopened(self) -> float:
        # The exponent is bounded: a line may stay silent for years.
        return min(self._patience.reopen * 2.0 ** min(self._reopened, 16), self._patience.longest)

    def _named(self, silent: bool, *, reopened: bool) -> MeterUnavailable:
        if silent:
            return LineSilent(round(self._without_bytes_s), self._advice, reopened=reopened)
        return NoTelegram(round(self._without_telegram_s), reopened=reopened)
