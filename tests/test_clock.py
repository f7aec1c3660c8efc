"""The gateway's clock: it never runs backwards, and nothing hangs on a clock that is in doubt."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway import clock
from gateway.clock import (
    RELEASED,
    SETTLED_AFTER_S,
    TOLERANCE,
    GatewayClock,
)
from gateway.consent import (
    Category,
    Granularity,
    Ledger,
    State,
)
from gateway.consent.ledger import Event
from gateway.errors import (
    ClockBehind,
    ClockBehindHistory,
    ClockBehindMeter,
    ClockFarAhead,
    ClockNotYetSet,
    GatewayError,
)
from gateway.history import DeviceKey, HiddenFile
from tests.made_up import NOON, terms
from tests.running import Machine

SECOND = timedelta(seconds=1)
OFFSETS = st.one_of(
    st.integers(-600, 600).map(lambda s: timedelta(seconds=s)),
    st.integers(-200_000, 200_000).map(lambda m: timedelta(minutes=m)),
    st.sampled_from([datetime(year, 1, 1, tzinfo=UTC) - NOON for year in (1970, 2000, 2040, 2099)]),
)
STEPS = st.lists(
    st.tuples(
        st.integers(0, 100_000),  # seconds that pass
        OFFSETS,  # where the system's clock then stands, from the true time
        st.booleans(),  # whether a time server set it
        st.one_of(st.none(), OFFSETS),  # where the meter's clock stands, if it speaks
        st.booleans(),  # whether the machine is started again
    ),
    max_size=20,
)


class Slot:
    def __init__(self) -> None:
        self.plain: bytes | None = None
        self.saved = 0

    def load(self) -> bytes | None:
        return self.plain

    def save(self, plain: bytes) -> None:
        self.plain = plain
        self.saved += 1


@pytest.fixture
def machine() -> Machine:
    return Machine(NOON)


def restarted(machine: Machine, slot: Slot, off: timedelta, **clock_at: object) -> GatewayClock:
    """The machine was off for a while; its clock shows what is given."""
    machine.restart(off)
    found = machine.clock()
    found.remember_in(slot)
    return found


@given(STEPS)
@example([(0, timedelta(days=5000), True, None, False), (60, timedelta(0), True, None, False)])
@example([(400, timedelta(0), False, None, False), (60, -timedelta(days=1), False, None, True)])
@example(
    [  # set and started again within the same second: too early to have been remembered
        (0, timedelta(0), False, None, True),
        (0, timedelta(0), True, None, False),
        (0, timedelta(0), False, None, True),
    ]
)
def test_time_never_runs_backwards_and_never_before_what_was_remembered_over_a_restart(
    steps: Iterable[tuple[int, timedelta, bool, timedelta | None, bool]],
) -> None:
    machine, slot = Machine(NOON), Slot()
    running = machine.clock()
    before = remembered = RELEASED
    for passed, offset, synchronised, meter, restart in steps:
        machine.pass_by(timedelta(seconds=passed))
        machine.offset, machine.synchronised = offset, synchronised
        if restart:
            running = restarted(machine, slot, timedelta(0))
            before = remembered
        if meter is not None:
            for _ in range(3):
                running.note_meter(machine.true + meter)
        now = running()
        assert now >= before
        assert now <= max(before + timedelta(seconds=passed), machine.system())  # nothing else moves it
        before = now
        saved = slot.saved
        running.save(due_only=True)
        if slot.saved > saved:
            remembered = now


@given(STEPS)
def test_only_a_believed_clock_moves_the_time_further_than_the_uptime_does(
    steps: Iterable[tuple[int, timedelta, bool, timedelta | None, bool]],
) -> None:
    machine = Machine(NOON)
    running = machine.clock()
    reached = running()
    for passed, offset, synchronised, meter, _ in steps:
        machine.pass_by(timedelta(seconds=passed))
        machine.offset, machine.synchronised = offset, synchronised
        if meter is not None:
            running.note_meter(machine.true + meter)
        doubt, now = running.doubt(), running()
        if doubt is None:
            assert abs(now - max(machine.system(), reached)) <= max(TOLERANCE, timedelta(seconds=passed))
        else:
            assert now <= reached + timedelta(seconds=passed)
        reached = now


@pytest.mark.parametrize(
    "behind", [timedelta(minutes=11), timedelta(hours=1), timedelta(days=1), timedelta(days=9000)]
)
@pytest.mark.parametrize("synchronised", [True, False])
def test_a_clock_behind_what_was_reached_is_in_doubt_and_time_goes_on_from_there(
    machine: Machine, behind: timedelta, synchronised: bool
) -> None:
    slot = Slot()
    running = machine.settled_clock()
    running.remember_in(slot)
    reached = running()
    running.save()
    found = restarted(machine, slot, timedelta(0))
    machine.offset, machine.synchronised = -behind, synchronised
    machine.pass_by(timedelta(seconds=SETTLED_AFTER_S + 1))
    assert isinstance(found.doubt(), ClockBehind)
    assert found() >= reached
    machine.offset = timedelta(0)  # set right again
    assert found.doubt() is None
    assert found() == machine.true


def test_after_a_start_an_unset_clock_is_waited_for(machine: Machine) -> None:
    running = machine.clock()
    assert isinstance(running.doubt(), ClockNotYetSet)
    assert running() < machine.true
    machine.synchronised = True
    assert running.doubt() is None
    assert running() == machine.true


def test_without_any_time_server_a_clock_that_goes_on_is_believed_after_a_while(machine: Machine) -> None:
    running = machine.clock()
    machine.pass_by(timedelta(seconds=SETTLED_AFTER_S + 1))
    assert running.doubt() is None
    assert running() == machine.true


def test_a_meter_that_shows_the_same_time_confirms_it_once_three_telegrams_agree(machine: Machine) -> None:
    running = machine.clock()
    for count in range(3):
        assert isinstance(running.doubt(), ClockNotYetSet), count
        machine.pass_by(SECOND)
        running.note_meter(machine.true)
    assert running.doubt() is None


@pytest.mark.parametrize("lead", [timedelta(minutes=6), timedelta(days=2), timedelta(days=5000)])
def test_a_meter_that_is_later_makes_an_unset_clock_doubtful_and_never_moves_it(
    machine: Machine, lead: timedelta
) -> None:
    running = machine.settled_clock()
    before = running()
    for _ in range(10):
        machine.pass_by(SECOND)
        running.note_meter(machine.true + lead)
    assert isinstance(running.doubt(), ClockBehindMeter)
    assert running() - before == 10 * SECOND
    machine.synchronised = True  # a time server knows better
    assert running.doubt() is None
    assert running() == machine.true


def test_single_telegrams_with_wild_times_are_no_witness(machine: Machine) -> None:
    running = machine.settled_clock()
    for hours in (5, 900, -70, 3, 40_000):
        running.note_meter(machine.true + timedelta(hours=hours))
    assert running.doubt() is None


def test_a_meter_behind_is_no_reason_to_doubt(machine: Machine) -> None:
    running = machine.settled_clock()
    for _ in range(5):
        running.note_meter(machine.true - timedelta(days=400))
    assert running.doubt() is None


def test_an_unset_clock_in_a_later_century_does_not_carry_time_along(machine: Machine) -> None:
    running = machine.settled_clock()
    assert running() == machine.true
    machine.offset = timedelta(days=5000)
    assert isinstance(running.doubt(), ClockFarAhead)
    assert running() == machine.true


def test_a_clock_that_a_time_server_sets_back_stands_still_until_it_is_as_late_again(
    machine: Machine,
) -> None:
    machine.offset, machine.synchronised = timedelta(hours=1), True
    running = machine.clock()
    reached = running()
    machine.offset = timedelta(0)
    assert isinstance(running.doubt(), ClockBehind)
    machine.pass_by(timedelta(minutes=30))
    assert running() == reached
    machine.pass_by(timedelta(minutes=31))
    assert running.doubt() is None
    assert running() == machine.true > reached


@pytest.mark.parametrize("newest", ["ledger", "history"])
@pytest.mark.parametrize("synchronised", [True, False])
def test_what_was_recorded_later_makes_the_clock_doubtful_until_the_owner_confirms_it(
    machine: Machine, newest: str, synchronised: bool
) -> None:
    """A line or a row of 2040 that a wrong clock once wrote does not lock the gateway for good."""
    slot, later = Slot(), NOON + timedelta(days=5000)

    def started() -> GatewayClock:
        found = machine.clock()
        found.remember_in(slot)
        if newest == "ledger":
            found.never_before(later)
        else:
            found.note_history(later)
        return found

    machine.synchronised = synchronised
    machine.pass_by(timedelta(seconds=SETTLED_AFTER_S + 1))
    doubted = started()
    assert isinstance(doubted.doubt(), ClockBehind if newest == "ledger" else ClockBehindHistory)
    assert (doubted() >= later) == (newest == "ledger")  # the meter's days never move the time
    started().confirm()
    for _ in range(2):
        confirmed = started()
        assert confirmed.doubt() is None
        assert confirmed() == machine.true
        machine.restart(timedelta(hours=1))
        machine.pass_by(timedelta(seconds=SETTLED_AFTER_S + 1))


def test_the_owners_word_counts_until_the_machine_is_started_again(machine: Machine) -> None:
    slot = Slot()
    machine.pass_by(timedelta(minutes=10))
    stopped = machine.clock()
    stopped.remember_in(slot)
    for _ in range(3):
        stopped.note_meter(machine.true + timedelta(hours=1))
    assert isinstance(stopped.doubt(), ClockBehindMeter)
    stopped.confirm()
    again = machine.clock()
    again.remember_in(slot)
    for _ in range(3):
        again.note_meter(machine.true + timedelta(hours=1))
    assert again.doubt() is None
    machine.offset = timedelta(minutes=2)  # it was set: not what the owner confirmed
    assert isinstance(again.doubt(), ClockBehindMeter)
    machine.offset = timedelta(0)
    assert again.doubt() is None
    assert isinstance(restarted(machine, slot, timedelta(hours=1)).doubt(), ClockNotYetSet)


def test_it_is_written_to_the_card_every_few_minutes_only(machine: Machine) -> None:
    slot, running = Slot(), machine.settled_clock()
    running.remember_in(slot)
    for _ in range(3600 // 5):
        machine.pass_by(5 * SECOND)
        running.save(due_only=True)
    assert slot.saved == 12
    running.save()
    assert slot.saved == 13


def test_every_doubt_is_a_sentence_that_says_what_to_do() -> None:
    for doubt in (ClockBehind(), ClockBehindHistory(), ClockBehindMeter(), ClockFarAhead()):
        assert isinstance(doubt, GatewayError)
        assert "set it, or connect the machine to the internet" in str(doubt)
        assert "confirm-clock" in str(doubt)


@pytest.mark.parametrize("behind", [timedelta(minutes=7), timedelta(days=2), timedelta(days=9000)])
@pytest.mark.parametrize("ended_by", ["expiry", "withdrawal"])
def test_an_ended_consent_stays_ended_when_the_machine_starts_with_its_clock_behind(
    tmp_path: Path, device_key: DeviceKey, machine: Machine, behind: timedelta, ended_by: str
) -> None:
    """Ended but not yet noted in the ledger, as just before a power cut."""

    def started() -> tuple[GatewayClock, Ledger]:
        running = machine.clock()
        running.remember_in(HiddenFile(tmp_path / "clock", device_key))
        newest = HiddenFile(tmp_path / "newest", device_key)
        ledger = Ledger(tmp_path / "ledger", device_key, newest, running)
        running.never_before(ledger.newest_at)
        return running, ledger

    machine.synchronised = True
    running, ledger = started()
    granted = terms(
        {Category.POWER: Granularity.LIVE},
        valid_from=NOON - timedelta(days=300), valid_until=NOON + timedelta(hours=1),
    )  # fmt: skip
    ledger.append(Event.REQUESTED, "c1", terms=granted.as_json())
    ledger.append(Event.GIVEN, "c1")
    assert len(ledger.valid(running())) == 1
    machine.pass_by(timedelta(hours=1, minutes=1))
    if ended_by == "withdrawal":
        ledger.append(Event.WITHDRAWN, "c1")
    running.save()
    machine.restart(timedelta(hours=2))
    machine.offset, machine.synchronised = machine.offset - behind - timedelta(hours=2), False
    running, ledger = started()
    for _ in range(3):
        assert ledger.valid(running()) == []
        assert ledger.consent("c1").state_at(running()) in (State.EXPIRED, State.WITHDRAWN)
        assert running.doubt() is not None
        machine.pass_by(timedelta(minutes=4))


def test_whether_the_clock_is_synchronised_is_known_or_not_but_asking_never_fails() -> None:
    assert clock.is_synchronised() in (True, False)
    assert GatewayClock().doubt() is None or isinstance(GatewayClock().doubt(), GatewayError)
