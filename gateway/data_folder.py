"""The data folder: where everything lies that the gateway keeps, and how it is opened.

One process at a time changes what lies there: it holds the folder's lock. Commands beside the running
gateway only read.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from gateway.checkpoint import DATABASE, LEDGER
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
    SealedHistory,
    TariffBook,
    is_credential,
    open_keys,
    settle,
)
from gateway.history.keeping import backup, salvage
from gateway.rollback import STATE_NAME, BesideDeviceKey, DatabasePlace, LedgerPlace, Place

HISTORY_NAME = "history.db"
LEDGER_NAME = "ledger.jsonl"
LEDGER_NEWEST = "ledger-newest"


class DataFolder:
    """Where everything lies that the gateway keeps."""

    def __init__(self, folder: Path, secret: GatewaySecret) -> None:
        self._folder = folder
        self.secret = secret
        self.history = folder / HISTORY_NAME
        self.ledger = folder / LEDGER_NAME
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


def open_ledger(folder: DataFolder, clock: Callable[[], datetime]) -> Ledger:
    return Ledger(folder.ledger, folder.secret, folder.hidden(LEDGER_NEWEST), clock)


def checkpoint_places(
    folder: DataFolder, config: Config, ledger: Ledger, history: SealedHistory
) -> dict[str, Place]:
    """Where checkpoints are written, in the order in which they may be read beside the running gateway."""
    places: dict[str, Place] = {"file": folder.hidden(STATE_NAME)}
    device_key = config.history.device_key
    # In the data folder itself it would say nothing that the other file does not say.
    if not is_credential(device_key) and device_key.parent != config.history.data_dir:
        places["device key"] = BesideDeviceKey(device_key, folder.secret)
    return places | {LEDGER: LedgerPlace(ledger), DATABASE: DatabasePlace(history)}
