"""The database file: its pragmas, its transactions, its schema."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from stat import S_IMODE

import pytest

from gateway.errors import HistoryError
from gateway.history import SealedHistory
from gateway.history.storage.store import SCHEMA_VERSION, Store
from tests.history.recording import look


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("secure_delete", 1), ("auto_vacuum", 2)],
)
def test_what_was_committed_survives_a_power_cut_and_what_was_deleted_does_not(
    path: Path, pragma: str, value: object
) -> None:
    with Store.open(path) as store:
        assert store._db.execute(f"PRAGMA {pragma}").fetchone()[0] == value


def test_what_is_deleted_is_gone_from_the_file(history: SealedHistory, path: Path) -> None:
    sealed = look(path, "SELECT by_password FROM household")[0][0]
    assert sealed in path.read_bytes()
    with Store.open(path) as store:
        store._db.execute("DELETE FROM household")
        store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert all(sealed not in file.read_bytes() for file in path.parent.iterdir())


def test_the_files_can_be_read_by_this_user_only(history: SealedHistory, path: Path) -> None:
    with closing(history.open_writer()):
        files = {file.name: S_IMODE(file.stat().st_mode) for file in path.parent.iterdir() if file.is_file()}
    names = ("history.db", "history.db-wal", "history.db-shm", "gateway.secret")
    assert files == dict.fromkeys(names, 0o600)
    assert S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_database_of_a_newer_schema_is_refused_and_left_as_it_is(
    history: SealedHistory, path: Path
) -> None:
    tampered = SCHEMA_VERSION + 1
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {tampered}")
    with pytest.raises(HistoryError, match="newer version of the gateway"):
        Store.open(path)
    assert look(path, "PRAGMA user_version") == [(tampered,)]
    assert look(path, "SELECT count(*) FROM household") == [(1,)]


def test_opening_again_keeps_what_is_there(history: SealedHistory, path: Path) -> None:
    Store.open(path).close()
    assert look(path, "SELECT count(*) FROM household") == [(1,)]


def test_a_file_that_is_no_database_is_told_in_a_sentence(tmp_path: Path) -> None:
    rubbish = tmp_path / "history.db"
    rubbish.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(HistoryError, match="cannot be opened: file is not a database"):
        Store.open(rubbish)


def test_a_folder_that_cannot_be_made_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HistoryError, match="cannot be opened"):
        Store.open(tmp_path / "file" / "history.db")


def test_reading_needs_a_file(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="cannot be read"):
        Store.open_to_read(tmp_path / "history.db")


def test_the_connection_for_reading_cannot_write(history: SealedHistory, path: Path) -> None:
    with Store.open_to_read(path) as store, pytest.raises(sqlite3.OperationalError, match="readonly"):
        store.put_state("recorder", b"x")


def fail_half_way(store: Store) -> None:
    with store.transaction():
        with store.transaction():  # one inside another is part of it
            store.put_state("one", b"1")
        raise HistoryError("half way")


def commit_what_sqlite_refuses(store: Store) -> None:
    store._db.executescript(
        "PRAGMA foreign_keys = ON; CREATE TABLE other (id INTEGER PRIMARY KEY);"
        "CREATE TABLE one (other REFERENCES other DEFERRABLE INITIALLY DEFERRED)"
    )
    with store.transaction():
        store._db.execute("INSERT INTO one VALUES (77)")


def test_a_transaction_that_fails_leaves_nothing_behind(path: Path) -> None:
    with Store.open(path) as store:
        with pytest.raises(HistoryError, match="half way"):
            fail_half_way(store)
        assert store.state("one") is None
        with store.transaction():
            store.put_state("two", b"2")
    with Store.open_to_read(path) as store:
        assert store.state("two") == b"2"


def test_a_commit_that_fails_leaves_no_open_transaction_behind(path: Path) -> None:
    with Store.open(path) as store:
        with pytest.raises(sqlite3.IntegrityError):
            commit_what_sqlite_refuses(store)
        with store.transaction():
            store.put_state("later", b"kept")
    with Store.open_to_read(path) as store:
        assert store.state("later") == b"kept"


def test_a_schema_is_migrated_a_version_at_a_time_and_a_step_that_fails_changes_nothing(path: Path) -> None:
    third = "ALTER TABLE household ADD COLUMN language TEXT;\nCREATE TABLE note (text TEXT) STRICT"
    steps = {SCHEMA_VERSION: third, SCHEMA_VERSION + 1: "DROP TABLE note;\nDROP TABLE missing"}
    with Store.open(path) as store:
        store.migrate(SCHEMA_VERSION + 1, steps)
        store.migrate(SCHEMA_VERSION + 1, steps)
        assert look(path, "PRAGMA user_version") == [(SCHEMA_VERSION + 1,)]
        with pytest.raises(sqlite3.OperationalError, match="no such table: missing"):
            store.migrate(SCHEMA_VERSION + 2, steps)
    assert look(path, "PRAGMA user_version") == [(SCHEMA_VERSION + 1,)]
    assert look(path, "SELECT count(*) FROM note") == [(0,)]


def test_a_schema_that_was_never_released_is_refused(path: Path) -> None:
    Store.open(path).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 1")
    with pytest.raises(HistoryError, match="never released"):
        Store.open(path)
