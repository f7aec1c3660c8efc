"""Rolled-back files: whatever was put back or removed, something that stays says so, until it is accepted.

The attacker has older copies of every file of the gateway, and puts some of them back. Only whoever puts
back all that has changed is not found.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from pathlib import Path

import pytest

from gateway.config import Config, HistoryConfig
from gateway.consent import Ledger, State
from gateway.consent.ledger import Event
from gateway.data_folder import DataFolder, checkpoint_places, open_folder, open_ledger
from gateway.errors import BrokerUnavailable, ConsentError, LedgerBroken, RolledBack
from gateway.history import SealedHistory
from gateway.history.keeping.retention import Retention
from gateway.history.keys.keyring import COST_IN_TESTS
from gateway.rollback import BrokerPlace, Place, RollbackCheck
from tests.history.recording import record
from tests.history.renewing import two_meters
from tests.made_up import NOON, NUMBER, PASSWORD, ZONE, Clock, terms

SIX_HOURS = timedelta(hours=6)
CHANGED = (
    "data/ledger.jsonl",
    "data/hidden/ledger-newest",
    "data/history.db",
    "data/hidden/newest-data-keys",
    "data/hidden/checkpoint",
    "data/hidden/broker",
    "broker.json",
    "stick/device.key.checkpoint",
)


OF_DATABASE = ("data/hidden/checkpoint", "broker.json", "stick/device.key.checkpoint")


class NoteInFile:
    """The broker, as far as it remembers a note, in a file of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.down = False

    def note(self) -> str | None:
        if self.down:
            raise BrokerUnavailable("the broker does not answer")
        return self.path.read_text() if self.path.exists() else None

    def put_note(self, text: str) -> None:
        if self.down:
            raise BrokerUnavailable("the broker does not answer")
        self.path.write_text(text)


class Home:
    """A gateway in a folder, without its threads. `start` is a start of the daemon."""

    def __init__(self, root: Path, clock: Clock | None = None) -> None:
        self.root = root
        self.clock = clock or Clock()
        self.seconds = 0.0
        self.broker = NoteInFile(root / "broker.json")
        (root / "stick").mkdir(exist_ok=True)
        folder = HistoryConfig(data_dir=root / "data", device_key=root / "stick" / "device.key")
        self.config = replace(Config(), history=folder)
        self.wrap: Callable[[Place], Place] = lambda place: place
        self.start()

    def start(self) -> None:
        self.paths, device_key = open_folder(self.config)
        self.history = SealedHistory(self.paths.history, device_key, ZONE, COST_IN_TESTS)
        self.ledger = self._ledger()
        places = checkpoint_places(self.paths, self.config, self.ledger, self.history)
        self.check = RollbackCheck(
            self.ledger,
            self.history,
            {name: self.wrap(place) for name, place in places.items()},
            self.wrap(BrokerPlace(self.broker, self.paths.secret)),
            lambda: self.seconds,
        )
        self.check.start()
        self.tick()

    def _ledger(self) -> Ledger:
        newest = self.wrap(self.paths.hidden("ledger-newest"))
        return Ledger(self.paths.ledger, self.paths.secret, newest, self.clock)

    def tick(self) -> None:
        self.check.tick()
        self.check.tick()  # the line that a checkpoint left in the ledger is counted, too

    def later(self, seconds: float) -> None:
        self.seconds += seconds
        self.tick()

    def live(self) -> None:
        """A consent, and three days of recording."""
        self.history.claim(PASSWORD)
        self.paths.hidden("broker").save(b"the broker's passwords")
        record(self.history, two_meters(), SIX_HOURS)
        for consent_id in ("c1", "c2"):
            self.ledger.append(Event.REQUESTED, consent_id, terms=terms().as_json(), method="page")
            self.ledger.append(Event.GIVEN, consent_id, method="page")
        self.later(120)

    @property
    def valid(self) -> list[str]:
        return [consent.id for consent in self.ledger.valid(NOON)]


def withdraw(home: Home) -> None:
    home.ledger.append(Event.WITHDRAWN, "c1", method="page")


def stop(home: Home) -> None:
    home.ledger.append(Event.SHARING_STOPPED, method="button")


def record_a_day(home: Home) -> None:
    home.clock.pass_by(days=1)
    record(home.history, two_meters(3, 3), SIX_HOURS)


def change_the_password(home: Home) -> None:
    home.history.change_password(NUMBER, PASSWORD, "another password")


ACTS = {"withdraw": withdraw, "stop": stop, "record": record_a_day, "password": change_the_password}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "home").mkdir()
    found = Home(tmp_path / "home")
    found.live()
    return found


def contents(root: Path, name: str) -> dict[str, bytes]:
    """A file and what SQLite keeps beside it."""
    folder = (root / name).parent
    return {file.name: file.read_bytes() for file in folder.glob((root / name).name + "*")}


def put_back(root: Path, name: str, older: Path | None) -> None:
    """The older copy of a file; none removes it."""
    path = root / name
    for file in path.parent.glob(path.name + "*"):
        if file.name == path.name or "-" in file.name[len(path.name) :]:
            file.unlink()
    if older is not None:
        shutil.copy(older / name, path)


def subsets(changed: list[str]) -> Iterator[tuple[str, ...]]:
    """All but the empty one and the one that leaves no witness."""
    for size in range(1, len(changed)):
        yield from combinations(changed, size)


def acted(home: Home, act: str, tmp_path: Path) -> tuple[Path, Path, list[str]]:
    """Copies from before an act and after it, and the files that it changed."""
    before, after = tmp_path / "before", tmp_path / "after"
    shutil.copytree(home.root, before)
    ACTS[act](home)
    home.later(120)
    shutil.copytree(home.root, after)
    changed = [name for name in CHANGED if contents(before, name) != contents(after, name)]
    assert len(changed) >= 4
    return before, after, changed


@pytest.mark.parametrize("removed", [False, True], ids=["older", "removed"])
@pytest.mark.parametrize("act", ACTS)
def test_every_subset_of_files_that_is_put_back_is_found_or_undoes_nothing(
    home: Home, tmp_path: Path, act: str, removed: bool
) -> None:
    before, after, changed = acted(home, act, tmp_path)
    allowed = {"withdraw": {"c2"}, "stop": set()}.get(act, {"c1", "c2"})
    assert set(home.valid) == allowed
    for subset in subsets(changed):
        root = tmp_path / "now"
        shutil.copytree(after, root)
        for name in subset:
            put_back(root, name, None if removed else before)
        again = Home(root, Clock(home.clock()))
        # After a withdrawal an older database lacks nothing but what it says of the ledger: to that, the
        # ledger is no witness.
        witnessed = act in ("record", "password") or not {*OF_DATABASE} <= {*subset}
        if "data/ledger.jsonl" in subset or ("data/history.db" in subset and witnessed):
            assert again.ledger.fault is not None, subset
            assert again.valid == [], subset
            with pytest.raises(LedgerBroken):
                again.ledger.append(Event.SHARING_STARTED)
            assert Home(root, Clock(home.clock())).ledger.fault is not None, subset  # remembered
        else:
            assert set(again.valid) <= allowed, subset
        shutil.rmtree(root)
