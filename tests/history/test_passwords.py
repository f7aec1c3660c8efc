"""Passwords that many people use are refused, wherever the owner chooses one."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import PasswordTooCommon, PasswordTooShort
from gateway.history import DeviceKey, SealedHistory
from gateway.history.keys.keyring import COST_IN_TESTS
from gateway.history.keys.password import SHORTEST_PASSWORD, check_password
from gateway.history.upkeep import recovery
from tests.history.recording import record
from tests.history.renewing import HOUR, two_meters
from tests.history.sealed import sealed
from tests.made_up import NUMBER, PASSWORD

COMMON = [
    "1234567890", "password123", "qwertyuiop", "iloveyou2026", "1q2w3e4r5t", "Password1234", "aaaaaaaaaaaa",
    "abcdefghij", "p@ssw0rd123", "drowssap123", "passwordpassword", "          ", "welkom1234", "wachtwoord1",
    "Summer2026!", "Zomer2026!", "voetbal1234", "p1gateway2026", "slimmemeter1", "meterkast12", "01012000abc",
]  # fmt: skip
STRONG = [
    PASSWORD,
    "four quiet words here",
    "x9#kQ2m!vT",
    "d4f1-9e3c-77aa-01bc",
    "paars fiets wolk tafel",
    "ñandú😀 über straße",
]
WORDS = [
    "copper",
    "lantern",
    "violin",
    "meadow",
    "thirteen",
    "glacier",
    "pepper",
    "orbit",
    "velvet",
    "harbour",
]


@pytest.mark.parametrize("password", COMMON)
def test_what_many_people_use_is_refused(password: str) -> None:
    with pytest.raises(PasswordTooCommon, match="many people use this password"):
        check_password(password)


@pytest.mark.parametrize("password", STRONG)
def test_what_few_would_guess_is_taken(password: str) -> None:
    check_password(password, NUMBER)


@given(st.integers(0, len(NUMBER) - 10), st.sampled_from(["", "!", "P1", "2026", " x"]), st.booleans())
def test_the_meters_number_makes_no_password(start: int, more: str, small: bool) -> None:
    """The number, its digits or its end, with little around it."""
    part = NUMBER[start:].lower() if small else NUMBER[start:]
    for password in (part + more, more + part):
        with pytest.raises((PasswordTooCommon, PasswordTooShort)):
            check_password(password, NUMBER)


@given(st.lists(st.sampled_from(WORDS), min_size=4, max_size=8, unique=True))
def test_four_words_are_taken(words: list[str]) -> None:
    check_password(" ".join(words), NUMBER)


@given(st.text(max_size=200))
def test_any_text_is_taken_or_refused_with_a_sentence(password: str) -> None:
    try:
        check_password(password, NUMBER)
    except PasswordTooShort:
        short = True
    except PasswordTooCommon:
        short = False
    else:
        short = False
    assert short == (len(password) < SHORTEST_PASSWORD)


@pytest.mark.parametrize("length", [72, 1000, 100_000])
def test_a_long_or_odd_password_is_judged_in_a_moment(length: int) -> None:
    chance = random.Random(7)
    for letters in ("1", "4@8({[<369!1|0$5+7%2", "013457@$!(|+%{[<", "aeiou"):
        password = "".join(chance.choice(letters) for _ in range(length))
        began = time.monotonic()
        try:
            check_password(password)
        except PasswordTooCommon:
            assert letters == "1"
        assert time.monotonic() - began < 10


def changed(history: SealedHistory, code: str, path: Path, password: str) -> None:
    history.change_password("E1", PASSWORD, password)


def recovered(history: SealedHistory, code: str, path: Path, password: str) -> None:
    history.recover("E1", code, password)


def recovered_here(history: SealedHistory, code: str, path: Path, password: str) -> None:
    recovery.recover(path / "history.db", path / "device.key", "E1", code, password, cost=COST_IN_TESTS)


@pytest.mark.parametrize("choose", [changed, recovered, recovered_here])
@pytest.mark.parametrize("password", ["1234567890", "wachtwoord123"])
def test_a_common_password_is_refused_wherever_one_is_chosen_and_the_old_one_stays(
    tmp_path: Path, choose: Callable[[SealedHistory, str, Path, str], None], password: str
) -> None:
    key = DeviceKey.load_or_create(tmp_path / "device.key")
    history = sealed(tmp_path / "history.db", key)
    with pytest.raises(PasswordTooCommon):
        history.claim(password)
    assert not history.claimed
    code = history.claim(PASSWORD)
    record(history, two_meters(0, 1), 6 * HOUR)
    with pytest.raises(PasswordTooCommon):
        choose(history, code, tmp_path, password)
    assert history.claimed
