"""The control socket: commands speak to the running daemon, and nobody else does."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from stat import S_IMODE
from typing import Any

import pytest

from gateway.control import ControlServer, ask
from gateway.errors import ConsentError, DaemonUnavailable, GatewayError
from gateway.operations.remote import answered, may_be_asked


@dataclass(frozen=True)
class Facts:
    text: str
    deep: Mapping[str, Sequence[int | None]]


class Room:
    """Operations that may be asked."""

    def __init__(self) -> None:
        self.going_on = threading.Event()

    @may_be_asked
    def echo(self, facts: Facts) -> Facts:
        return facts

    @may_be_asked
    def double(self, n: int) -> int:
        return 2 * n

    @may_be_asked
    def nothing(self) -> None:
        return None

    @may_be_asked
    def refuse(self) -> None:
        raise ConsentError("this consent has ended already")

    @may_be_asked
    def fail(self) -> None:
        raise RuntimeError("a secret detail")

    @may_be_asked
    def wait(self) -> bool:
        return self.going_on.wait(10)

    def open_the_door(self) -> None:
        """Nobody may ask for it."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def server(path: Path, room: Room) -> Iterator[ControlServer]:
    running = ControlServer(path, answered(room))
    running.start()
    yield running
    room.going_on.set()
    running.stop()


def said_to(path: Path, line: bytes) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rb") as answers:
        connection.settimeout(5)
        connection.connect(str(path))
        connection.sendall(line)
        connection.shutdown(socket.SHUT_WR)
        answer: dict[str, Any] = json.loads(answers.readline())
        return answer


def test_a_request_is_answered(server: ControlServer, path: Path) -> None:
    facts = Facts("é\n", {"one": (1, None)})
    assert ask(path, Room.echo, facts=facts) == facts
    ask(path, Room.nothing)


def test_requests_are_answered_beside_each_other(server: ControlServer, path: Path, room: Room) -> None:
    answers: list[Any] = []
    slow = threading.Thread(target=lambda: answers.append(ask(path, Room.wait)))
    slow.start()
    assert ask(path, Room.double, n=1) == 2
    assert answers == []
    room.going_on.set()
    slow.join()
    assert answers == [True]


def test_only_the_gateways_own_user_can_connect(server: ControlServer, path: Path) -> None:
    assert S_IMODE(path.stat().st_mode) == 0o600


def test_making_the_socket_leaves_the_permissions_of_other_files_alone(
    server: ControlServer, tmp_path: Path
) -> None:
    (tmp_path / "other").touch(mode=0o666)
    plain = tmp_path / "plain"
    plain.touch()
    assert S_IMODE(plain.stat().st_mode) & 0o200


def test_what_the_daemon_refuses_comes_through_as_its_sentence(server: ControlServer, path: Path) -> None:
    with pytest.raises(GatewayError) as refused:
        ask(path, Room.refuse)
    assert str(refused.value) == "this consent has ended already"


def test_an_unknown_operation_is_told_in_a_sentence(server: ControlServer, path: Path) -> None:
    with pytest.raises(GatewayError, match="the gateway does not know this request"):
        ask(path, Room.open_the_door)


def test_what_goes_wrong_inside_is_logged_and_told_without_its_details(
    server: ControlServer, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "gateway.control"), pytest.raises(GatewayError) as told:
        ask(path, Room.fail)
    assert str(told.value) == "the gateway could not do this: its log says why"
    assert caplog.messages == ["a command failed"]


@pytest.mark.parametrize(
    "line", [b"\n", b"", b"{}\n", b"[]\n", b"7\n", b"null\n", b'"echo"\n', b'{"operation": []}\n', b"\xff\n",
             b'{"operation": "Room.double"', b"x" * 70_000,
             b'{"operation": "Room.double", "facts": {"n": "1"}}\n', b'{"operation": "Room.double"}\n',
             b'{"operation": "Room.double", "facts": {"n": 1, "m": 2}}\n',
             b'{"operation": "Room.double", "facts": [1]}\n', b'{"operation": "Room.open_the_door"}\n']
)  # fmt: skip
def test_rubbish_is_answered_and_harms_nothing(server: ControlServer, path: Path, line: bytes) -> None:
    assert said_to(path, line) == {"error": "the gateway does not know this request"}
    assert ask(path, Room.double, n=1) == 2


def test_without_a_daemon_it_is_told_in_a_sentence(path: Path) -> None:
    with pytest.raises(DaemonUnavailable, match="the gateway is not running"):
        ask(path, Room.nothing)


def test_the_socket_of_a_killed_daemon_is_told_in_a_sentence_and_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(path))
    with pytest.raises(DaemonUnavailable, match="the gateway is not running"):
        ask(path, Room.nothing)
    running = ControlServer(path, answered(Room()))
    running.start()
    try:
        assert ask(path, Room.double, n=1) == 2
    finally:
        running.stop()


def test_a_daemon_that_hangs_up_is_told_in_a_sentence(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def hang_up() -> None:
            line, _ = listening.accept()
            with line:
                line.recv(1000)

        hanging_up = threading.Thread(target=hang_up)
        hanging_up.start()
        with pytest.raises(DaemonUnavailable, match="the gateway does not answer"):
            ask(path, Room.nothing)
        hanging_up.join()


def test_after_the_end_the_socket_is_gone(server: ControlServer, path: Path) -> None:
    running = ControlServer(path.with_name("other.sock"), {})
    running.start()
    running.stop()
    assert not path.with_name("other.sock").exists()
    with pytest.raises(DaemonUnavailable):
        ask(path.with_name("other.sock"), Room.nothing)
