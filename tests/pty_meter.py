"""A meter at a pty that only speaks at its own speed, as a real line makes it appear."""

from __future__ import annotations

import os
import random
import termios
import threading
import tty
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

_SPEEDS = {termios.B115200: "115200 8N1", termios.B9600: "9600 7E1", termios.B2400: "2400 8E1"}


def nonsense(length: int, seed: int = 1) -> bytes:
    """What arrives at the wrong speed: any bytes, most of them no text."""
    return random.Random(seed).randbytes(length)


class PtyMeter:
    """Sends `telegram(number)` all the time under the name `link`; nonsense to who listens at another speed.

    `setting` is the only speed at which it is understood; None: at any.
    """

    def __init__(
        self,
        link: Path,
        telegram: Callable[[int], bytes],
        setting: str | None = None,
        pause_s: float = 0.05,
    ) -> None:
        self.asked: list[str] = []
        self._telegram = telegram
        self.setting = setting
        self._pause_s = pause_s
        self._near, self._far = os.openpty()
        tty.setraw(self._far)
        os.set_blocking(self._near, False)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._speak)
        link.symlink_to(os.ttyname(self._far))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        os.close(self._near)
        os.close(self._far)

    def _speak(self) -> None:
        number = 0
        while not self._stop.wait(self._pause_s):
            number += 1
            asked = _SPEEDS.get(termios.tcgetattr(self._near)[5], "another")
            if asked not in self.asked[-1:]:
                self.asked.append(asked)
            said = self._telegram(number)
            if self.setting is not None and asked != self.setting:
                said = nonsense(len(said), number)
            with suppress(BlockingIOError):  # nobody reads
                os.write(self._near, said)
