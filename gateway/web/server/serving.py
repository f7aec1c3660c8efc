"""Serving: waitress, in threads of its own, on a port or on a Unix socket behind a web server.

Between requests its loop sweeps the sessions: a key is forgotten on time, also when nobody calls.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from flask import Flask
from waitress import wasyncore
from waitress.server import create_server
from waitress.task import ThreadedTaskDispatcher

from gateway.config import PageConfig
from gateway.web.server.connections import ACCEPTED_AT_ONCE, Connections
from gateway.web.server.sessions import TableSessions

# More than can wait for an unlock at a time: those who read are answered meanwhile.
_THREADS = 8
_LARGEST_BODY = 64 * 1024
_TICK_S = 1.0
_SWEEP_EVERY_S = 10.0
_STOP_WITHIN_S = 1


class PageServer:
    """Listens from the moment it is made; answers from `start` to `stop`."""

    def __init__(
        self,
        app: Flask,
        settings: PageConfig,
        port: int | None = None,
        sweep_every_s: float = _SWEEP_EVERY_S,
    ) -> None:
        """`port` overrules the settings; 0 takes a free one. Raises OSError."""
        self._app = app
        self._sweep_every_s = sweep_every_s
        self._sockets: dict[int, Any] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="page")
        # Handed in, so that no thread runs before `start`, nor after a port that was taken.
        self._workers = ThreadedTaskDispatcher()
        self._connections = Connections(self._sockets, not settings.socket or port is not None)
        try:
            self._server: Any = create_server(
                app,
                map=self._sockets,
                _dispatcher=self._workers,
                ident=None,
                max_request_body_size=_LARGEST_BODY,
                connection_limit=ACCEPTED_AT_ONCE,
                url_scheme="https" if settings.https else "http",
                **_listening(settings, port),
            )
        except OSError:
            wasyncore.close_all(self._sockets, ignore_all=True)
            raise

    @property
    def port(self) -> int:
        """The port it listens on; 0 on a Unix socket."""
        port = self._server.effective_port
        return int(port) if str(port).isdigit() else 0

    def start(self) -> None:
        self._workers.set_thread_count(_THREADS)
        self._thread.start()

    def stop(self) -> None:
        """Answer what was asked, close every connection, and end."""
        self._stopping.set()
        if self._thread.ident is None:
            self._close()
        else:
            self._server.pull_trigger()
            self._thread.join()

    def _run(self) -> None:
        sessions = self._app.session_interface
        swept_at = time.monotonic()
        tick = min(_TICK_S, self._sweep_every_s)
        try:
            while not self._stopping.is_set():
                wasyncore.loop(timeout=tick, use_poll=True, map=self._sockets, count=1)
                self._connections.look()
                if isinstance(sessions, TableSessions) and time.monotonic() - swept_at >= self._sweep_every_s:
                    sessions.table.sweep()
                    swept_at = time.monotonic()
        finally:
            self._close()

    def _close(self) -> None:
        self._workers.shutdown(timeout=_STOP_WITHIN_S)
        self._server.close()
        wasyncore.close_all(self._sockets, ignore_all=True)


def _listening(settings: PageConfig, port: int | None) -> dict[str, Any]:
    if not settings.socket or port is not None:
        return {"host": settings.host, "port": settings.port if port is None else port}
    return {
        "unix_socket": settings.socket,
        "unix_socket_perms": "660",
        # Only the web server in front can open the socket: what it says of its visitors is true.
        "trusted_proxy": "*",
        "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"},
        "clear_untrusted_proxy_headers": True,
    }
