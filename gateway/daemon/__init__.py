"""The daemon: the rooms joined, and the one loop that a telegram goes through.

daemon        the wiring, and a telegram's way      upkeep     what is done every few seconds
data_folder   where everything lies, and its lock   rollback   whether older copies of files were put back
"""

from gateway.daemon.daemon import Daemon, notify_systemd
from gateway.daemon.data_folder import (
    HISTORY_NAME,
    DataFolder,
    after_restore,
    check_rolled_back,
    control_socket,
    open_clock,
    open_folder,
    open_ledger,
    open_retention,
    open_tariffs,
    take_folder,
)

__all__ = [
    "HISTORY_NAME",
    "Daemon",
    "DataFolder",
    "after_restore",
    "check_rolled_back",
    "control_socket",
    "notify_systemd",
    "open_clock",
    "open_folder",
    "open_ledger",
    "open_retention",
    "open_tariffs",
    "take_folder",
]
