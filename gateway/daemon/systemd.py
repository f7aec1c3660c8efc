"""Telling systemd how the daemon is, where it is run by it (sd_notify's protocol)."""

from __future__ import annotations

import os
import socket


def notify_systemd(state: str) -> None:
    """`state` is as sd_notify takes it: READY=1, WATCHDOG=1, STOPPING=1."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifying:
        notifying.connect("\0" + address[1:] if address.startswith("@") else address)
        notifying.sendall(state.encode())
