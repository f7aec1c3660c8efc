"""The server: real waitress, on a port or a Unix socket, ending when it is told to."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.config import PageConfig
from gateway.web import PageServer
from tests.web.browser import Browser
from tests.web.home import Home


def test_it_serves_on_a_free_port_and_ends_within_two_seconds(home: Home) -> None:
    before = set(threading.enumerate())
    server = PageServer(home.app(), home.settings, port=0)
    server.start()
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("GET", "/sign-in")
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.headers["Content-Security-Policy"]
    assert "Server" not in answer.headers
    answer.read()
    began = time.monotonic()
    server.stop()  # with a connection still open
    assert time.monotonic() - began < 2
    connection.close()
    time.sleep(0.05)
    assert set(threading.enumerate()) - before == set()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=1)


def test_it_can_be_stopped_without_having_been_started(home: Home) -> None:
    PageServer(home.app(), home.settings, port=0).stop()


def test_a_taken_port_is_an_os_error_and_leaves_no_thread(home: Home) -> None:
    before = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        PageServer(home.app(), home.settings, port=taken.getsockname()[1])
    time.sleep(0.05)
    assert set(threading.enumerate()) - before == set()


def test_it_serves_on_a_unix_socket_and_believes_the_web_server_in_front(home: Home) -> None:
    path = home.folder / "page.sock"
    settings = replace(home.settings, socket=str(path))
    server = PageServer(home.app(), settings)
    server.start()
    try:
        assert server.port == 0
        answers = [_sign_in_over(path, f"192.168.1.{n}") for n in range(6)]
        assert answers == [b"400"] * 6
    finally:
        server.stop()


def _sign_in_over(path: Path, address: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(path))
        head = f"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {address}\r\n"
        line.sendall(head.encode() + b"Content-Length: 0\r\nConnection: close\r\n\r\n")
        return line.makefile("rb").readline().split()[1]


def test_idle_connections_do_not_keep_others_out(home: Home) -> None:
    server = PageServer(home.app(), PageConfig(), port=0)
    server.start()
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    try:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        connection.request("GET", "/sign-in")
        assert connection.getresponse().read()
        connection.close()
    finally:
        for one in idle:
            one.close()
        server.stop()


def test_the_server_sweeps_the_sessions_by_itself(home: Home) -> None:
    app = home.app()
    server = PageServer(app, home.settings, port=0, sweep_every_s=0.05)
    server.start()
    try:
        Browser(app).sign_in()
        table = app.session_interface.table  # type: ignore[attr-defined]
        assert len(table) == 1
        home.clock.go(hours=12)
        waited = time.monotonic() + 5
        while len(table) and time.monotonic() < waited:
            time.sleep(0.05)
        assert len(table) == 0
    finally:
        server.stop()
