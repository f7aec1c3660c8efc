"""A backup made here, restored there: everything is equal, and a damaged one changes nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.errors import (
    AlreadyClaimed,
    BackupDamaged,
    BackupFailed,
    CannotUnlock,
    HistoryError,
    PasswordTooShort,
)
from gateway.history import (
    DeviceKey,
    HiddenFile,
    SealedHistory,
    keys_beside,
    open_keys,
    settle,
)
from gateway.history.keys.keyring import COST_IN_TESTS
from gateway.history.upkeep import backup
from gateway.history.upkeep.backup import (
    SUFFIX,
    back_up,
    backups,
    keep_newest,
    restore,
)
from tests.history.recording import record, unlocked
from tests.history.renewing import HOUR, everything, sealed_history, two_meters
from tests.made_up import NOON, NUMBER, PASSWORD, ZONE

LATER = "another good password"


class Home:
    """A claimed history with what two meters said in it, and its recovery code."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "gateway" / "history.db"
        self.history = SealedHistory(
            self.path,
            keys_beside(self.path, DeviceKey.load_or_create(folder / "key" / "device.key")),
            ZONE,
            COST_IN_TESTS,
        )
        self.code = self.history.claim(PASSWORD)
        record(self.history, two_meters(), 6 * HOUR)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "here")


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """The data folder of another gateway."""
    folder = tmp_path / "there" / "gateway"
    folder.mkdir(parents=True)
    return folder


def key_there(there: Path) -> Path:
    return there.parent / "key" / "device.key"


def restored(
    file: Path, there: Path, code: str, number: str = NUMBER, password: str = LATER
) -> SealedHistory:
    restore(file, there / "history.db", key_there(there), number, code, password, COST_IN_TESTS)
    return sealed_history(there / "history.db", key_there(there))


def files_below(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_restored_on_another_machine_everything_is_equal_and_goes_on(
    home: Home, stick: Path, there: Path
) -> None:
    file = back_up(home.path, stick, NOON)
    history = restored(file, there, home.code)
    opened = history.unlock(NUMBER, LATER)
    assert everything(opened) == everything(unlocked(home.history))
    assert history.verify().findings == ()
    assert history.verify_content(NUMBER, LATER).findings == ()
    assert history.older_copy() is None
    record(history, two_meters(3, 5), 6 * HOUR)
    assert history.verify().findings == ()
    assert len(everything(opened)[1]) > len(everything(unlocked(home.history))[1])
    assert DeviceKey.load(key_there(there)).id != DeviceKey.load(home.path.parents[1] / "key/device.key").id


def test_neither_the_old_password_nor_another_number_opens_what_was_restored(
    home: Home, stick: Path, there: Path
) -> None:
    history = restored(back_up(home.path, stick, NOON), there, home.code)
    for number, password in ((NUMBER, PASSWORD), ("E9999", LATER)):
        with pytest.raises(CannotUnlock):
            history.unlock(number, password)


def test_a_backup_shows_nothing_and_holds_no_free_pages(home: Home, stick: Path) -> None:
    content = back_up(home.path, stick, NOON).read_bytes()
    assert NUMBER.encode() not in content
    assert PASSWORD.encode() not in content
    assert len(content) < home.path.stat().st_size + 200


def test_a_backup_is_made_while_the_gateway_writes(home: Home, stick: Path, there: Path) -> None:
    stopping = threading.Event()

    def go_on() -> None:
        day = 3
        while not stopping.is_set():
            record(home.history, two_meters(day, day + 1), 6 * HOUR)
            day += 2

    writing = threading.Thread(target=go_on)
    writing.start()
    try:
        files = [back_up(home.path, stick, NOON + timedelta(seconds=n)) for n in range(5)]
    finally:
        stopping.set()
        writing.join()
    history = restored(files[-1], there, home.code)
    assert history.verify().findings == ()
    assert everything(history.unlock(NUMBER, LATER))[1]


def damaged(content: bytes) -> Iterator[bytes]:
    yield b""
    yield content[:-1]
    yield content[: len(content) // 2]
    yield content[:5000] + bytes([content[5000] ^ 1]) + content[5001:]
    yield content + b"more"
    yield os.urandom(5000)


def test_a_damaged_backup_says_so_and_changes_nothing(home: Home, stick: Path, there: Path) -> None:
    content = back_up(home.path, stick, NOON).read_bytes()
    (there / "setup-code").write_text("as it was")
    before = files_below(there.parent)
    for number, bad in enumerate(damaged(content)):
        file = stick / f"bad{number}{SUFFIX}"
        file.write_bytes(bad)
        with pytest.raises(BackupDamaged, match="not a whole backup"):
            restored(file, there, home.code)
        assert files_below(there.parent) == before
    with pytest.raises(BackupDamaged, match="cannot be read"):
        restored(stick / "none", there, home.code)


def test_a_wrong_code_number_or_password_changes_nothing(home: Home, stick: Path, there: Path) -> None:
    file = back_up(home.path, stick, NOON)
    DeviceKey.load_or_create(key_there(there))
    before = files_below(there.parent)
    with pytest.raises(CannotUnlock):
        restored(file, there, "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG-HHHH")
    with pytest.raises(CannotUnlock):
        restored(file, there, home.code, number="E9999")
    with pytest.raises(PasswordTooShort):
        restored(file, there, home.code, password="short")
    assert files_below(there.parent) == before


def test_a_backup_is_not_put_over_a_history_that_has_an_owner(
    home: Home, stick: Path, tmp_path: Path
) -> None:
    file = back_up(home.path, stick, NOON)
    other = Home(tmp_path / "other")
    before = other.path.read_bytes()
    with pytest.raises(AlreadyClaimed):
        restore(file, other.path, tmp_path / "other/key/device.key", NUMBER, home.code, LATER, COST_IN_TESTS)
    assert other.path.read_bytes() == before
    assert len(everything(unlocked(other.history))[1]) > 10


def test_what_a_new_gateway_remembers_already_is_still_known_after_a_restore(
    home: Home, stick: Path, there: Path
) -> None:
    started = sealed_history(there / "history.db", key_there(there))  # not claimed yet
    assert not started.claimed
    keys = open_keys(key_there(there), there / "history.db")
    HiddenFile(there / "hidden" / "broker", keys.secret).save(b"the broker's passwords")
    restored(back_up(home.path, stick, NOON), there, home.code)
    settle(key_there(there), there / "history.db")
    keys = open_keys(key_there(there), there / "history.db")
    assert HiddenFile(there / "hidden" / "broker", keys.secret).load() == b"the broker's passwords"
    assert not (there / "restoring").exists()


def test_a_restore_that_was_cut_is_simply_done_again(
    home: Home, stick: Path, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = back_up(home.path, stick, NOON)
    sealed_history(there / "history.db", key_there(there))
    keys = open_keys(key_there(there), there / "history.db")
    HiddenFile(there / "hidden" / "broker", keys.secret).save(b"the broker's passwords")
    moved = backup._move

    def cut(building: Path, folder: Path, name: str) -> None:
        for hidden in (building / "hidden").iterdir():
            hidden.replace(folder / "hidden" / hidden.name)
        raise HistoryError("the power is gone")

    monkeypatch.setattr(backup, "_move", cut)
    with pytest.raises(HistoryError):
        restored(file, there, home.code)
    monkeypatch.setattr(backup, "_move", moved)
    history = restored(file, there, home.code)
    assert everything(history.unlock(NUMBER, LATER)) == everything(unlocked(home.history))
    keys = open_keys(key_there(there), there / "history.db")
    assert HiddenFile(there / "hidden" / "broker", keys.secret).load() == b"the broker's passwords"


def test_only_the_newest_backups_are_kept_and_other_files_are_left_alone(home: Home, stick: Path) -> None:
    (stick / "holiday.jpg").write_bytes(b"")
    made = [back_up(home.path, stick, NOON + timedelta(days=n)) for n in range(5)]
    keep_newest(stick, 2)
    assert backups(stick) == made[3:]
    assert (stick / "holiday.jpg").exists()
    assert backup.made_at(made[0], ZONE) == datetime(2026, 6, 10, 12, tzinfo=ZONE)


def test_a_stick_that_is_not_there_or_cannot_be_written_is_said_and_leaves_nothing(
    home: Home, stick: Path, tmp_path: Path
) -> None:
    with pytest.raises(BackupFailed, match="is the stick plugged in"):
        back_up(home.path, tmp_path / "no stick", NOON)
    with pytest.raises(BackupFailed, match="no backup could be written"):
        back_up(tmp_path / "no history.db", stick, NOON)
    assert list(stick.iterdir()) == []
