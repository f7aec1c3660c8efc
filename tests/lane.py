"""The fast lane: the tests that need no other program, no network and no waiting, and are held to it.

`tests/run fast` runs what stands in FAST. Whatever opens a socket or starts a process there fails, by an
audit hook of the interpreter: no test slips into the lane that does not belong.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent
FAST = (
    "p1", "consent", "costs", "operations", "sharing/formats", "sharing/test_ways_of_ones_own.py",
    "history/test_ceilings.py", "history/test_limits.py", "history/test_month_peaks.py",
    "history/test_profile.py", "history/test_trace.py", "meter/test_diagnosis.py", "test_clock.py",
    "test_config.py", "test_live.py", "test_quantities.py",
)  # fmt: skip
ELSEWHERE = (
    # Processes, other people's readers, or seconds each: they are in the whole run.
    "test_another_quantity_and_commodity_are_rows_and_nothing_else",
    "test_an_independent_reader_finds_the_same",
    "test_every_line_of_a_telegram_is_found_again",
    "test_every_second_of_a_noisy_home_is_kept_as_it_was",
    "test_a_blocks_size_does_not_follow_from_what_the_meter_says",
)
_FORBIDDEN = frozenset(
    ["socket.connect", "socket.bind", "subprocess.Popen", "os.fork", "os.exec", "os.posix_spawn", "os.system"]
)


def is_fast(path: Path, name: str) -> bool:
    """Whether a test belongs to the lane."""
    within = path.relative_to(ROOT).as_posix()
    return name.partition("[")[0] not in ELSEWHERE and any(
        within == one or within.startswith(f"{one}/") for one in FAST
    )


class Guard:
    """Forbids sockets and processes while a test runs."""

    def __init__(self) -> None:
        self.watching = False
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.watching and event in _FORBIDDEN:
            raise AssertionError(f"{event} has no place in the fast lane")
