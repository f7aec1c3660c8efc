# ruff: noqa: T201 - printing is what it is for
"""A simulated week of every dialect, read by dsmr-parser: `python -m tests.simulator.peer_week [DIALECT...]`.

Each telegram at the meter's true period, which takes about an hour for all of them: the tests take
a coarser step. A telegram is accepted when its checksum or tag is right and no line is ignored.
"""

import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from dsmr_parser.exceptions import DecryptionError, InvalidChecksumError, ParseError
from dsmr_parser.parsers import TelegramParser

from gateway.simulator import DEVELOPMENT_KEY, Household, SimulatedMeter
from gateway.simulator.dialects import DIALECTS, Dialect
from tests.p1.test_peers import PEERS

# A week in which summer time ends.
WEEK = datetime(2026, 10, 19, 22, tzinfo=UTC)
DAYS = 7
# What the peer cannot read of real meters either: it takes no blanks, and Wasion sends "TARIFF 1".
IGNORED = {"hu-wasion": frozenset({r"^\d-\d:96\.14\.0.+?\r\n"})}


class Peer:
    """dsmr-parser with the specification of one dialect, and the lines that it ignored."""

    def __init__(self, dialect: Dialect) -> None:
        self.ignored: Counter[str] = Counter()
        self._dialect = dialect
        self._parser = TelegramParser(PEERS[dialect.name])

    def accepts(self, sent: bytes) -> bool:
        """True when it reads the telegram and its time and ignores no line that it should know."""
        before = self.ignored.copy()
        try:
            telegram = self._read(sent)
        except (ParseError, InvalidChecksumError, DecryptionError):
            return False
        known = IGNORED.get(self._dialect.name, frozenset())
        return bool(list(telegram)) and not (self.ignored - before).keys() - known

    def _read(self, sent: bytes) -> Any:
        if not self._dialect.encrypted:
            return self._parser.parse(sent.decode("latin-1"))
        keys = DEVELOPMENT_KEY.encryption.hex(), DEVELOPMENT_KEY.authentication.hex()
        return self._parser.parse(sent.hex(), *keys)


@contextmanager
def listening(peer: Peer) -> Iterator[None]:
    """Note the lines that the peer ignores: it only logs them."""

    class Ignored(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            words = record.getMessage().split(" ")
            peer.ignored[words[4].rstrip(",") if len(words) > 4 else record.getMessage()] += 1

    logger, handler = logging.getLogger("dsmr_parser"), Ignored()
    logger.addHandler(handler)
    propagated, logger.propagate = logger.propagate, False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagated


def week(dialect: Dialect, step: timedelta, seed: int = 1) -> tuple[int, int]:
    """How many telegrams a meter sent in that week, and how many of them the peer accepted."""
    meter = SimulatedMeter(Household(seed), WEEK - timedelta(days=40), dialect)
    peer = Peer(dialect)
    sent = accepted = 0
    with listening(peer):
        at = WEEK
        while at < WEEK + timedelta(days=DAYS):
            sent += 1
            accepted += peer.accepts(meter.bytes_at(at))
            at += step
    return sent, accepted


def main(names: list[str]) -> int:
    refused = 0
    print(f"{'dialect':16}{'sent':>10}{'accepted':>10}{'seconds':>10}")
    for name in names or PEERS:
        began = time.monotonic()
        sent, accepted = week(DIALECTS[name], timedelta(seconds=DIALECTS[name].period_s))
        refused += sent - accepted
        print(f"{name:16}{sent:10}{accepted:10}{time.monotonic() - began:10.0f}", flush=True)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
