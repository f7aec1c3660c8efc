"""Keys: the claim, the unlock, and what the owner does with password, recovery code and keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.config import Config
from gateway.errors import SetupCodeWrong
from gateway.folder import HISTORY_NAME, take_folder
from gateway.history import RENEWED_EVERY, OpenHistory, Progress, Renewed, SealedHistory, recovery
from gateway.operations.remote import may_be_asked
from gateway.operations.setup_code import SetupCode


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """When the household's keys were made or renewed, and when they will be; None before the claim."""

    claimed: bool
    renewed_at: datetime | None = None
    due_at: datetime | None = None
    due: bool = False


class Keys:
    """What opens the history, for its owner. Safe to use from several threads."""

    def __init__(
        self,
        history: SealedHistory,
        setup_code: SetupCode,
        clock: Callable[[], datetime],
        meter_number: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`meter_number` is that of the meter on the line, None without one."""
        self._history = history
        self._setup_code = setup_code
        self._clock = clock
        self.meter_number = meter_number

    @property
    def claimed(self) -> bool:
        """Whether this gateway has an owner."""
        return self._history.claimed

    def claim(self, setup_code: str, password: str) -> str:
        """Become the owner; returns the recovery code, to be shown once.

        Raises SetupCodeWrong, PasswordTooShort, PasswordTooCommon and AlreadyClaimed.
        """
        if not self._setup_code.matches(setup_code):
            raise SetupCodeWrong
        recovery_code = self._history.claim(password, self.meter_number())
        self._setup_code.spend()
        return recovery_code

    def unlock(self, number: str, password: str) -> OpenHistory:
        """Open the history for reading. Raises NotClaimed, and CannotUnlock when a factor is wrong."""
        return self._history.unlock(number, password)

    @may_be_asked
    def status(self) -> KeyStatus:
        renewed_at = self._history.renewed_at()
        if renewed_at is None:
            return KeyStatus(claimed=False)
        at = datetime.fromtimestamp(renewed_at, self._history.zone)
        due = self._history.renewal_is_due(self._clock().timestamp())
        return KeyStatus(True, at, at + RENEWED_EVERY, due)

    @may_be_asked
    def renew_keys(self, number: str, password: str) -> Renewed:
        """As `renew`, with no history open."""
        return self.renew(number, password)

    def renew(
        self,
        number: str,
        password: str,
        acting: OpenHistory | None = None,
        progress: Progress = lambda _done, _of: None,
    ) -> Renewed:
        """Other keys, and another recovery code, to be shown once. See `SealedHistory.renew`."""
        return self._history.renew(number, password, self._clock().timestamp(), progress, acting)

    @may_be_asked
    def change_password(self, number: str, password: str, new_password: str) -> None:
        """Raises CannotUnlock, PasswordTooShort and PasswordTooCommon."""
        self._history.change_password(number, password, new_password)

    @may_be_asked
    def recover(self, number: str, code: str, new_password: str) -> None:
        """A new password by recovery code. Raises as `change_password`."""
        self._history.recover(number, code, new_password)


def recover_alone(
    config: Config, number: str, code: str, new_password: str, *, new_device_key: bool = False
) -> None:
    """A new password by recovery code, while no gateway runs; with a new device key where it is lost.

    Raises CannotUnlock, PasswordTooShort, PasswordTooCommon, FolderInUse and HistoryError.
    """
    lock = take_folder(config, settled=not new_device_key)  # without it, no renewal can be ended
    try:
        path: Path = config.history.data_dir / HISTORY_NAME
        recovery.recover(path, config.history.device_key, number, code, new_password, new_device_key)
    finally:
        lock.release()
