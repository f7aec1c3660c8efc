"""Storage: how long the history lasts, its backups, its check, the owner's contracts; and erasing all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path

from gateway.config import Config
from gateway.costs import Contract, TariffBook
from gateway.errors import BackupFailed
from gateway.folder import HISTORY_NAME, after_restore, beside_device_key, take_folder
from gateway.history import (
    Progress,
    Report,
    Retention,
    RetentionChoice,
    SealedHistory,
    backup,
    erase,
)
from gateway.operations.remote import may_be_asked


class Storage:
    """What the owner decides about what is stored."""

    def __init__(
        self,
        history: SealedHistory,
        retention: RetentionChoice,
        tariffs: TariffBook,
        clock: Callable[[], datetime],
    ) -> None:
        self._history = history
        self._retention = retention
        self._tariffs = tariffs
        self._clock = clock

    @may_be_asked
    def retention(self) -> Retention:
        """How long things are stored. Raises StateUnusable, HistoryError and RetentionRefused."""
        return self._retention.load()

    @may_be_asked
    def choose_retention(
        self,
        *,
        trace_days: int | None = None,
        profile_months: int | None = None,
        max_size_mb: int | None = None,
        contract_start: date | None = None,
        forget_contract_start: bool = False,
    ) -> Retention:
        """Choose some of it anew; what is not given stays. What is too old goes within the hour, for good.

        Raises as `retention` does.
        """
        asked: dict[str, int | str | None] = {
            "trace_days": trace_days,
            "profile_months": profile_months,
            "max_size_mb": max_size_mb,
            "contract_start": None if contract_start is None else contract_start.isoformat(),
        }
        chosen = {name: value for name, value in asked.items() if value is not None}
        if forget_contract_start:
            return self._retention.choose(**chosen, contract_start=None)
        return self._retention.choose(**chosen)

    def contracts(self) -> Sequence[Contract]:
        """The contracts that usage is priced by. Raises StateUnusable and HistoryError."""
        return self._tariffs.contracts()

    def contracts_text(self) -> str:
        """The contracts as they were written; empty where none was."""
        return self._tariffs.text()

    def write_contracts(self, text: str) -> Sequence[Contract]:
        """Put these in the place of all before. Raises TariffsUnusable, and then nothing is changed."""
        return self._tariffs.write(text)

    def verify(self, progress: Progress, number: str | None = None, password: str | None = None) -> Report:
        """What was altered, removed, exchanged or put back in the history; with a password, row by row.

        Raises NotClaimed, and CannotUnlock.
        """
        if number is not None and password is not None:
            return self._history.verify_content(number, password, progress)
        return self._history.verify(progress)


def back_up(config: Config, folder: Path, at: datetime, newest: int | None = None) -> Path:
    """Write the sealed history into one file in a folder, also beside the running gateway; returns it.

    Removes all backups there but so many. Raises BackupFailed.
    """
    history = config.history.data_dir / HISTORY_NAME
    if not history.exists():
        raise BackupFailed(f"there is no history in {config.history.data_dir} yet")
    path = backup.back_up(history, folder, at)
    if newest is not None:
        backup.keep_newest(folder, newest)
    return path


def restore(config: Config, file: Path, number: str, code: str, new_password: str) -> None:
    """Make a backup the history of a gateway that has none yet, while it does not run.

    Raises FolderInUse, BackupDamaged, AlreadyClaimed, CannotUnlock, PasswordTooShort, PasswordTooCommon and
    HistoryError.
    """
    lock = take_folder(config)
    try:
        history = config.history.data_dir / HISTORY_NAME
        backup.restore(file, history, config.history.device_key, number, code, new_password)
        after_restore(config)
    finally:
        lock.release()


def erase_everything(config: Config) -> bool:
    """Erase history, keys and register of consents, while no gateway runs.

    Returns whether the device key is gone too: one that systemd gives is not touched. Raises FolderInUse
    and HistoryError.
    """
    lock = take_folder(config, settled=False)
    try:
        folder = config.history.data_dir
        elsewhere = beside_device_key(config.history.device_key)
        return erase(folder, folder / HISTORY_NAME, config.history.device_key, elsewhere)
    finally:
        lock.release()
