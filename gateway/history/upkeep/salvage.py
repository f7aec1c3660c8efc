"""A damaged database: it is set aside, and what of it is readable goes on in a new one.

The household's keys come first: without them nothing that is salvaged would open. Where they are lost, the
newest backup has them, too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.errors import HistoryError
from gateway.files import sync_folder
from gateway.history.storage.store import TABLES, Store

_WITHOUT_ID = ("meters_record", "first_kept")
_AT_ONCE = 200
# Beyond the last row that was found, so many ids are tried before a table counts as ended.
_FURTHEST = 20_000


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What became of a damaged database. `has_owner`: its keys were readable."""

    aside: Path
    rows: int
    has_owner: bool


def is_damaged(history: Path) -> bool:
    """Whether SQLite cannot read the file as a whole. Raises HistoryError when it cannot be looked at."""
    if not history.exists() or history.stat().st_size == 0:
        return False
    try:
        with closing(sqlite3.connect(history, isolation_level=None)) as database:
            return bool(database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",))
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and "malformed" not in str(error):
            raise HistoryError(f"the history {history} cannot be opened: {error}") from None
        return True


def salvage(history: Path, at: datetime, keys_from: Path | None = None) -> Salvaged:
    """Set the database aside and begin another with what is readable. Only for who holds the folder's lock.

    `at` is the local time; `keys_from` is a database that has the household's keys, too. Raises
    HistoryError.
    """
    aside = history.with_name(f"{history.name}.damaged-{at:%Y%m%d-%H%M%S}")
    made = history.with_name(f"{history.name}.new")
    try:
        for beside in ("", "-wal", "-shm"):
            Path(f"{made}{beside}").unlink(missing_ok=True)
        with Store.open(made) as store:
            _take(store, history, TABLES)
            if store.household() is None and keys_from is not None:
                _take(store, keys_from, ("household", "meters_record"))
            rows, has_owner = store.count_sealed(), store.household() is not None
        for beside in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{history}{beside}").replace(f"{aside}{beside}")
        history.replace(aside)
        made.replace(history)
        sync_folder(history.parent)
    except (OSError, sqlite3.Error) as error:
        raise HistoryError(f"the damaged history {history} cannot be set aside: {error}") from None
    return Salvaged(aside, rows, has_owner)


def _take(store: Store, source: Path, tables: Sequence[str]) -> None:
    """Take what is readable of another database."""
    uri = f"{source.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as database, store.transaction():
        for table in tables:
            for row in _readable(database, table):
                store.put_as_it_is(table, row)


def _readable(database: sqlite3.Connection, table: str) -> Iterator[tuple[object, ...]]:
    """Every row of a table that can be read; where it has ids, in their order."""
    if table in _WITHOUT_ID:
        with suppress(sqlite3.DatabaseError):
            yield from database.execute(f"SELECT * FROM {table}")  # noqa: S608 - our names
        return
    last = beyond = 0
    while beyond < _FURTHEST:
        rows: list[tuple[int, ...]] = []
        try:
            rows.extend(
                database.execute(
                    f"SELECT rowid, * FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT ?",  # noqa: S608
                    (last, _AT_ONCE),
                )
            )  # up to the first that cannot be read
            if len(rows) < _AT_ONCE:
                beyond = _FURTHEST
        except sqlite3.DatabaseError:
            beyond = 0 if rows else beyond + 1
        yield from (row[1:] for row in rows)
        # Where nothing could be read, the next one may lie on a page that is whole.
        last = rows[-1][0] if rows else last + 1
