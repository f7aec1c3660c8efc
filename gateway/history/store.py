"""The database file: sealed rows and blocks in, sealed rows and blocks out. No key is known here.

SQLite in WAL mode with synchronous=FULL: what was committed survives a power cut. Deleted content
is overwritten (secure_delete).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Self

from gateway.errors import HistoryError
from gateway.history.keyring import PasswordCost, WrappedHousehold

SCHEMA_VERSION = 1
_BUSY_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class DataKeyRecord:
    """A data key as it lies on disk. `day` is the proleptic ordinal of the local day."""

    id: int
    meter_tag: bytes
    day: int
    sealed: bytes
    previous_id: int | None
    previous_count: int
    mac: bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed row or block. `period` is its time on the grid, in Unix seconds."""

    data_key_id: int
    period: int
    sequence: int
    sealed: bytes


class Store:
    """One connection to the database: use it in one thread only."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open for writing; make the file at the first start. Raises HistoryError."""
        try:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                path.touch(mode=0o600)
            # Used by one thread at a time; the thread that opens need not be the one that writes.
            connection = sqlite3.connect(
                path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise HistoryError(f"the history {path} cannot be opened: {error}") from None
        store = cls(connection)
        try:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}")
            store._migrate()
        except (HistoryError, sqlite3.Error) as error:
            store.close()
            raise HistoryError(f"the history {path} cannot be opened: {error}") from None
        return store

    @classmethod
    def open_to_read(cls, path: Path) -> Self:
        """Open for reading only. Raises HistoryError."""
        try:
            uri = f"{path.resolve().as_uri()}?mode=ro"
            connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        except sqlite3.Error as error:
            raise HistoryError(f"the history {path} cannot be read: {error}") from None
        return cls(connection)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _migrate(self) -> None:
        version: int = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise HistoryError("the history was written by a newer version of the gateway")
        if version == 0:
            with self.transaction():
                for statement in files("gateway.history").joinpath("schema.sql").read_text().split(";\n"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; on disk when it ends. Inside another one it is part of that one."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.OperationalError):  # after some faults SQLite has rolled back already
                self._db.execute("ROLLBACK")
            raise

    # --- the household -----------------------------------------------------------------------

    def household(self) -> WrappedHousehold | None:
        """The household's wrapped key pair; None before the claim."""
        row = self._db.execute(
            "SELECT suite, public_key, memory_kib, iterations, lanes, by_password, by_recovery_code"
            " FROM household"
        ).fetchone()
        if row is None:
            return None
        suite, public_key, memory_kib, iterations, lanes, by_password, by_code = row
        cost = PasswordCost(memory_kib, iterations, lanes)
        return WrappedHousehold(suite, public_key, cost, by_password, by_code)

    def put_household(self, wrapped: WrappedHousehold, made_at: int) -> None:
        cost = wrapped.cost
        self._db.execute(
            "INSERT INTO household VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                wrapped.suite,
                wrapped.public_key,
                cost.memory_kib,
                cost.iterations,
                cost.lanes,
                wrapped.by_password,
                wrapped.by_recovery_code,
                made_at,
            ),
        )

    def meters_record(self, meter_tag: bytes) -> bytes | None:
        row = self._db.execute(
            "SELECT sealed FROM meters_record WHERE meter_tag = ?", (meter_tag,)
        ).fetchone()
        return None if row is None else bytes(row[0])

    def has_meters_record(self) -> bool:
        """False until the first telegram of a meter was recorded."""
        return self._db.execute("SELECT 1 FROM meters_record LIMIT 1").fetchone() is not None

    def put_meters_record(self, meter_tag: bytes, sealed: bytes, made_at: int) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO meters_record VALUES (?, ?, ?)", (meter_tag, sealed, made_at)
        )

    # --- data keys ---------------------------------------------------------------------------

    def last_data_key(self, meter_tag: bytes) -> tuple[int, int] | None:
        """The last data key of a meter, as its id and how much was sealed under it."""
        row = self._db.execute(
            "SELECT id, (SELECT count(*) FROM profile_row WHERE data_key_id = data_key.id)"
            " + (SELECT count(*) FROM trace_block WHERE data_key_id = data_key.id)"
            " FROM data_key WHERE meter_tag = ? ORDER BY id DESC LIMIT 1",
            (meter_tag,),
        ).fetchone()
        return None if row is None else (row[0], row[1])

    def next_data_key_id(self) -> int:
        found: int = self._db.execute("SELECT coalesce(max(id), 0) + 1 FROM data_key").fetchone()[0]
        return found

    def put_data_key(self, record: DataKeyRecord) -> None:
        self._db.execute(
            "INSERT INTO data_key VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                record.id,
                record.meter_tag,
                record.day,
                record.sealed,
                record.previous_id,
                record.previous_count,
                record.mac,
            ),
        )

    def data_keys(self, meter_tag: bytes) -> dict[int, DataKeyRecord]:
        """All data keys of a meter, by id."""
        rows = self._db.execute("SELECT * FROM data_key WHERE meter_tag = ? ORDER BY id", (meter_tag,))
        return {row[0]: DataKeyRecord(*row) for row in rows}

    # --- rows and blocks ---------------------------------------------------------------------

    def put_row(self, data_key_id: int, period: str, ends_at: int, sequence: int, sealed: bytes) -> None:
        self._db.execute(
            "INSERT INTO profile_row (data_key_id, period, ends_at, sequence, sealed) VALUES (?, ?, ?, ?, ?)",
            (data_key_id, period, ends_at, sequence, sealed),
        )

    def rows(self, meter_tag: bytes, period: str, first: int, last: int) -> Iterator[Sealed]:
        """The rows of one meter whose periods end from `first` through `last`, in order."""
        found = self._db.execute(
            "SELECT profile_row.data_key_id, ends_at, sequence, profile_row.sealed FROM profile_row"
            " JOIN data_key ON data_key.id = profile_row.data_key_id"
            " WHERE period = ? AND ends_at BETWEEN ? AND ? AND meter_tag = ?"
            " ORDER BY ends_at, profile_row.id",
            (period, first, last, meter_tag),
        )
        return (Sealed(*row) for row in found)

    def put_block(self, data_key_id: int, starts_at: int, sequence: int, sealed: bytes) -> int:
        """Add a trace block; returns its id."""
        added = self._db.execute(
            "INSERT INTO trace_block (data_key_id, starts_at, sequence, sealed) VALUES (?, ?, ?, ?)",
            (data_key_id, starts_at, sequence, sealed),
        ).lastrowid
        return int(added or 0)

    def replace_block(self, block_id: int, sequence: int, sealed: bytes) -> None:
        """The running quarter's block, again with more in it."""
        self._db.execute(
            "UPDATE trace_block SET sequence = ?, sealed = ? WHERE id = ?", (sequence, sealed, block_id)
        )

    def blocks(self, meter_tag: bytes, first: int, last: int) -> Iterator[Sealed]:
        """The trace blocks of one meter that start from `first` up to, not including, `last`."""
        found = self._db.execute(
            "SELECT trace_block.data_key_id, starts_at, sequence, trace_block.sealed FROM trace_block"
            " JOIN data_key ON data_key.id = trace_block.data_key_id"
            " WHERE starts_at >= ? AND starts_at < ? AND meter_tag = ?"
            " ORDER BY starts_at, trace_block.id",
            (first, last, meter_tag),
        )
        return (Sealed(*row) for row in found)

    # --- what the daemon remembers -----------------------------------------------------------

    def state(self, name: str) -> bytes | None:
        row = self._db.execute("SELECT hidden FROM daemon_state WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def put_state(self, name: str, hidden: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO daemon_state VALUES (?, ?)", (name, hidden))
