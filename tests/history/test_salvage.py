"""A damaged database: set aside, what is readable goes on, and nobody is left without a sentence."""

from __future__ import annotations

import random
import shutil
from datetime import datetime
from pathlib import Path

import pytest

from gateway.history import SealedHistory, open_keys
from gateway.history.upkeep.backup import back_up
from gateway.history.upkeep.salvage import is_damaged, salvage
from tests.history.recording import look, record, steady, unlocked
from tests.history.renewing import HOUR, everything, sealed_history
from tests.made_up import NOON, NUMBER, PASSWORD, ZONE

PAGE = 4096
AT = datetime(2026, 6, 20, 8, 30, tzinfo=ZONE)


@pytest.fixture
def recorded(history: SealedHistory) -> SealedHistory:
    record(history, steady(NOON, NOON + 72 * HOUR, HOUR / 60), HOUR)
    return history


def overwrite(path: Path, page: int, content: bytes | None = None) -> None:
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(random.Random(page).randbytes(PAGE) if content is None else content)


def leaf_pages(path: Path, table: str) -> list[int]:
    try:
        found = look(path, "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf'", table)
    except Exception:  # noqa: BLE001 - SQLite was built without it
        pytest.skip("this SQLite cannot tell which page is which")
    return [page for (page,) in found]


def test_a_whole_database_is_not_damaged_and_neither_is_none(recorded: SealedHistory, path: Path) -> None:
    assert not is_damaged(path)
    assert not is_damaged(path.with_name("none.db"))


def test_what_lies_on_whole_pages_is_salvaged_and_opens(
    recorded: SealedHistory, path: Path, key_path: Path
) -> None:
    ((rows, blocks),) = look(
        path, "SELECT (SELECT count(*) FROM profile_row), (SELECT count(*) FROM trace_block)"
    )
    for table in ("profile_row", "trace_block"):
        for page in leaf_pages(path, table)[2:4]:
            overwrite(path, page)
    assert is_damaged(path)
    found = salvage(path, AT)
    assert found.has_owner
    assert rows + blocks - 60 < found.rows < rows + blocks
    assert found.aside == path.with_name("history.db.damaged-20260620-083000")
    assert found.aside.exists()
    assert not is_damaged(path)
    history = sealed_history(path, key_path)
    seen = everything(history.unlock(NUMBER, PASSWORD))
    assert len(seen[1]) > 300
    assert history.verify().findings  # what is missing is named
    record(history, steady(NOON + 73 * HOUR, NOON + 74 * HOUR, HOUR / 60), HOUR)
    assert len(everything(history.unlock(NUMBER, PASSWORD))[1]) > len(seen[1])


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"no database at all" * 1000])
def test_a_file_that_is_no_database_any_more_makes_room_for_a_new_one(
    recorded: SealedHistory, path: Path, content: bytes
) -> None:
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
    path.write_bytes(content)
    if not content:
        assert not is_damaged(path)  # an empty file is a new database to SQLite
        return
    assert is_damaged(path)
    found = salvage(path, AT)
    assert (found.rows, found.has_owner) == (0, False)
    assert found.aside.read_bytes() == content


def test_without_its_own_keys_it_takes_the_household_from_the_newest_backup(
    recorded: SealedHistory, path: Path, key_path: Path, tmp_path: Path
) -> None:
    kept = back_up(path, tmp_path, NOON)
    (page,) = leaf_pages(path, "household")
    overwrite(path, page)
    other = tmp_path / "other.db"
    shutil.copy(path, other)
    assert salvage(other, AT).has_owner is False
    found = salvage(path, AT, kept)
    assert found.has_owner
    assert len(everything(sealed_history(path, key_path).unlock(NUMBER, PASSWORD))[1]) > 300


def test_any_damage_at_all_leaves_a_history_to_go_on_with(
    recorded: SealedHistory, path: Path, key_path: Path, tmp_path: Path
) -> None:
    chance = random.Random(5)
    pages = path.stat().st_size // PAGE
    for number in range(25):
        copy = tmp_path / f"{number}" / "history.db"
        copy.parent.mkdir()
        shutil.copy(path, copy)
        shutil.copy(path.parent / "gateway.secret", copy.parent)
        for _ in range(chance.randint(1, 8)):
            overwrite(copy, chance.randint(1, pages), chance.randbytes(chance.randint(1, PAGE)))
        if is_damaged(copy):
            salvage(copy, AT)
        assert not is_damaged(copy)
        open_keys(key_path, copy)
        history = sealed_history(copy, key_path)
        if not history.claimed:
            history.claim(PASSWORD)
            continue
        # What was altered without harm to the database's form is found when it is opened.
        record(history, steady(NOON + 80 * HOUR, NOON + 81 * HOUR, HOUR / 60), HOUR)
        unlocked(history)
