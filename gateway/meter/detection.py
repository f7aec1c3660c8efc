"""Detection: which of the two serial settings the meter uses, found by listening.

At the wrong speed bytes come that begin no telegram. So many of them, and the next setting is tried;
a good telegram settles the matter, until nonsense comes for long again or the line falls silent. No bit is
ever masked: an encrypted telegram needs all eight.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.errors import WrongSpeed
from gateway.p1.checksum import START
from gateway.p1.cipher import HEADER
from gateway.p1.framer import MAX_FRAME


@dataclass(frozen=True, slots=True)
class _Setting:
    """`patience` is how many bytes may come before the first beginning of a telegram."""

    written: str
    patience: int


# Tuned in at any moment, a meter that encrypts sends up to a telegram of seeming nonsense (some 1500 bytes)
# before the next one begins. At 9600 no meter encrypts; and there a fast meter's seconds give few bytes.
_SETTINGS = (_Setting("115200 8N1", 3072), _Setting("9600 7E1", 384))
# A meter with a very long message is still text: its next telegram is waited for.
_TEXT_PATIENCE = MAX_FRAME
TEXT_SHARE = 0.98
# A settled setting is left only when this many times as much nonsense comes.
_SETTLED_FACTOR = 4
# A telegram's whole first line and one byte of the next, or the header of an encrypted one with the letters
# of its manufacturer. Less than that stands in nonsense by chance.
BEGINNING = re.compile(
    rb"%b[ -~]{0,96}\r?\n[\r\n0-9]|(?=..[A-Za-z]{3})%b" % (START.pattern, HEADER.pattern), re.DOTALL
)
_LONGEST_BEGINNING = 4 + 96 + 3
NOT_TEXT = bytes({*range(256)} - {*range(0x20, 0x7F), 0x0A, 0x0D})


class Detection:
    """Listens along. `setting` is the one to open the port with."""

    def __init__(self) -> None:
        self._tried = 0
        self._settled = False
        self._bytes = self._text = 0  # since the last beginning of a telegram
        self._tail = b""

    @property
    def setting(self) -> str:
        return _SETTINGS[self._tried].written

    def opened(self) -> None:
        """The port was opened with `setting`."""
        self._forget()

    def settle(self) -> None:
        """A telegram was understood: this setting is right."""
        self._settled = True
        self._forget()

    def begin_again(self) -> None:
        """No telegram came for long: the meter may be another one now."""
        self._tried = 0 if self._settled else (self._tried + 1) % len(_SETTINGS)
        self._settled = False

    def hear(self, chunk: bytes) -> None:
        """Judge what came. Raises WrongSpeed: open the port anew with `setting`."""
        self._listen(chunk)
        if self._is_nonsense():
            wrong = self.setting
            self._tried = (self._tried + 1) % len(_SETTINGS)
            self._settled = False
            raise WrongSpeed(wrong, self.setting)

    def _listen(self, chunk: bytes) -> None:
        """Count the bytes since the last beginning; it may be divided over two chunks."""
        whole = self._tail + chunk
        self._tail = whole[-(_LONGEST_BEGINNING - 1) :]
        self._bytes += len(chunk)
        self._text += len(chunk.translate(None, NOT_TEXT))
        if BEGINNING.search(whole):
            self._bytes = self._text = 0
            self._tail = b""

    def _is_nonsense(self) -> bool:
        patience = _SETTINGS[self._tried].patience
        if self._text >= TEXT_SHARE * self._bytes:
            patience = _TEXT_PATIENCE
        return self._bytes > patience * (_SETTLED_FACTOR if self._settled else 1)

    def _forget(self) -> None:
        self._bytes = self._text = 0
        self._tail = b""
