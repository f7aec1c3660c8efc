"""What the gateway's recorder writes in its first days, told step by step on standard error.

Run by `tests.crash` under strace; each line is told before or after what it speaks of is on disk:

    STAGE name     what is done from here on         AT time        this reading is taken now
    ROWS [...]     these profile rows are on disk    CLAIMED        the history has an owner
    CONSENT event  the consent's line of it is on disk
    REMOVING time  rows that ended before, and the trace so far, may go
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from gateway.clock import GatewayClock
from gateway.config import Config, HistoryConfig
from gateway.consent import Ledger
from gateway.consent.ledger import Event
from gateway.folder.data_folder import checkpoint_places, open_folder, open_ledger
from gateway.folder.rollback import RollbackCheck
from gateway.history import Retention, SealedHistory, open_keys
from gateway.history.keys.keyring import COST_IN_TESTS
from gateway.history.recording.writer import Batch, SealedWriter
from gateway.history.records.periods import midnight
from gateway.p1 import Reading
from gateway.simulator import Household, SimulatedMeter
from tests.made_up import NOON, PASSWORD, ZONE, local, terms

FLUSH = timedelta(seconds=60)
START = local("2026-06-10 23:20")
STEP = timedelta(seconds=10)
SEED = 4


def meter() -> SimulatedMeter:
    return SimulatedMeter(Household(SEED), START - timedelta(days=3))


def key_path(folder: Path) -> Path:
    return folder / "stick" / "device.key"


def history_path(folder: Path) -> Path:
    return folder / "gateway" / "history.db"


def open_history(folder: Path) -> SealedHistory:
    keys = open_keys(key_path(folder), history_path(folder))
    return SealedHistory(history_path(folder), keys, ZONE, COST_IN_TESTS)


def tell(*words: object) -> None:
    os.write(2, (" ".join(map(str, words)) + "\n").encode())


def readings(first: datetime, last: datetime) -> Iterator[Reading]:
    simulated = meter()
    at = first
    while at < last:
        yield simulated.reading_at(at)
        at += STEP


def record(history: SealedHistory, first: datetime, last: datetime) -> None:
    """As the daemon does, but for the thread: each batch is written before the next reading is taken."""
    with closing(history.open_writer()) as writer:

        def submit(batch: Batch) -> None:
            _write(writer, batch)

        recorder = history.recorder(submit, FLUSH)
        for reading in readings(first, last):
            tell("AT", int(reading.at.timestamp()))
            recorder.record(reading)


def _write(writer: SealedWriter, batch: Batch) -> None:
    writer.write(batch)
    rows = [[row.commodity, row.period.value, int(row.ends_at.timestamp())] for row in batch.rows]
    if rows:
        tell("ROWS", json.dumps(rows, separators=(",", ":")))


def first_start(folder: Path) -> None:
    open_history(folder).claim(PASSWORD)
    tell("CLAIMED")


def evening(folder: Path) -> None:
    """Forty minutes, and a midnight with new data keys."""
    record(open_history(folder), START, START + timedelta(minutes=50))


def after_a_restart(folder: Path) -> None:
    record(open_history(folder), START + timedelta(minutes=52), START + timedelta(minutes=80))


def renewal(folder: Path) -> None:
    history = open_history(folder)
    history.renew(meter().number, PASSWORD, START.timestamp() + 400 * 86_400)


def after_the_renewal(folder: Path) -> None:
    record(open_history(folder), START + timedelta(minutes=81), START + timedelta(minutes=115))


def open_sharing(folder: Path) -> tuple[Ledger, RollbackCheck]:
    """The ledger and the check of its files, as a start of the daemon opens them."""
    places = HistoryConfig(data_dir=history_path(folder).parent, device_key=key_path(folder))
    config = replace(Config(), history=places)
    history, paths = open_history(folder), open_folder(config)
    ledger = open_ledger(paths, GatewayClock(system=lambda: NOON))
    check = RollbackCheck(ledger, history, checkpoint_places(paths, config, ledger, history))
    check.start()
    return ledger, check


def sharing(folder: Path) -> None:
    """A consent is given and withdrawn; the checkpoints follow each line."""
    ledger, check = open_sharing(folder)
    check.tick()
    ledger.append(Event.REQUESTED, "c1", terms=terms().as_json(), method="page")
    for event in (Event.GIVEN, Event.WITHDRAWN, Event.CUT_OFF):
        ledger.append(event, "c1")
        check.tick()
        tell("CONSENT", event.value.replace(" ", "-"))


def password(folder: Path) -> None:
    history = open_history(folder)
    history.change_password(meter().number, PASSWORD, PASSWORD)


def retention(folder: Path) -> None:
    """Two days before have been recorded by now: of the first all goes, of the second the trace."""
    history = open_history(folder)
    second = START.astimezone(ZONE).date() + timedelta(days=1)
    kept = Retention(trace_days=1, contract_start=second)
    tell("REMOVING", int(midnight(second, ZONE).timestamp()))
    while history.keep(kept, second + timedelta(days=5), int(START.timestamp()) + 5 * 86_400, at_most=1):
        pass


def after_the_retention(folder: Path) -> None:
    record(open_history(folder), START + timedelta(minutes=116), START + timedelta(minutes=135))


STAGES: tuple[Callable[[Path], None], ...] = (
    first_start,
    evening,
    after_a_restart,
    renewal,
    after_the_renewal,
    sharing,
    password,
    retention,
    after_the_retention,
)


def main(folder: Path) -> None:
    (folder / "gateway").mkdir(mode=0o700)
    for stage in STAGES:
        tell("STAGE", stage.__name__)
        stage(folder)
    tell("STAGE end")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
