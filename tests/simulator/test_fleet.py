"""Many homes in one process: each its own meter and port, and a load that is flat."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from gateway.errors import ConfigError
from gateway.p1 import (
    Decoder,
    Frame,
    Framer,
    Reading,
)
from gateway.simulator import Household, SimulatedMeter
from gateway.simulator.dialects import DIALECTS, DSMR_5, Dialect
from gateway.simulator.faults import Wish
from gateway.simulator.fleet import (
    Connection,
    Fleet,
    Kind,
    homes_in_turn,
    tcp_lines,
)
from gateway.simulator.homes import HOMES
from gateway.simulator.line import TcpLine
from gateway.simulator.sending import Pace

START = datetime(2026, 11, 23, 12, tzinfo=UTC)


def connections(number: int, dialect: Dialect = DSMR_5, *faults: str) -> list[Connection]:
    kind = Kind(dialect, START, wishes=tuple(Wish.parse(fault, START) for fault in faults))
    return [Connection(kind, seed, home) for seed, home in homes_in_turn(dialect, number, 1)]


class Seconds:
    """Time that passes where somebody waits, and nowhere else: a busy machine makes no difference."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return False


class Gathered:
    """A line that keeps what is sent and notes when."""

    def __init__(self, clock: Seconds) -> None:
        self._clock = clock
        self.sent = b""
        self.times: list[float] = []

    def send(self, part: bytes, *, begins: bool = True) -> bool:
        self.sent += part
        self.times.append(self._clock())
        return True

    def unplug(self) -> None: ...

    def close(self) -> None: ...


def gathered(members: Sequence[Connection], pace: Pace, count: int) -> list[Gathered]:
    clock = Seconds()
    lines = [Gathered(clock) for _ in members]
    fleet = Fleet(members, [(str(number), line) for number, line in enumerate(lines)])
    fleet.run(START, pace, clock.wait, clock, count)
    return lines


def readings(sent: bytes) -> list[Reading]:
    found = list(Framer().feed(sent))
    return [Decoder().decode(frame, START) for frame in found if isinstance(frame, Frame)]


def test_every_home_has_its_own_meter_and_they_take_turns_over_all_presets() -> None:
    members = connections(2 * len(HOMES))
    assert [one.home.name for one in members] == [*HOMES, *HOMES]
    lines = gathered(members, Pace(speed=0), 3)
    told = [readings(line.sent) for line in lines]
    assert all(len(one) == 3 for one in told)
    assert len({one[0].meter_number for one in told}) == len(members)


def test_a_home_of_the_fleet_sends_what_it_would_alone() -> None:
    members = connections(3)
    lines = gathered(members, Pace(speed=0), 2)
    alone = SimulatedMeter(Household(members[2].seed, members[2].home), START)
    assert lines[2].sent == b"".join(alone.bytes_at(START + timedelta(seconds=n)) for n in (0, 1))


def test_a_heat_meter_is_only_put_where_there_is_heat_to_measure() -> None:
    lines = gathered(connections(8, DIALECTS["nl-warmtelink"]), Pace(speed=0), 1)
    assert all(readings(line.sent)[0].mbus for line in lines)


def test_sends_are_spread_over_the_period() -> None:
    members = connections(5)
    for one in members:
        one.make_ready(START)
    lines = gathered(members, Pace(period_s=1, speed=2), 2)
    times = sorted(line.times[0] for line in lines)
    assert [after - before for before, after in pairwise(times)] == pytest.approx([0.1] * 4)


@pytest.fixture
def lines() -> Iterator[list[TcpLine]]:
    with ExitStack() as opened:
        yield [opened.enter_context(closing(line)) for line in tcp_lines("127.0.0.1", 0, 6, patience_s=0)]


@contextmanager
def running(fleet: Fleet, pace: Pace) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=fleet.run, args=(START, pace, stop.wait, time.monotonic))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def received(port: int, telegrams: int) -> list[Reading]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        sent = b""
        while sent.count(b"!") < telegrams:
            sent += client.recv(65536)
        return readings(sent)[:telegrams]


def test_each_meter_is_read_at_its_own_port(lines: list[TcpLine]) -> None:
    members = connections(len(lines))
    addressed = [(f"tcp://127.0.0.1:{line.port}", line) for line in lines]
    with running(Fleet(members, addressed), Pace(speed=20)):
        numbers = [{one.meter_number for one in received(line.port, 3)} for line in lines]
    alone = [SimulatedMeter(Household(one.seed, one.home), START).number for one in members]
    assert numbers == [{number} for number in alone]


def test_who_does_not_read_delays_nobody_else(lines: list[TcpLine]) -> None:
    addressed = [(f"tcp://127.0.0.1:{line.port}", line) for line in lines]
    with ExitStack() as idle, running(Fleet(connections(len(lines)), addressed), Pace(speed=1000)):
        for line in lines[1:]:
            sleeper = idle.enter_context(socket.create_connection(("127.0.0.1", line.port), timeout=10))
            sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        told = received(lines[0].port, 2000)
    assert all(after.at - before.at == timedelta(seconds=1) for before, after in pairwise(told))


@contextmanager
def port_behind_a_free_one() -> Iterator[int]:
    """A port that is taken, behind one that is not."""
    while True:
        taken = TcpLine("127.0.0.1", 0)
        with closing(taken), suppress(ConfigError):
            TcpLine("127.0.0.1", taken.port - 1).close()
            yield taken.port
            return


def test_ports_follow_each_other_or_none_is_opened() -> None:
    with port_behind_a_free_one() as taken:
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{taken}: Address already in use"):
            tcp_lines("127.0.0.1", taken - 1, 2)
        TcpLine("127.0.0.1", taken - 1).close()  # it was opened, and is free again


def test_more_ports_than_there_are_is_told() -> None:
    with pytest.raises(ConfigError, match="10 meters from port 65530 on need ports above 65535"):
        tcp_lines("127.0.0.1", 65530, 10)


def test_the_report_says_what_each_sent_and_what_went_wrong_there() -> None:
    members = connections(3, DSMR_5, "wrong-checksum=0.2")
    clock = Seconds()
    lines = [Gathered(clock) for _ in members]
    fleet = Fleet(members, [(f"line {n}", line) for n, line in enumerate(lines)])
    fleet.run(START, Pace(speed=0), threading.Event().wait, time.monotonic, 200)
    report = fleet.report()
    assert [(one["address"], one["seed"], one["telegrams"]) for one in report] == [
        (f"line {n}", n + 1, 200) for n in range(3)
    ]
    damaged = [200 - len(readings(line.sent)) for line in lines]
    assert [one["faults"] for one in report] == [{"wrong-checksum": count} for count in damaged]
    assert fleet.injected == {"wrong-checksum": sum(damaged)}
    assert fleet.telegrams == 600
    assert len(set(damaged)) > 1  # every home has its own luck
