"""The ledger: nothing in it can be altered, taken out or put in without being missed."""

from __future__ import annotations

import hashlib
import hmac
import json
import resource
from collections.abc import Callable
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from stat import S_IMODE
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.consent import Ledger, State
from gateway.consent.ledger import Event
from gateway.errors import (
    ConsentError,
    GatewayError,
    LedgerBroken,
    RolledBack,
)
from gateway.history import DeviceKey, HiddenFile
from tests.made_up import NOON, Clock, terms

Read = Callable[[], Ledger]
END = NOON + timedelta(days=1)


def give(ledger: Ledger, consent_id: str = "c1") -> None:
    ledger.append(Event.REQUESTED, consent_id, terms=terms(recipient="Vriend é").as_json(), method="page")
    ledger.append(Event.GIVEN, consent_id, method="page")


@pytest.fixture
def filled(ledger: Ledger, path: Path) -> list[bytes]:
    """The lines of a ledger with two consents, one withdrawn."""
    give(ledger)
    give(ledger, "c2")
    ledger.append(Event.WITHDRAWN, "c2", method="page")
    ledger.append(Event.CUT_OFF, "c2")
    return path.read_bytes().splitlines(keepends=True)


def assert_broken(ledger: Ledger) -> None:
    assert isinstance(ledger.fault, LedgerBroken)
    assert "nothing is shared" in str(ledger.fault)
    assert ledger.valid(NOON) == []
    assert ledger.consents() == []
    with pytest.raises(LedgerBroken):
        ledger.append(Event.SHARING_STARTED)


def test_it_says_the_same_after_a_restart(ledger: Ledger, read: Read, filled: list[bytes]) -> None:
    again = read()
    assert again.fault is None
    assert again.consents() == ledger.consents()
    assert again.entries("c2") == ledger.entries("c2")
    assert [consent.id for consent in again.valid(NOON)] == ["c1"]
    assert [entry.event for entry in again.entries("c2")] == [
        Event.REQUESTED, Event.GIVEN, Event.WITHDRAWN, Event.CUT_OFF,
    ]  # fmt: skip
    assert again.consent("c2").ended_at == NOON


def test_each_line_names_the_one_before_it(filled: list[bytes]) -> None:
    lines = [json.loads(line) for line in filled]
    assert [line["sequence"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert [line["previous"] for line in lines[1:]] == [line["mac"] for line in lines[:-1]]


@given(st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_altered_byte_anywhere_is_found(
    path: Path, read: Read, filled: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(filled)
    position = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[position]))
    path.write_bytes(whole[:position] + bytes([other]) + whole[position + 1 :])
    assert_broken(read())
    path.write_bytes(whole)
    assert read().fault is None


@pytest.mark.parametrize("line", [b" \n", b"{}\n", b"null\n", b"[]\n", b'"x"\n', b"7\n", b"\xff\n", b"\n"])
@pytest.mark.parametrize("where", [0, 3, 6])
def test_an_inserted_line_is_found(
    path: Path, read: Read, filled: list[bytes], line: bytes, where: int
) -> None:
    path.write_bytes(b"".join([*filled[:where], line, *filled[where:]]))
    assert_broken(read())


@pytest.mark.parametrize("gone", [0, 2, 4])
def test_a_removed_line_is_found(path: Path, read: Read, filled: list[bytes], gone: int) -> None:
    path.write_bytes(b"".join(filled[:gone] + filled[gone + 1 :]))
    assert_broken(read())


def test_lines_in_another_order_are_found(path: Path, read: Read, filled: list[bytes]) -> None:
    filled[1], filled[2] = filled[2], filled[1]
    path.write_bytes(b"".join(filled))
    assert_broken(read())


def test_a_line_that_stands_twice_is_found(path: Path, read: Read, filled: list[bytes]) -> None:
    path.write_bytes(b"".join([*filled, filled[1]]))  # "given" once more
    assert_broken(read())


def test_a_line_of_an_older_copy_of_this_ledger_is_found(
    path: Path, tmp_path: Path, read: Read, filled: list[bytes]
) -> None:
    """It is genuine, and of the right number; but it did not follow this line."""
    newest = tmp_path / "hidden" / "ledger-newest"
    remembered = newest.read_bytes()
    newest.unlink()
    path.write_bytes(filled[0])  # set back to its first line, and then another way
    other_way = read()
    other_way.append(Event.GIVEN, "c1", method="another")
    other_way.append(Event.PAUSED, "c1", method="another")
    foreign = path.read_bytes().splitlines(keepends=True)[2]
    path.write_bytes(b"".join([*filled[:2], foreign, *filled[3:]]))
    newest.write_bytes(remembered)
    assert_broken(read())


@pytest.mark.parametrize("kept", [0, 1, 4, 5])
def test_lines_cut_off_at_the_end_are_missed(path: Path, read: Read, filled: list[bytes], kept: int) -> None:
    path.write_bytes(b"".join(filled[:kept]))  # with kept = 4, the withdrawal is gone
    assert_broken(read())


def test_a_ledger_without_its_remembered_newest_line_is_not_trusted(
    read: Read, newest: HiddenFile, filled: list[bytes]
) -> None:
    newest.forget()
    assert_broken(read())


def test_a_ledger_whose_remembered_newest_line_does_not_open_is_not_trusted(
    tmp_path: Path, read: Read, filled: list[bytes]
) -> None:
    (tmp_path / "hidden" / "ledger-newest").write_bytes(b"rubbish on the card")
    assert_broken(read())


def test_a_ledger_of_another_device_key_is_refused(
    path: Path, tmp_path: Path, clock: Clock, filled: list[bytes]
) -> None:
    other = DeviceKey(bytes(32))
    newest = HiddenFile(tmp_path / "elsewhere", other)
    assert_broken(Ledger(path, other, newest, clock))


def test_a_torn_last_line_is_forgiven_and_the_ledger_goes_on(
    path: Path, read: Read, filled: list[bytes]
) -> None:
    whole = b"".join(filled)
    for torn in (filled[0][:1], filled[0][:50], filled[0][:-1]):
        path.write_bytes(whole + torn)
        assert read().fault is None
        assert path.read_bytes() == whole
    path.write_bytes(whole + filled[0][:50])
    ledger = read()
    ledger.append(Event.SHARING_STOPPED, method="button")
    assert read().sharing_stopped
    assert read().fault is None


def test_what_fails_its_check_is_kept_as_it_was_found(path: Path, read: Read, filled: list[bytes]) -> None:
    found = b"".join(filled)[:-1]  # the last line's end: it looks like a torn one
    path.write_bytes(found)
    assert_broken(read())
    assert path.read_bytes() == found


def test_a_line_that_was_written_but_not_remembered_yet_counts(
    path: Path, read: Read, tmp_path: Path, ledger: Ledger
) -> None:
    give(ledger)
    remembered = (tmp_path / "hidden" / "ledger-newest").read_bytes()
    ledger.append(Event.WITHDRAWN, "c1", method="page")
    (tmp_path / "hidden" / "ledger-newest").write_bytes(remembered)
    again = read()
    assert again.fault is None
    assert again.consent("c1").state is State.WITHDRAWN


def test_the_stop_switch_hides_every_consent_and_keeps_them(ledger: Ledger, read: Read) -> None:
    give(ledger)
    ledger.append(Event.SHARING_STOPPED, method="button")
    for one in (ledger, read()):
        assert one.sharing_stopped
        assert one.valid(NOON) == []
        assert one.consent("c1").state is State.GIVEN
    ledger.append(Event.SHARING_STARTED, method="button")
    assert [consent.id for consent in read().valid(NOON)] == ["c1"]


def test_it_knows_the_time_of_its_newest_line(ledger: Ledger, read: Read, clock: Clock) -> None:
    assert ledger.newest_at is None
    give(ledger)
    clock.pass_by(hours=3)
    ledger.append(Event.WITHDRAWN, "c1", method="page")
    clock.pass_by(hours=-2)  # a clock that was put back changes nothing of it
    assert ledger.newest_at == read().newest_at == NOON + timedelta(hours=3)


def test_a_paused_consent_is_not_valid_until_it_is_resumed(ledger: Ledger, read: Read) -> None:
    give(ledger)
    ledger.append(Event.PAUSED, "c1", method="page")
    assert read().valid(NOON) == []
    ledger.append(Event.RESUMED, "c1", method="page")
    assert [consent.id for consent in read().valid(NOON)] == ["c1"]


def test_a_consent_is_not_valid_after_its_end_though_nothing_was_written(ledger: Ledger) -> None:
    give(ledger)
    assert ledger.valid(END - timedelta(seconds=1)) != []
    assert ledger.valid(END) == []


def test_an_unknown_consent_is_told_in_a_sentence(ledger: Ledger) -> None:
    with pytest.raises(ConsentError, match="there is no such consent"):
        ledger.consent("c9")


def test_the_file_can_be_read_by_this_user_only(path: Path, filled: list[bytes]) -> None:
    assert S_IMODE(path.stat().st_mode) == 0o600


@contextmanager
def no_file_longer_than(size: int) -> Any:
    """A disk that is full after so many bytes, as this process sees it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_full_in_the_middle_of_a_line_does_not_break_the_ledger(
    path: Path, ledger: Ledger, read: Read
) -> None:
    give(ledger)
    before = path.read_bytes()
    with no_file_longer_than(len(before) + 40), pytest.raises(ConsentError, match="cannot be written"):
        ledger.append(Event.WITHDRAWN, "c1", method="page")
    assert path.read_bytes() == before
    ledger.append(Event.WITHDRAWN, "c1", method="page")
    assert ledger.consent("c1").state is read().consent("c1").state is State.WITHDRAWN


def test_a_line_whose_number_cannot_be_remembered_does_not_break_the_ledger(
    tmp_path: Path, ledger: Ledger, read: Read
) -> None:
    give(ledger)
    in_the_way = tmp_path / "hidden" / "ledger-newest.new"
    in_the_way.mkdir()
    with pytest.raises(GatewayError, match="cannot be written"):
        ledger.append(Event.WITHDRAWN, "c1", method="page")
    in_the_way.rmdir()
    ledger.append(Event.WITHDRAWN, "c1", method="page")
    again = read()
    assert again.fault is None
    assert again.consent("c1").state is State.WITHDRAWN


# --- what stands there in the clear -----------------------------------------------------------------


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=80))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_line_is_as_long_for_every_recipient_and_shows_only_the_chain(
    path: Path, read: Read, newest: HiddenFile, recipient: str
) -> None:
    path.unlink(missing_ok=True)
    newest.forget()
    read().append(Event.REQUESTED, "c1", terms=terms(recipient=recipient).as_json(), method="page")
    raw = path.read_bytes()
    shortest = path.with_name("other")
    other = Ledger(shortest, DeviceKey(bytes(32)), HiddenFile(path.with_name("x"), DeviceKey.new()), Clock())
    other.append(Event.REQUESTED, "c1", terms=terms(recipient="x").as_json(), method="page")
    assert len(raw) == len(shortest.read_bytes())
    shortest.unlink()
    path.with_name("x").unlink()
    assert set(json.loads(raw)) == {"schema", "sequence", "previous", "sealed", "mac"}
    assert read().consent("c1").terms.recipient == recipient


def test_what_happened_cannot_be_told_by_a_lines_length(ledger: Ledger, path: Path) -> None:
    give(ledger)
    ledger.append(Event.PAUSED, "c1", method="page")
    ledger.append(Event.RESUMED, "c1", method="command")
    ledger.append(Event.WITHDRAWN, "c1", method="button")
    lengths = [len(line) for line in path.read_bytes().splitlines()]
    assert len(set(lengths[1:])) == 1


# --- a ledger of version 0.1 ------------------------------------------------------------------------

OLD_KEY = DeviceKey(b"k" * 32)


def older_lines() -> list[bytes]:
    """A consent and the stop switch, as version 0.1 wrote them."""
    facts: list[tuple[str, str, dict[str, Any]]] = [
        ("requested", "c1", {"terms": terms().as_json(), "method": "page"}),
        ("given", "c1", {"method": "page"}),
        ("sharing stopped", "", {"method": "button"}),
    ]
    lines, previous = [], "0" * 64
    for number, (event, consent_id, what) in enumerate(facts, start=1):
        fields = {
            "schema": 1, "sequence": number, "at": NOON.isoformat(), "event": event, "consent": consent_id,
            "facts": what, "previous": previous, "mac": "",
        }  # fmt: skip
        line = json.dumps(fields, sort_keys=True, ensure_ascii=False).encode() + b"\n"
        previous = hmac.new(OLD_KEY.subkey("ledger"), line, hashlib.sha256).hexdigest()
        lines.append(json.dumps(fields | {"mac": previous}, sort_keys=True).encode() + b"\n")
    return lines


class CutSlot:
    """A hidden file whose disk loses power at one of its writes: before it or after it."""

    def __init__(self, newest: HiddenFile, writes: int, after: bool) -> None:
        self.newest, self.writes, self.after = newest, writes, after

    def load(self) -> bytes | None:
        return self.newest.load()

    def save(self, plain: bytes) -> None:
        self.writes -= 1
        if self.writes >= 0 or (self.after and self.writes == -1):
            self.newest.save(plain)
        if self.writes < 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_ledger_of_version_0_1_is_sealed_and_a_cut_leaves_it_whole(
    path: Path, tmp_path: Path, writes: int, after: bool
) -> None:
    lines = older_lines()
    path.write_bytes(b"".join(lines))
    newest = HiddenFile(tmp_path / "hidden" / "ledger-newest", OLD_KEY)
    newest.save(json.dumps([3, json.loads(lines[-1])["mac"]]).encode())
    before = Ledger(path, OLD_KEY, newest, Clock())
    assert before.fault is None
    with suppress(KeyboardInterrupt):
        Ledger(path, OLD_KEY, CutSlot(newest, writes, after), Clock()).upgrade()
    again = Ledger(path, OLD_KEY, newest, Clock())
    assert again.fault is None
    assert (again.sharing_stopped, again.consents()) == (True, before.consents())
    again.upgrade()
    assert b"Energy app" not in path.read_bytes()
    again.append(Event.SHARING_STARTED, method="page")
    assert [one.id for one in Ledger(path, OLD_KEY, newest, Clock()).valid(NOON)] == ["c1"]


# --- accepting --------------------------------------------------------------------------------------


def test_a_ledger_that_was_put_back_gives_nothing_until_it_is_accepted_and_its_consents_end(
    ledger: Ledger, read: Read
) -> None:
    give(ledger)
    give(ledger, "c2")
    ledger.append(Event.PAUSED, "c2", method="page")
    ledger.close(["ledger"])
    for one in (ledger, read()):  # it is remembered
        assert isinstance(one.fault, RolledBack)
        assert one.valid(NOON) == []
        with pytest.raises(RolledBack):
            one.append(Event.SHARING_STARTED)
    again = read()
    again.accept("page")
    for one in (again, read()):
        assert one.fault is None
        assert {consent.state for consent in one.consents()} == {State.WITHDRAWN}
        assert one.sharing_stopped
        assert [consent.id for consent in one.to_cut_off()] == ["c1", "c2"]
    with pytest.raises(ConsentError, match="nothing to accept"):
        again.accept("page")


def test_when_only_the_history_was_put_back_the_consents_stay(ledger: Ledger, read: Read) -> None:
    give(ledger)
    ledger.close(["history"])
    assert read().valid(NOON) == []
    ledger.accept("command")
    assert read().consent("c1").state is State.GIVEN
    assert read().sharing_stopped


def test_a_ledger_that_fails_its_check_is_set_aside_when_it_is_accepted(
    path: Path, read: Read, filled: list[bytes]
) -> None:
    path.write_bytes(b"".join(filled[:3]) + b"rubbish\n" + b"".join(filled[3:]))
    broken = read()
    assert_broken(broken)
    broken.accept("page")
    for one in (broken, read()):
        assert one.fault is None
        assert one.consents() == []
        assert one.sharing_stopped
    assert len(list(path.parent.glob("ledger.jsonl.rejected-*"))) == 1


@pytest.mark.parametrize("writes", range(5))
def test_an_acceptance_that_was_cut_leaves_the_ledger_closed_or_accepted(
    path: Path, newest: HiddenFile, device_key: DeviceKey, ledger: Ledger, read: Read, writes: int
) -> None:
    give(ledger)
    give(ledger, "c2")
    ledger.close(["ledger"])
    with suppress(KeyboardInterrupt):
        Ledger(path, device_key, CutSlot(newest, writes, False), Clock()).accept("page")
    again = read()
    assert again.valid(NOON) == []
    if again.fault is not None:
        again.accept("page")
    assert read().fault is None
    assert {consent.state for consent in read().consents()} == {State.WITHDRAWN}
