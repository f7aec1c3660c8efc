"""The data folder: where everything lies that the gateway keeps, and how it is opened.

One process at a time changes what lies there: it holds the folder's lock. Commands beside the running
gateway only read.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from gateway.clock import GatewayClock
from gateway.config import Config
from gateway.consent import Ledger
from gateway.errors import ConfigError, GatewayError, HistorySalvaged
from gateway.history import (
    DeviceKey,
    FolderLock,
    GatewaySecret,
    HiddenFile,
    Retention,
    RetentionChoice,
    TariffBook,
    open_keys,
    settle,
)
from gateway.history.keeping import backup, salvage

HISTORY_NAME = "history.db"


class DataFolder:
    """Where everything lies that the gateway keeps."""

    def __init__(self, folder: Path, secret: GatewaySecret) -> None:
        self._folder = folder
        self.secret = secret
        self.history = folder / HISTORY_NAME
        self.ledger = folder / "ledger.jsonl"
        self.broker = folder / "broker"
        self.setup_code = folder / "setup-code"
        self.control = control_socket(folder)

    def hidden(self, name: str) -> HiddenFile:
        return HiddenFile(self._folder / "hidden" / name, self.secret)


def control_socket(folder: Path) -> Path:
    return folder / "control.sock"


def take_folder(
    config: Config, settled: bool = True, tell: Callable[[GatewayError], None] = lambda _: None
) -> FolderLock:
    """Make the data folder one's own, mend what is damaged, and end what a power cut interrupted in it.

    Without `settled` it is left as it is: where the device key is lost, it cannot be ended. `tell` hears of
    what was mended.

    Raises ConfigError, FolderInUse and HistoryError.
    """
    folder = config.history.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FolderLock(folder)
    except OSError as error:
        raise ConfigError(f"{error.filename or folder} cannot be used: {error.strerror}") from None
    try:
        if settled:
            _mend(config, tell)
            settle(config.history.device_key, folder / HISTORY_NAME)
    except BaseException:
        lock.release()
        raise
    return lock


def _mend(config: Config, tell: Callable[[GatewayError], None]) -> None:
    history = config.history.data_dir / HISTORY_NAME
    if not salvage.is_damaged(history):
        return
    kept = backup.backups(Path(config.history.backup_dir)) if config.history.backup_dir else []
    found = salvage.salvage(history, datetime.now(config.history.zone), kept[-1] if kept else None)
    tell(HistorySalvaged(found.aside.name, found.rows, found.has_owner))


def open_folder(config: Config) -> tuple[DataFolder, DeviceKey]:
    """The data folder, made at the first start with its keys. Raises ConfigError and HistoryError."""
    folder = config.history.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        keys = open_keys(config.history.device_key, folder / HISTORY_NAME)
    except OSError as error:
        raise ConfigError(f"{error.filename or folder} cannot be used: {error.strerror}") from None
    return DataFolder(folder, keys.secret), keys.device_key


def open_retention(folder: DataFolder, config: Config) -> RetentionChoice:
    """How long things are kept: what the owner chose, else what the configuration says."""
    kept = config.history
    usual = Retention(kept.trace_days, kept.profile_months, kept.max_size_mb)
    return RetentionChoice(folder.hidden("retention"), usual)


def open_tariffs(folder: DataFolder) -> TariffBook:
    return TariffBook(folder.hidden("tariffs"))


def open_clock(folder: DataFolder, clock: GatewayClock | None = None) -> GatewayClock:
    """A clock that goes on where the last one in this folder ended. Raises HistoryError."""
    clock = clock or GatewayClock()
    clock.remember_in(folder.hidden("clock"))
    return clock


def open_ledger(folder: DataFolder, clock: GatewayClock) -> Ledger:
    """The register of consents; the clock is not before its newest line from here on."""
    ledger = Ledger(folder.ledger, folder.secret.subkey("ledger"), folder.hidden("ledger-newest"), clock)
    clock.never_before(ledger.newest_at)
    return ledger
