"""The data folder: where everything lies that the gateway keeps, and how it is opened.

One process at a time changes what lies there: it holds the folder's lock. Commands beside the running
gateway only read.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.clock import GatewayClock
from gateway.config import Config
from gateway.consent import Ledger
from gateway.costs import TariffBook
from gateway.errors import (
    ConfigError,
    GatewayError,
    HistoryError,
    HistorySalvaged,
    RolledBack,
)
from gateway.files import check_folder
from gateway.folder.checkpoint import (
    DATABASE,
    LEDGER,
    NAME,
    beside,
    rolled_back,
)
from gateway.folder.rollback import (
    BesideDeviceKey,
    DatabasePlace,
    Files,
    LedgerPlace,
    Place,
    begin_anew,
    load,
)
from gateway.history import (
    FolderLock,
    GatewayKeys,
    HiddenFile,
    Retention,
    RetentionChoice,
    SealedHistory,
    backup,
    is_credential,
    open_keys,
    salvage,
    settle,
)

HISTORY_NAME = "history.db"
# Its files are the broker's own: started by root it runs as another user.
BROKER_NAME = "broker"
LEDGER_NAME = "ledger.jsonl"
LEDGER_NEWEST = "ledger-newest"
_LOOKS = 3
_LOOK_AGAIN_S = 1.0


class DataFolder:
    """Where everything lies that the gateway keeps."""

    def __init__(self, folder: Path, keys: GatewayKeys, zone: ZoneInfo) -> None:
        self._folder = folder
        self.keys = keys
        self._zone = zone
        self.secret = keys.secret
        self.history_path = folder / HISTORY_NAME
        self.ledger = folder / LEDGER_NAME
        self.broker = folder / BROKER_NAME
        self.setup_code = folder / "setup-code"
        self.control = control_socket(folder)

    @cached_property
    def history(self) -> SealedHistory:
        """The sealed history, opened when it is first asked for. Raises HistoryError."""
        return SealedHistory(self.history_path, self.keys, self._zone)

    def hidden(self, name: str) -> HiddenFile:
        return HiddenFile(self._folder / "hidden" / name, self.secret)


def control_socket(folder: Path) -> Path:
    return folder / "control.sock"


def take_folder(
    config: Config,
    settled: bool = True,
    tell: Callable[[GatewayError], None] = lambda _: None,
    as_root: bool = True,
) -> FolderLock:
    """Make the data folder one's own, mend what is damaged, and end what a power cut interrupted in it.

    Without `settled` it is left as it is: where the device key is lost, it cannot be ended. `tell` hears of
    what was mended. Without `as_root` not even root works in the folder of another user.

    Raises ConfigError, FolderInUse and HistoryError.
    """
    folder = config.history.data_dir
    try:
        _make(folder)
        check_folder(folder, as_root=as_root, apart=[folder / BROKER_NAME])
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


def open_folder(config: Config) -> DataFolder:
    """The data folder, made at the first start with its keys. Raises ConfigError and HistoryError."""
    folder = config.history.data_dir
    try:
        _make(folder)
        check_folder(folder, apart=[folder / BROKER_NAME])
        keys = open_keys(config.history.device_key, folder / HISTORY_NAME)
    except OSError as error:
        raise ConfigError(f"{error.filename or folder} cannot be used: {error.strerror}") from None
    return DataFolder(folder, keys, config.history.zone)


def _make(folder: Path) -> None:
    with suppress(FileExistsError):  # what is there is looked at next
        folder.mkdir(parents=True, mode=0o700)


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
    ledger = Ledger(folder.ledger, folder.secret, folder.hidden(LEDGER_NEWEST), clock)
    clock.never_before(ledger.newest_at)
    return ledger


def checkpoint_places(
    folder: DataFolder, config: Config, ledger: Ledger, history: SealedHistory
) -> dict[str, Place]:
    """Where checkpoints are written."""
    own: dict[str, Place] = {LEDGER: LedgerPlace(ledger), DATABASE: DatabasePlace(history)}
    return places_elsewhere(folder, config) | own


def places_elsewhere(folder: DataFolder, config: Config) -> dict[str, Place]:
    """Those that lie neither in the ledger nor in the database."""
    places: dict[str, Place] = {"file": folder.hidden(NAME)}
    device_key = config.history.device_key
    # In the data folder itself it would say nothing that the other file does not say.
    if not is_credential(device_key) and device_key.parent != config.history.data_dir:
        places["device key"] = BesideDeviceKey(device_key, folder.secret)
    return places


def beside_device_key(device_key: Path) -> list[Path]:
    """The gateway's own files beside its device key."""
    return [] if is_credential(device_key) else [beside(device_key)]


def check_rolled_back(config: Config) -> tuple[Ledger, RolledBack | None]:
    """The ledger, and whether older copies lie in the place of files; changes nothing. Raises GatewayError.

    The running gateway may write between two looks: what is wrong must be so several times.
    """
    for _ in range(_LOOKS):
        folder = open_folder(config)
        elsewhere = load(places_elsewhere(folder, config))  # these first: they never are ahead of the others
        ledger = open_ledger(folder, open_clock(folder))
        found = elsewhere | load({LEDGER: LedgerPlace(ledger), DATABASE: DatabasePlace(folder.history)})
        parts = rolled_back(found, Files(ledger, folder.history.extent()))
        if not parts or ledger.fault is not None:
            break
        time.sleep(_LOOK_AGAIN_S)
    return ledger, RolledBack(tuple(sorted(parts))) if parts else None


def after_restore(config: Config) -> None:
    """Begin the register of consents anew beside a restored history: its keys are others now.

    Only for who holds the folder's lock. Raises GatewayError.
    """
    folder = open_folder(config)
    try:
        if folder.ledger.exists():
            folder.ledger.replace(folder.ledger.with_name(f"{LEDGER_NAME}.before-restore"))
    except OSError as error:
        raise HistoryError(f"{folder.ledger} cannot be set aside: {error.strerror}") from None
    folder.hidden(LEDGER_NEWEST).forget()
    ledger = open_ledger(folder, open_clock(folder))
    begin_anew(checkpoint_places(folder, config, ledger, folder.history))
