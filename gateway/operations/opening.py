"""What a command can do itself: it opens the data folder, beside the running gateway or while none runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from gateway.clock import GatewayClock, utc_now
from gateway.config import Config
from gateway.consent import DisclosureLog
from gateway.errors import LedgerBroken
from gateway.folder import (
    check_rolled_back,
    open_clock,
    open_folder,
    open_ledger,
    open_retention,
    open_tariffs,
    take_folder,
)
from gateway.operations.consents import Consents
from gateway.operations.keys import Keys
from gateway.operations.setup_code import SetupCode
from gateway.operations.storage import Storage
from gateway.sharing import open_transports


@dataclass(frozen=True, slots=True)
class Opened:
    """The folder's rooms for the owner. What changes keys needs the folder for itself: see `alone`."""

    config: Config
    keys: Keys
    storage: Storage
    setup_code: SetupCode
    simulated: bool = False


def beside(config: Config) -> Opened:
    """Open the folder to read what is in it, and for what needs no daemon. Raises GatewayError."""
    folder = open_folder(config)
    history = folder.history
    setup_code = SetupCode(folder.setup_code)
    storage = Storage(history, open_retention(folder, config), open_tariffs(folder), utc_now)
    return Opened(config, Keys(history, setup_code, utc_now), storage, setup_code)


@contextmanager
def alone(config: Config) -> Iterator[Opened]:
    """The same as the folder's only user: while no gateway runs. Raises FolderInUse too."""
    lock = take_folder(config)
    try:
        yield beside(config)
    finally:
        lock.release()


def consents_beside(config: Config) -> tuple[Consents, datetime]:
    """The register of consents and the gateway's time, as far as they are on disk. Raises GatewayError.

    A register that fails its check is not shown.
    """
    folder = open_folder(config)
    clock = open_clock(folder)
    ledger = open_ledger(folder, clock)
    if ledger.fault is not None:
        raise ledger.fault
    now = clock()
    disclosures = DisclosureLog(folder.hidden("disclosures"), clock)
    return Consents(ledger, open_transports(config, folder.hidden, clock), disclosures, clock), now


def check_files(config: Config) -> LedgerBroken | None:
    """What is wrong with the register of consents, or with files that were put back; None as a rule.

    Raises GatewayError where something cannot be read.
    """
    ledger, rolled_back = check_rolled_back(config)
    return ledger.fault or rolled_back


def confirm_clock(config: Config) -> None:
    """The owner says that this machine's clock is right; while no gateway runs. Raises GatewayError.

    See `GatewayClock.confirm`.
    """
    lock = take_folder(config)
    try:
        folder = open_folder(config)
        clock: GatewayClock = open_clock(folder)
        open_ledger(folder, clock)
        clock.note_history(folder.history.newest_midnight())
        clock.confirm()
    finally:
        lock.release()
