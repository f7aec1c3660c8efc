"""When a simulated meter's bytes go out: its period, its speed, and the bytes of a slow line."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator.sending import (
    Pace,
    Sender,
    bytes_per_s,
    send_all,
)

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
TELEGRAM = bytes(range(256)) * 3


@dataclass
class Stopwatch:
    """A clock that only waiting and making telegrams move; stops at `stop_at`."""

    now: float = 100.0
    stop_at: float = 1e9

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now = min(self.now + seconds, max(self.now, self.stop_at))
        return self.now >= self.stop_at


@dataclass
class Scripted:
    """A meter that says what is written for it, in turn; each telegram takes `cost` seconds to make."""

    watch: Stopwatch
    says: tuple[bytes | None, ...] = (TELEGRAM,)
    cost: float = 0.0
    asked: list[tuple[float, datetime]] = field(default_factory=list)

    def bytes_at(self, at: datetime) -> bytes | None:
        self.asked.append((self.watch.now, at))
        self.watch.now += self.cost
        return self.says[(len(self.asked) - 1) % len(self.says)]


@dataclass
class Noted:
    """A line that notes when each part came; None for being unplugged."""

    watch: Stopwatch
    parts: list[tuple[float, bytes | None]] = field(default_factory=list)
    begun: int = 0
    read_by_somebody: bool = True

    def send(self, part: bytes, *, begins: bool = True) -> bool:
        self.begun += begins
        if part:
            self.parts.append((self.watch.now, part))
        return self.read_by_somebody

    def unplug(self) -> None:
        self.parts.append((self.watch.now, None))

    def close(self) -> None: ...


def sent(
    meter: Scripted, pace: Pace, start: datetime = START, count: int | None = None
) -> tuple[Noted, Sender]:
    line = Noted(meter.watch)
    sender = Sender(meter, line, start, meter.watch.now, pace, count=count)
    send_all([sender], meter.watch.wait, meter.watch.clock)
    return line, sender


def seconds(meter: Scripted) -> list[float]:
    """When after the beginning the telegrams were made."""
    return [round(now - 100, 6) for now, _ in meter.asked]


def test_telegrams_come_at_whole_seconds_without_drift() -> None:
    meter = Scripted(Stopwatch(), cost=0.3)
    sent(meter, Pace(), START + timedelta(milliseconds=250), 4)
    assert seconds(meter) == [0.75, 1.75, 2.75, 3.75]
    assert [at for _, at in meter.asked] == [START + timedelta(seconds=n) for n in (1, 2, 3, 4)]


def test_speed_and_period_stretch_the_pace() -> None:
    meter = Scripted(Stopwatch())
    sent(meter, Pace(period_s=10, speed=100), count=3)
    assert seconds(meter) == [0, 0.1, 0.2]


def test_speed_zero_never_waits() -> None:
    meter = Scripted(Stopwatch())
    sent(meter, Pace(speed=0), count=3)
    assert seconds(meter) == [0, 0, 0]
    assert meter.asked[-1][1] == START + timedelta(seconds=2)


def test_it_stops_when_told() -> None:
    meter = Scripted(Stopwatch(stop_at=103.5))
    sent(meter, Pace())
    assert seconds(meter) == [0, 1, 2, 3]


@pytest.mark.parametrize(("setting", "rate"), [("115200 8N1", 11520), ("9600 7E1", 960), ("9600 8E2", 800)])
def test_a_byte_takes_its_start_parity_and_stop_bits(setting: str, rate: float) -> None:
    assert bytes_per_s(setting) == rate


@given(
    telegram=st.binary(min_size=1, max_size=9000),
    setting=st.sampled_from(["115200 8N1", "9600 7E1", "2400 8E1"]),
)
def test_no_byte_comes_before_the_line_could_carry_it(telegram: bytes, setting: str) -> None:
    meter = Scripted(Stopwatch(), (telegram,))
    line, _ = sent(meter, Pace.of_line(10, 1, setting), count=1)
    rate, came = bytes_per_s(setting), 0
    for now, part in line.parts:
        assert part is not None
        came += len(part)
        assert now - 100 >= came / rate - 1e-6
        assert len(part) <= max(1, rate / 50)  # no more than a driver hands over at once
    assert b"".join(part for _, part in line.parts if part) == telegram
    assert line.parts[-1][0] - 100 == pytest.approx(len(telegram) / rate)
    assert line.begun == 1


def test_a_slow_line_does_not_delay_the_next_telegram() -> None:
    meter = Scripted(Stopwatch())
    line, sender = sent(meter, Pace.of_line(10, 1, "9600 7E1"), count=3)
    assert seconds(meter) == [0, 10, 20]
    assert line.begun == sender.telegrams == 3


def test_at_another_speed_a_telegram_comes_at_once() -> None:
    meter = Scripted(Stopwatch())
    line, _ = sent(meter, Pace.of_line(10, 2, "9600 7E1"), count=2)
    assert line.parts == [(100, TELEGRAM), (105, TELEGRAM)]


def test_a_telegram_under_way_is_finished_when_it_is_time_to_stop() -> None:
    meter = Scripted(Stopwatch(stop_at=100.3))
    line, _ = sent(meter, Pace.of_line(10, 1, "9600 7E1"))
    assert line.parts[-1][0] == pytest.approx(100.3)
    assert b"".join(part for _, part in line.parts if part) == TELEGRAM


def test_a_silent_moment_sends_nothing_and_an_unplugged_one_takes_the_line_away() -> None:
    meter = Scripted(Stopwatch(), (TELEGRAM, b"", None, TELEGRAM))
    line, sender = sent(meter, Pace(), count=4)
    assert line.parts == [(100, TELEGRAM), (102, None), (103, TELEGRAM)]
    assert line.begun == 3  # readers may come while it is silent
    assert sender.telegrams == 2
    assert (sender.first_at, sender.last_at) == (START, START + timedelta(seconds=3))


def test_it_ends_when_nobody_will_ever_read_again() -> None:
    meter = Scripted(Stopwatch())
    line = Noted(meter.watch, read_by_somebody=False)
    send_all([Sender(meter, line, START, 100, Pace())], meter.watch.wait, meter.watch.clock)
    assert len(line.parts) == 1


def test_many_are_sent_in_the_order_in_which_they_are_due() -> None:
    watch = Stopwatch()
    meters = [Scripted(watch) for _ in range(4)]
    lines = [Noted(watch) for _ in meters]
    senders = [
        Sender(meter, line, START, 100, Pace(period_s=10), later_s=2.5 * n, count=2)
        for n, (meter, line) in enumerate(zip(meters, lines, strict=True))
    ]
    send_all(senders, watch.wait, watch.clock)
    assert [seconds(meter) for meter in meters] == [[0, 10], [2.5, 12.5], [5, 15], [7.5, 17.5]]
    # A telegram bears the second at which it is sent, not that of the period's beginning.
    assert [meter.asked[0][1] - START for meter in meters] == [timedelta(seconds=n) for n in (0, 2, 5, 7)]


def test_as_fast_as_possible_means_in_turn() -> None:
    watch = Stopwatch()
    meters = [Scripted(watch, cost=1) for _ in range(3)]
    senders = [Sender(meter, Noted(watch), START, 100, Pace(speed=0), count=2) for meter in meters]
    send_all(senders, watch.wait, watch.clock)
    assert [seconds(meter) for meter in meters] == [[0, 3], [1, 4], [2, 5]]
