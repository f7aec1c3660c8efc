"""The database file: sealed rows and blocks in, sealed rows and blocks out. No key is known here.

SQLite in WAL mode with synchronous=FULL: what was committed survives a power cut. Deleted content
is overwritten (secure_delete), and its pages can be given back (auto_vacuum).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

from gateway.errors import HistoryError
from gateway.history.keys.keyring import PasswordCost, WrappedHousehold
from gateway.history.storage.rows import (
    DataKeyRecord,
    FirstKept,
    KeyPlace,
    Mark,
    Sealed,
)

SCHEMA_VERSION = 2
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_BUSY_TIMEOUT_S = 10
# The first two count only before the first table is made, and before the WAL.
_PRAGMAS = (
    "page_size=4096",
    "auto_vacuum=INCREMENTAL",
    "journal_mode=WAL",
    "synchronous=FULL",
    "secure_delete=ON",
    # The log stays below half a megabyte, and is cut to it after a large transaction.
    "wal_autocheckpoint=100",
    "journal_size_limit=500000",
)
# From each released version of the schema: the statements that make the next one of it.
MIGRATIONS: Mapping[int, str] = {}
TABLES = (
    "household", "meters_record", "data_key", "first_kept", "profile_row", "trace_block", "daemon_state",
)  # fmt: skip
PERIOD_CODES = {"quarter": 1, "hour": 2, "day": 3, "month": 4}
_PERIODS = {code: period for period, code in PERIOD_CODES.items()}


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
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            store.migrate(SCHEMA_VERSION, MIGRATIONS)
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

    def migrate(self, version: int, migrations: Mapping[int, str]) -> None:
        """Bring the schema to `version`, one step a transaction. Raises HistoryError.

        `migrations` gives, for each version, the statements that make the next one of it.
        """
        found: int = self._db.execute("PRAGMA user_version").fetchone()[0]
        if found > version:
            raise HistoryError("the history was written by a newer version of the gateway")
        if found == 0:
            self._step(files("gateway.history.storage").joinpath("schema.sql").read_text(), version)
            return
        for step in range(found, version):
            if step not in migrations:
                raise HistoryError("the history was made by a test version that was never released")
            self._step(migrations[step], step + 1)

    def _step(self, statements: str, version: int) -> None:
        with self.transaction():
            for statement in statements.split(";\n"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {version}")

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
        row = self._db.execute(f"SELECT {_HOUSEHOLD} FROM household").fetchone()  # noqa: S608 - our names
        if row is None:
            return None
        suite, public_key, memory_kib, iterations, lanes, *wrapped = row
        return WrappedHousehold(suite, public_key, PasswordCost(memory_kib, iterations, lanes), *wrapped)

    def renewed_at(self) -> int | None:
        """When the household's keys were made or renewed, in Unix seconds; None before the claim."""
        row = self._db.execute("SELECT renewed_at FROM household").fetchone()
        return None if row is None else int(row[0])

    def put_household(self, wrapped: WrappedHousehold, made_at: int) -> None:
        self._db.execute(
            f"INSERT INTO household (id, {_HOUSEHOLD}, made_at, renewed_at)"  # noqa: S608 - our names
            " VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*_household_values(wrapped), made_at, made_at),
        )

    def replace_household(self, wrapped: WrappedHousehold, renewed_at: int | None = None) -> None:
        """With `renewed_at` the key pair is another one; without, only how it is wrapped."""
        self._db.execute(
            f"UPDATE household SET ({_HOUSEHOLD}) = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?),"  # noqa: S608 - our names
            " renewed_at = coalesce(?, renewed_at)",
            (*_household_values(wrapped), renewed_at),
        )

    def meters_record(self, meter_tag: bytes) -> bytes | None:
        row = self._db.execute(
            "SELECT sealed FROM meters_record WHERE meter_tag = ?", (meter_tag,)
        ).fetchone()
        return None if row is None else bytes(row[0])

    def meters_records(self) -> dict[bytes, bytes]:
        """Every meters record, by its meter's tag."""
        return dict(self._db.execute("SELECT meter_tag, sealed FROM meters_record"))

    def has_meters_record(self) -> bool:
        """False until the first telegram of a meter was recorded."""
        return self._db.execute("SELECT 1 FROM meters_record LIMIT 1").fetchone() is not None

    def put_meters_record(self, meter_tag: bytes, sealed: bytes, made_at: int) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO meters_record VALUES (?, ?, ?)", (meter_tag, sealed, made_at)
        )

    def reseal_meters_record(self, meter_tag: bytes, sealed: bytes) -> None:
        self._db.execute("UPDATE meters_record SET sealed = ? WHERE meter_tag = ?", (sealed, meter_tag))

    # --- data keys ---------------------------------------------------------------------------

    def last_data_key_id(self, meter_tag: bytes) -> int | None:
        row = self._db.execute("SELECT max(id) FROM data_key WHERE meter_tag = ?", (meter_tag,)).fetchone()
        return None if row[0] is None else int(row[0])

    def next_data_key_id(self) -> int:
        found: int = self._db.execute("SELECT coalesce(max(id), 0) + 1 FROM data_key").fetchone()[0]
        return found

    def newest_data_keys(self) -> dict[bytes, tuple[int, int]]:
        """The id and the day of each meter's last data key, by its tag."""
        newest = self._db.execute("SELECT meter_tag, max(id), day FROM data_key GROUP BY meter_tag")
        return {tag: (key_id, day) for tag, key_id, day in newest}

    def put_data_key(self, record: DataKeyRecord) -> None:
        """Add a record, or replace the one of the same id."""
        values = [getattr(record, field.name) for field in fields(record)]
        places = ", ".join("?" * len(values))
        self._db.execute(f"INSERT OR REPLACE INTO data_key VALUES ({places})", values)  # noqa: S608 - "?"

    def data_keys(self, meter_tag: bytes) -> dict[int, DataKeyRecord]:
        """All data keys of a meter, by id."""
        rows = self._db.execute("SELECT * FROM data_key WHERE meter_tag = ? ORDER BY id", (meter_tag,))
        return {row[0]: DataKeyRecord(*row) for row in rows}

    def all_data_keys(self) -> list[DataKeyRecord]:
        """The data keys of all meters, the oldest first."""
        return [DataKeyRecord(*row) for row in self._db.execute("SELECT * FROM data_key ORDER BY id")]

    def data_key(self, key_id: int) -> DataKeyRecord:
        return DataKeyRecord(*self._db.execute("SELECT * FROM data_key WHERE id = ?", (key_id,)).fetchone())

    def key_places(self) -> list[KeyPlace]:
        """Where the data keys of all meters stand, the oldest first."""
        found = self._db.execute(
            "SELECT id, meter_tag, day, trace_removed_at IS NULL FROM data_key ORDER BY id"
        )
        return [KeyPlace(key_id, tag, day, bool(traced)) for key_id, tag, day, traced in found]

    def following_data_key(self, key: KeyPlace) -> int | None:
        """The id of the same meter's next one."""
        found: int | None = self._db.execute(
            "SELECT min(id) FROM data_key WHERE meter_tag = ? AND id > ?", (key.meter_tag, key.id)
        ).fetchone()[0]
        return found

    def remove_data_key(self, key_id: int) -> None:
        self._db.execute("DELETE FROM data_key WHERE id = ?", (key_id,))

    def remove_rows(self, key_id: int) -> None:
        self._db.execute("DELETE FROM profile_row WHERE data_key_id = ?", (key_id,))

    def remove_blocks(self, record: DataKeyRecord) -> None:
        """The trace under a data key: it lies within its local day."""
        noon = (record.day - _EPOCH_DAY) * 86_400 + 43_200
        self._db.execute(
            "DELETE FROM trace_block WHERE starts_at BETWEEN ? AND ? AND data_key_id = ?",
            (noon - 172_800, noon + 172_800, record.id),
        )

    def first_kept(self) -> dict[bytes, FirstKept]:
        """Where the retention lets each meter's chain begin, by its tag."""
        return {row[0]: FirstKept(*row) for row in self._db.execute("SELECT * FROM first_kept")}

    def remove_first_kept(self, meter_tag: bytes) -> None:
        self._db.execute("DELETE FROM first_kept WHERE meter_tag = ?", (meter_tag,))

    def put_first_kept(self, first: FirstKept) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO first_kept VALUES (?, ?, ?, ?)",
            (first.meter_tag, first.data_key_id, first.removed_at, first.mac),
        )

    # --- rows and blocks ---------------------------------------------------------------------

    def put_row(self, data_key_id: int, period: str, ends_at: int, sequence: int, sealed: bytes) -> None:
        self._db.execute(
            "INSERT INTO profile_row (data_key_id, period, ends_at, sequence, sealed) VALUES (?, ?, ?, ?, ?)",
            (data_key_id, PERIOD_CODES[period], ends_at, sequence, sealed),
        )

    def rows(self, meter_tag: bytes, period: str, first: int, last: int) -> Iterator[Sealed]:
        """The rows of one meter whose periods end from `first` through `last`, in order."""
        found = self._db.execute(
            "SELECT profile_row.data_key_id, ends_at, sequence, profile_row.sealed FROM profile_row"
            " JOIN data_key ON data_key.id = profile_row.data_key_id"
            " WHERE period = ? AND ends_at BETWEEN ? AND ? AND meter_tag = ?"
            " ORDER BY ends_at, profile_row.id",
            (PERIOD_CODES[period], first, last, meter_tag),
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

    def next_block(self, meter_tag: bytes, first: int, last: int) -> int | None:
        """When the first trace block of a meter starts in [first, last): a long gap costs nothing."""
        found = self._db.execute(
            "SELECT starts_at FROM trace_block JOIN data_key ON data_key.id = trace_block.data_key_id"
            " WHERE starts_at >= ? AND starts_at < ? AND meter_tag = ? ORDER BY starts_at LIMIT 1",
            (first, last, meter_tag),
        ).fetchone()
        return None if found is None else int(found[0])

    def row_marks(self) -> Iterator[Mark]:
        """The mark of every profile row, in the order in which they were written."""
        found = self._db.execute(
            "SELECT data_key_id, period, ends_at, sequence, substr(sealed, -16) FROM profile_row ORDER BY id"
        )
        return (Mark(key, _PERIODS.get(code, f"unknown {code}"), *rest) for key, code, *rest in found)

    def block_marks(self) -> Iterator[Mark]:
        """The mark of every trace block, in the order in which they were begun."""
        found = self._db.execute(
            "SELECT data_key_id, starts_at, sequence, substr(sealed, -16) FROM trace_block ORDER BY id"
        )
        return (Mark(key, "trace", *rest) for key, *rest in found)

    def all_sealed(self) -> Iterator[tuple[str, Sealed]]:
        """Every row and block with its kind, in the order in which they were written."""
        for key, code, *rest in self._db.execute(
            "SELECT data_key_id, period, ends_at, sequence, sealed FROM profile_row ORDER BY id"
        ):
            yield _PERIODS.get(code, f"unknown {code}"), Sealed(key, *rest)
        for row in self._db.execute(
            "SELECT data_key_id, starts_at, sequence, sealed FROM trace_block ORDER BY id"
        ):
            yield "trace", Sealed(*row)

    def count_sealed(self) -> int:
        """How many rows and blocks there are."""
        rows, blocks = self._db.execute(
            "SELECT (SELECT count(*) FROM profile_row), (SELECT count(*) FROM trace_block)"
        ).fetchone()
        return int(rows) + int(blocks)

    # --- what the daemon remembers -----------------------------------------------------------

    def state(self, name: str) -> bytes | None:
        row = self._db.execute("SELECT hidden FROM daemon_state WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def put_state(self, name: str, hidden: bytes) -> None:
        # Not REPLACE: that would write the index anew, too.
        self._db.execute(
            "INSERT INTO daemon_state VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET hidden = excluded.hidden",
            (name, hidden),
        )

    def remove_state(self, name: str) -> None:
        self._db.execute("DELETE FROM daemon_state WHERE name = ?", (name,))

    # --- the file ----------------------------------------------------------------------------

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything that is read inside is of one moment, whatever is written meanwhile."""
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("ROLLBACK")

    def size(self) -> int:
        """How many bytes the database file has, or will have when the log is written into it."""
        pages, page_size = (self._pragma(name) for name in ("page_count", "page_size"))
        return pages * page_size

    def free_pages(self) -> int:
        return self._pragma("freelist_count")

    def free_some(self, pages: int) -> None:
        """Give back so many free pages at most: the file becomes shorter."""
        # Not execute: it would stop at the first page.
        self._db.executescript(f"PRAGMA incremental_vacuum({pages})")

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    def copy_into(self, path: Path) -> None:
        """Write all there is at this moment into an empty file, without free pages."""
        self._db.execute("VACUUM INTO ?", (str(path),))

    def put_as_it_is(self, table: str, row: Sequence[Any]) -> None:
        """Add a row as another database had it; what is here already stays."""
        places = ", ".join("?" * len(row))
        with suppress(sqlite3.IntegrityError):  # a damaged row may hold what the schema forbids
            self._db.execute(f"INSERT OR IGNORE INTO {table} VALUES ({places})", row)  # noqa: S608 - our names

    def remove_all_keys(self) -> None:
        """After this nothing in the database can be opened any more, by nobody."""
        for table in ("household", "data_key", "meters_record", "daemon_state"):
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - our names

    def wipe_log(self) -> None:
        """Empty the write-ahead log: what was deleted or replaced stands in no file any more."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


_HOUSEHOLD = (
    "suite, public_key, memory_kib, iterations, lanes, by_password, by_recovery_code, by_household,"
    " device_key_id, mac"
)


def _household_values(wrapped: WrappedHousehold) -> tuple[object, ...]:
    cost = wrapped.cost
    return (
        wrapped.suite,
        wrapped.public_key,
        cost.memory_kib,
        cost.iterations,
        cost.lanes,
        wrapped.by_password,
        wrapped.by_recovery_code,
        wrapped.by_household,
        wrapped.device_key_id,
        wrapped.mac,
    )
