"""Rolled-back files: whatever was put back or removed, something that stays says so, until it is accepted.

The attacker has older copies of every file of the gateway, and puts some of them back. Only whoever puts
back all that has changed is not found.
"""

from __future__ import annotations

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
from gateway.errors import BrokerUnavailable, LedgerBroken, RolledBack
from gateway.folder.data_folder import checkpoint_places, open_folder
from gateway.folder.rollback import Place, RollbackCheck, WitnessPlace
from gateway.history import SealedHistory
from gateway.history.keys.keyring import COST_IN_TESTS
from gateway.history.upkeep.retention import Retention
from gateway.history.upkeep.salvage import salvage
from tests.history.recording import record, tamper
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
        self.paths = open_folder(self.config)
        self.history = SealedHistory(
            self.paths.history_path,
            self.paths.keys,
            ZONE,
            COST_IN_TESTS,
        )
        self.ledger = self._ledger()
        places = checkpoint_places(self.paths, self.config, self.ledger, self.history)
        self.check = RollbackCheck(
            self.ledger,
            self.history,
            {name: self.wrap(place) for name, place in places.items()},
            self.wrap(WitnessPlace(self.broker, self.paths.secret)),
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

    def fault(self) -> LedgerBroken | None:
        return self.ledger.fault

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
            assert again.fault() is not None, subset
            assert again.valid == [], subset
            with pytest.raises(LedgerBroken):
                again.ledger.append(Event.SHARING_STARTED)
            assert Home(root, Clock(home.clock())).fault() is not None, subset  # remembered
        else:
            assert set(again.valid) <= allowed, subset
        shutil.rmtree(root)


# --- remembered, and accepted ------------------------------------------------------------------------


@pytest.fixture
def found(home: Home, tmp_path: Path) -> Home:
    """The ledger was put back with its marker: what was withdrawn would be valid again."""
    before, _, _ = acted(home, "withdraw", tmp_path)
    for name in ("data/ledger.jsonl", "data/hidden/ledger-newest"):
        put_back(home.root, name, before)
    home.start()
    assert isinstance(home.ledger.fault, RolledBack)
    assert home.ledger.fault.parts == ("ledger",)
    return home


@pytest.mark.parametrize("gone", CHANGED)
def test_it_is_remembered_whatever_place_is_removed_next(found: Home, gone: str) -> None:
    for _ in range(2):
        (found.root / gone).unlink(missing_ok=True)
        found.start()
        assert found.fault() is not None
        assert found.valid == []


def test_accepted_the_consents_have_ended_the_stop_switch_is_on_and_nothing_is_found_any_more(
    found: Home,
) -> None:
    found.ledger.accept("page")
    for _ in range(3):
        found.later(4000)
        found.start()
        assert found.fault() is None
    assert {consent.state for consent in found.ledger.consents()} == {State.WITHDRAWN}
    assert found.ledger.sharing_stopped
    found.ledger.append(Event.SHARING_STARTED, method="page")
    found.ledger.append(Event.REQUESTED, "c3", terms=terms().as_json(), method="page")
    found.ledger.append(Event.GIVEN, "c3", method="page")
    found.start()
    assert found.valid == ["c3"]


def test_what_was_accepted_cannot_be_undone_by_the_files_from_before(home: Home, tmp_path: Path) -> None:
    before, after, changed = acted(home, "withdraw", tmp_path)
    for name in ("data/ledger.jsonl", "data/hidden/ledger-newest"):
        put_back(home.root, name, before)
    home.start()
    home.ledger.accept("page")
    home.tick()
    for older in (before, after):
        for subset in subsets(changed):
            if "data/ledger.jsonl" in subset:
                root = tmp_path / "now"
                shutil.copytree(home.root, root)
                for name in subset:
                    put_back(root, name, older)
                again = Home(root)
                assert again.fault() is not None, subset
                assert again.valid == []
                shutil.rmtree(root)


def test_a_ledger_that_was_altered_is_accepted_and_another_one_begun(home: Home) -> None:
    raw = home.paths.ledger.read_bytes()
    home.paths.ledger.write_bytes(raw[:-200] + raw[-100:])
    home.start()
    assert home.valid == []
    assert isinstance(home.ledger.fault, LedgerBroken)
    home.ledger.accept("command")
    for _ in range(2):
        home.tick()
        home.start()
        assert home.fault() is None
        assert home.ledger.consents() == []
        assert home.ledger.sharing_stopped


def test_a_history_that_was_put_back_and_accepted_keeps_the_consents(home: Home, tmp_path: Path) -> None:
    before, _, _ = acted(home, "record", tmp_path)
    put_back(home.root, "data/history.db", before)
    home.start()
    assert home.fault() is not None
    assert home.history.older_copy() is not None
    home.ledger.accept("page")
    home.tick()
    home.start()
    assert home.fault() is None
    assert home.history.older_copy() is None
    home.ledger.append(Event.SHARING_STARTED, method="page")
    assert set(home.valid) == {"c1", "c2"}


# --- places that come within reach later -----------------------------------------------------------


def everything_but(home: Home, kept: str, before: Path) -> None:
    for name in CHANGED:
        if name != kept:
            put_back(home.root, name, before)


def test_a_broker_that_answers_later_says_so_then(home: Home, tmp_path: Path) -> None:
    before, _, _ = acted(home, "withdraw", tmp_path)
    everything_but(home, "broker.json", before)
    home.broker.down = True
    home.start()
    assert home.fault() is None  # nobody is there who could say
    home.broker.down = False
    home.later(61)
    assert isinstance(home.ledger.fault, RolledBack)
    assert home.valid == []


def test_a_stick_that_is_plugged_in_later_says_so_then(home: Home, tmp_path: Path) -> None:
    before, _, _ = acted(home, "withdraw", tmp_path)
    stick = "stick/device.key.checkpoint"
    away = (home.root / stick).read_bytes()
    everything_but(home, stick, before)
    (home.root / stick).unlink()
    home.start()
    assert home.fault() is None
    (home.root / stick).write_bytes(away)
    home.tick()
    assert isinstance(home.ledger.fault, RolledBack)


def test_an_older_file_of_the_broker_alone_is_found_once_the_newer_was_surely_on_its_disk(home: Home) -> None:
    older = home.broker.path.read_text()
    withdraw(home)
    home.later(120)
    home.later(3700)  # it was read back an hour later
    newer = home.broker.path.read_text()
    home.broker.path.write_text(older)
    home.start()
    assert home.fault() is not None
    assert "broker" in str(home.ledger.fault)
    assert newer != older


def test_a_broker_that_lost_what_it_took_just_now_is_no_rollback(home: Home) -> None:
    older = home.broker.path.read_text()
    withdraw(home)
    home.later(120)
    home.broker.path.write_text(older)  # it does not sync its file: the power was cut
    home.start()
    assert home.fault() is None


# --- no false alarm -------------------------------------------------------------------------------------


class Cut(BaseException):
    """The power is gone."""


class CutPlace:
    """A place whose disk loses power at one of all writes: before it, or after it."""

    def __init__(self, place: Place, power: Power) -> None:
        self.place, self.power = place, power

    def load(self) -> bytes | None:
        return self.place.load()

    def save(self, plain: bytes) -> None:
        self.power.use()
        self.place.save(plain)
        self.power.use()


class Power:
    def __init__(self) -> None:
        self.left: int | None = None

    def use(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Cut


@pytest.mark.parametrize("act", [*ACTS, "grant", "accept"])
def test_a_cut_between_any_two_writes_is_no_rollback(home: Home, tmp_path: Path, act: str) -> None:
    if act == "accept":
        home.ledger.close(["ledger"])
        home.later(60)
    power, cuts, whole = Power(), 0, False
    while not whole:
        root = tmp_path / "cut"
        shutil.copytree(home.root, root)
        again = Home(root, Clock(home.clock()))
        again.wrap = lambda place: CutPlace(place, power)
        again.start()
        power.left = cuts
        with suppress(Cut):
            if act == "grant":
                again.ledger.append(Event.REQUESTED, "c3", terms=terms().as_json(), method="page")
                again.tick()
                again.ledger.append(Event.GIVEN, "c3", method="page")
            elif act == "accept":
                again.ledger.accept("page")
            else:
                ACTS[act](again)
            again.later(120)
            whole = True
        power.left = None
        for _ in range(2):
            after = Home(root, Clock(again.clock()))
            if act != "accept":
                assert after.fault() is None, cuts
                assert after.history.older_copy() is None
            elif after.fault() is not None:
                after.ledger.accept("page")
            after.later(4000)
        assert act != "accept" or after.valid == []
        shutil.rmtree(root)
        cuts += 1
    assert cuts > 8


class FullPlace:
    """A place that can be read, and refuses what is written."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def load(self) -> bytes | None:
        return self.place.load()

    def save(self, plain: bytes) -> None:
        raise BrokerUnavailable("there is no room")


@pytest.mark.parametrize("refused", ["file", "device key", "ledger", "database"])
def test_a_place_that_refuses_writes_for_a_while_is_no_rollback(home: Home, refused: str) -> None:
    places = {**home.check._places}
    places[refused] = FullPlace(places[refused])
    check = RollbackCheck(home.ledger, home.history, places, None, lambda: home.seconds)
    check.start()
    for event in (Event.PAUSED, Event.RESUMED, Event.PAUSED):
        home.ledger.append(event, "c2", method="page")
        home.seconds += 4000
        with suppress(BrokerUnavailable):
            check.tick()
    home.start()
    assert home.fault() is None


def test_what_the_retention_removes_to_the_last_is_no_rollback(home: Home) -> None:
    kept = Retention(trace_days=1, profile_months=1)
    today = (NOON + timedelta(days=100)).date()
    assert home.history.keep(kept, today, int(NOON.timestamp()) + 8_640_000, 50)
    assert home.history.extent().data_keys == {}
    for _ in range(2):
        home.later(4000)
        home.start()
        assert home.fault() is None


def test_a_damaged_database_whose_newest_keys_were_lost_is_told_and_can_be_accepted(home: Home) -> None:
    """It cannot be told from an older copy that somebody damaged."""
    tamper(home.paths.history_path, "DELETE FROM data_key WHERE id > 4")
    salvage(home.paths.history_path, NOON)
    home.start()
    assert home.fault() is not None
    home.ledger.accept("page")
    for _ in range(2):
        home.later(4000)
        home.start()
        assert home.fault() is None
        assert [consent.state for consent in home.ledger.consents()] == [State.GIVEN, State.GIVEN]


def test_a_damaged_database_of_which_all_was_salvaged_is_no_rollback(home: Home) -> None:
    salvage(home.paths.history_path, NOON)
    for _ in range(2):
        home.start()
        assert home.fault() is None


def test_a_renewal_of_the_keys_is_no_rollback(home: Home) -> None:
    home.history.renew(NUMBER, PASSWORD, NOON.timestamp())
    home.later(4000)
    home.start()
    assert home.fault() is None
