"""A renewal that is cut, or refused, at every one of its steps."""

from __future__ import annotations

import shutil
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.errors import HistoryError
from gateway.history import (
    FolderLock,
    HiddenFile,
    SealedHistory,
    open_keys,
    settle,
)
from gateway.history.keys.keyring import COST_IN_TESTS, open_with_password
from gateway.history.recording.writer import SealedWriter
from gateway.history.storage.anchor import Anchor
from gateway.history.storage.store import Store
from gateway.history.upkeep import renewal
from tests.history.recording import record, unlocked
from tests.history.renewing import HOUR, NOW, everything, sealed_history, two_meters
from tests.made_up import NUMBER, PASSWORD

FILE_OPERATIONS = ("open", "os.rename", "os.remove")


@pytest.fixture
def recorded(history: SealedHistory) -> SealedHistory:
    record(history, two_meters(), 6 * HOUR)
    return history


class Cut(BaseException):
    """The power is gone: nothing that follows happens either."""


class Power:
    """Counts what touches the disk, and fails at one of these operations, and at all after it."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.done = 0
        self.lasting = True
        self.fault: Callable[[], BaseException] = Cut

    def use(self) -> None:
        if self.left is None:
            return
        self.done += 1
        if self.left == 0:
            if not self.lasting:
                self.left = None
            raise self.fault()
        self.left -= 1

    @contextmanager
    def lasts(self, operations: int) -> Iterator[None]:
        self.left, self.done = operations, 0
        try:
            yield
        finally:
            self.left = None


class CutConnection:
    """A connection to the database whose statements need power; before or after they are carried out."""

    def __init__(self, connection: sqlite3.Connection, power: Power, after: bool) -> None:
        self._connection = connection
        self._power = power
        self._after = after

    def execute(self, *statement: Any) -> Any:
        if not self._after:
            self._power.use()
        found = self._connection.execute(*statement)
        if self._after:
            self._power.use()
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


_power_of_thread = threading.local()


def _audit(event: str, _: tuple[Any, ...]) -> None:
    if event in FILE_OPERATIONS:
        power = getattr(_power_of_thread, "power", None)
        if power is not None:
            power.use()


sys.addaudithook(_audit)


def renew_with(path: Path, device_key: Path, power: Power, after: bool, operations: int) -> str:
    """A renewal while the power lasts; returns the new recovery code."""
    keys = open_keys(device_key, path)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA secure_delete=ON")
    try:
        store = Store(cast(sqlite3.Connection, CutConnection(connection, power, after)))
        household = store.household()
        assert household is not None
        old_key = open_with_password(household, PASSWORD, keys.device_key)
        prepared = renewal.prepare(household, old_key, PASSWORD, keys, COST_IN_TESTS)
        in_use = [keys]
        anchor = Anchor(HiddenFile(path.parent / "hidden" / "x", keys.secret))
        writer = SealedWriter(store, lambda: in_use[-1], anchor)
        _power_of_thread.power = power
        with power.lasts(operations):
            renewal.carry_out(prepared, writer, path.parent, NUMBER, NOW, renewal.silent, in_use.append)
        return prepared.household.recovery_code
    finally:
        _power_of_thread.power = None
        connection.close()


@pytest.mark.parametrize("after", [False, True])
def test_cut_at_any_step_it_opens_with_the_password_and_no_row_is_lost(
    recorded: SealedHistory, path: Path, key_path: Path, tmp_path: Path, after: bool
) -> None:
    before = everything(unlocked(recorded))
    renewed_before = recorded.renewed_at()
    found: set[int | None] = set()
    power, operations, whole = Power(), 0, False
    while not whole:
        folder = tmp_path / f"cut {operations}"
        shutil.copytree(path.parent, folder / "folder")
        shutil.copytree(key_path.parent, folder / "key")
        database, device_key = folder / "folder" / path.name, folder / "key" / key_path.name
        with suppress(Cut):
            renew_with(database, device_key, power, after, operations)
            whole = power.done <= operations
        # A command beside it reads at once; the next start puts it in order.
        assert everything(unlocked(sealed_history(database, device_key)))[0] == before[0]
        lock = FolderLock(database.parent)
        settle(device_key, database)
        lock.release()
        history = sealed_history(database, device_key)
        opened = unlocked(history)
        assert everything(opened) == before
        assert opened.damaged == set()
        assert history.renewed_at() in (renewed_before, NOW)
        assert [file.name for file in device_key.parent.iterdir() if file.suffix != ".new"] == ["device.key"]
        assert (database.parent / "gateway.secret").stat().st_size == 60
        record(history, two_meters(3, 3), 6 * HOUR)
        assert history.verify_content(NUMBER, PASSWORD).findings == ()
        found.add(history.renewed_at())
        shutil.rmtree(folder)
        operations += 1
    assert operations > 25
    assert found == {renewed_before, NOW}


@pytest.mark.parametrize(
    "fault",
    [lambda: OSError(28, "No space left on device"), lambda: sqlite3.OperationalError("disk is full")],
)
def test_a_disk_that_refuses_one_step_leaves_all_as_before_or_renewed(
    recorded: SealedHistory,
    path: Path,
    key_path: Path,
    tmp_path: Path,
    fault: Callable[[], BaseException],
) -> None:
    before = everything(unlocked(recorded))
    power, operations = Power(), 0
    refused: list[str] = []
    power.fault, power.lasting = fault, False
    while operations == 0 or power.done >= operations:
        folder = tmp_path / f"fault {operations}"
        shutil.copytree(path.parent, folder / "folder")
        shutil.copytree(key_path.parent, folder / "key")
        database, device_key = folder / "folder" / path.name, folder / "key" / key_path.name
        code = None
        try:
            code = renew_with(database, device_key, power, False, operations)
        except HistoryError as error:
            refused.append(str(error))
            assert not device_key.with_name("device.key.next").exists()
            assert (database.parent / "gateway.secret").stat().st_size == 60
        settle(device_key, database)
        history = sealed_history(database, device_key)
        assert everything(unlocked(history)) == before
        assert (history.renewed_at() == NOW) == (code is not None)
        if code is not None:
            history.recover(NUMBER, code, "another password")
        shutil.rmtree(folder)
        operations += 1
    assert len(refused) > 15
    assert all("could not be renewed, and are as before" in told for told in refused)
