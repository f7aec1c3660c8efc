"""The gateway's files as a whole: where they lie, whose they are, and whether they belong to one moment.

data_folder   where everything lies, its lock, and how it is opened
rollback      whether older copies of files were put back      checkpoint   how far everything has come (pure)
"""

from gateway.folder.data_folder import (
    HISTORY_NAME,
    DataFolder,
    after_restore,
    beside_device_key,
    check_rolled_back,
    checkpoint_places,
    control_socket,
    open_clock,
    open_folder,
    open_ledger,
    open_retention,
    open_tariffs,
    take_folder,
)
from gateway.folder.rollback import RollbackCheck, WitnessPlace

__all__ = [
    "HISTORY_NAME",
    "DataFolder",
    "RollbackCheck",
    "WitnessPlace",
    "after_restore",
    "beside_device_key",
    "check_rolled_back",
    "checkpoint_places",
    "control_socket",
    "open_clock",
    "open_folder",
    "open_ledger",
    "open_retention",
    "open_tariffs",
    "take_folder",
]
