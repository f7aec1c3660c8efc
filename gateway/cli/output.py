"""What the commands print, whoever prints it: always printable, and to nobody once nobody reads it."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from gateway.printable import one_line, printable

HUNG_UP = 128 + signal.SIGPIPE
"""The exit status when who read the output has hung up, as a shell tells it of any program."""


class PrintableStream:
    """A text stream that lets no control character through. `terminal` is for our own colours and bars."""

    def __init__(self, terminal: TextIO) -> None:
        self.terminal = terminal

    def write(self, text: str) -> int:
        self.terminal.write(printable(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.terminal, name)


def terminal(stream: TextIO) -> TextIO:
    """The stream itself, for control characters of ours: nothing foreign may be written to it."""
    return stream.terminal if isinstance(stream, PrintableStream) else stream


@contextmanager
def printable_output() -> Iterator[None]:
    """While a command runs, whatever is written to stdout and stderr is made printable."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, PrintableStream(_able(stream))) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _able(stream: TextIO) -> TextIO:
    # Click would go round an ASCII stream to the bytes below it, and so round us.
    if getattr(stream, "encoding", None) in ("ascii", "ANSI_X3.4-1968", "US-ASCII", "us-ascii"):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="backslashreplace")
    return stream


def drop_unread() -> None:
    """What nobody reads any more goes nowhere: else Python complains of it at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


class OneLine(logging.Formatter):
    """A record is one line of the journal; what belongs to it besides, as a traceback, is set in."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = one_line(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        return "\n".join("  " + one_line(line) for line in super().formatException(ei).splitlines())
