"""The owner is never kept out: the real daemon's page under attack from many addresses of loopback."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.made_up import NUMBER
from tests.running import PASSWORD, FedMeter, RunningGateway
from tests.web.wire import WireBrowser

_WITHIN_S = 2
_CONNECTIONS = 110
_OPENINGS = {
    "idle": b"",
    "slow header": b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    "slow body": b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n",
}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[RunningGateway]:
    meter = FedMeter()
    gateway = RunningGateway(tmp_path, meter.address, broker=False)
    gateway.history.claim(PASSWORD)
    gateway.start()
    yield gateway
    gateway.close()
    meter.close()


@contextlib.contextmanager
def dripping(port: int, opening: bytes, addresses: list[str]) -> Iterator[None]:
    """As many connections, each opened anew as soon as it is closed, that send a byte every half second."""
    ending = threading.Event()

    def connect(address: str) -> socket.socket:
        line = socket.create_connection(("127.0.0.1", port), timeout=5, source_address=(address, 0))
        line.sendall(opening)
        line.setblocking(False)
        return line

    lines = {n: connect(address) for n, address in enumerate(addresses)}

    def drip() -> None:
        while not ending.wait(0.5):
            for n, line in list(lines.items()):
                try:
                    if opening:
                        line.send(b"x")
                    if line.recv(100) == b"":
                        raise ConnectionResetError
                except BlockingIOError:
                    pass
                except OSError:
                    line.close()
                    with contextlib.suppress(OSError):
                        lines[n] = connect(addresses[n])

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
        for line in lines.values():
            line.close()


@contextlib.contextmanager
def guessing(port: int, addresses: list[str]) -> Iterator[None]:
    """Every address guesses a password again and again, whatever it is told."""
    ending = threading.Event()

    def guess(mine: list[str]) -> None:
        browsers = [WireBrowser(port, address, timeout_s=30) for address in mine]
        while not ending.is_set():
            for browser in browsers:
                if ending.is_set():
                    return
                with contextlib.suppress(OSError):
                    if not browser.token:
                        browser.get("/sign-in")
                    browser.post("/sign-in", password="a wrong guess", meter_number=NUMBER)

    threads = [threading.Thread(target=guess, args=(addresses[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ending.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("many", [True, False], ids=["many addresses", "one address"])
@pytest.mark.parametrize("opening", _OPENINGS.values(), ids=_OPENINGS)
def test_dripping_connections_keep_nobody_out(gateway: RunningGateway, opening: bytes, many: bool) -> None:
    addresses = [f"127.0.1.{n + 1 if many else 1}" for n in range(_CONNECTIONS)]
    with dripping(gateway.page_port, opening, addresses):
        for _ in range(4):
            began = time.monotonic()
            assert WireBrowser(gateway.page_port, "127.0.2.1").get("/sign-in").status == 200
            assert time.monotonic() - began < _WITHIN_S
            time.sleep(0.3)


def test_anonymous_requests_do_not_spoil_an_open_form(gateway: RunningGateway) -> None:
    owner = WireBrowser(gateway.page_port, "127.0.2.1")
    owner.get("/sign-in")
    for n in range(260):
        WireBrowser(gateway.page_port, f"127.0.1.{n % 250 + 1}").get("/sign-in")
    answer = owner.post("/sign-in", password=PASSWORD, meter_number=NUMBER)
    assert (answer.status, answer.location) == (303, "/now")


def test_sixty_guessing_addresses_keep_the_owner_out_neither_of_a_known_browser_nor_of_a_new_one(
    gateway: RunningGateway,
) -> None:
    known = WireBrowser(gateway.page_port, "127.0.2.1")
    assert known.sign_in(PASSWORD, NUMBER).status == 303
    assert known.post("/sign-out").status == 303
    with guessing(gateway.page_port, [f"127.0.1.{n + 1}" for n in range(60)]):
        time.sleep(8)  # the free tries are used up
        began = time.monotonic()
        known.get("/sign-in")
        assert known.post("/sign-in", password=PASSWORD, meter_number=NUMBER).status == 303
        assert time.monotonic() - began < _WITHIN_S
        new = WireBrowser(gateway.page_port, "127.0.2.2")
        began = time.monotonic()
        assert new.get("/sign-in").status == 200
        assert time.monotonic() - began < _WITHIN_S
