"""The daemon: the rooms joined, and the one loop that a telegram goes through.

daemon   the wiring, and a telegram's way      upkeep   what is done every few seconds
systemd   its signals
"""

from gateway.daemon.daemon import Daemon

__all__ = ["Daemon"]
