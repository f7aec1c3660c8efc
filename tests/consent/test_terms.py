"""Terms: what is no proper consent is refused with a sentence."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.consent import (
    Category,
    Granularity,
    Notice,
    State,
    Terms,
)
from gateway.errors import ConsentError
from tests.made_up import NOON, consent, terms


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"recipient": "  "}, "the recipient's name is missing"),
        ({"recipient": "x" * 81}, "the recipient's name is longer than 80 characters"),
        ({"recipient": "app\n"}, "the recipient's name contains characters that cannot be printed"),
        ({"purpose": ""}, "the purpose is missing"),
        ({"purpose": "x" * 301}, "the purpose is longer than 300 characters"),
        ({"purpose": "a\x1b[2Jb"}, "the purpose contains characters that cannot be printed"),
        ({"live_interval_s": 0}, "the live interval must be between 1 and 3600 seconds"),
        ({"live_interval_s": 3601}, "the live interval must be between 1 and 3600 seconds"),
        ({"valid_until": NOON}, "the consent must end after it begins"),
        ({"valid_until": NOON + timedelta(days=732)}, "a consent lasts at most 24 months"),
        ({"grants": {}}, "choose at least one kind of data to share"),
    ],
)
def test_improper_terms_are_refused_with_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConsentError, match=sentence):
        terms(**changes) if "grants" not in changes else _without_grants()


def _without_grants() -> Terms:
    return Terms("app", "purpose", {}, NOON, NOON + timedelta(days=1), Notice("", "en"), "json", "mqtt")


def test_the_longest_words_and_the_longest_time_are_proper_terms() -> None:
    terms(recipient="x" * 80, purpose="é" * 300, valid_until=NOON + timedelta(days=731), live_interval_s=3600)


def test_terms_do_not_change_when_the_form_that_gave_them_does() -> None:
    grants = {Category.GAS: Granularity.DAY}
    agreed = terms(grants)
    grants[Category.POWER] = Granularity.LIVE
    assert dict(agreed.grants) == {Category.GAS: Granularity.DAY}
    with pytest.raises(TypeError):
        agreed.grants[Category.POWER] = Granularity.LIVE  # type: ignore[index]


@given(
    st.builds(
        terms,
        st.dictionaries(st.sampled_from(Category), st.sampled_from(Granularity), min_size=1),
        recipient=st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=80),
        live_interval_s=st.integers(1, 3600),
        valid_until=st.integers(1, 731).map(lambda days: NOON + timedelta(days=days)),
    )
)
@settings(max_examples=50, deadline=None)
def test_terms_survive_their_way_through_json(agreed: Terms) -> None:
    assert Terms.from_json(json.loads(json.dumps(agreed.as_json()))) == agreed


@pytest.mark.parametrize("state", list(State))
def test_only_a_given_consent_is_valid_and_only_within_its_time(state: State) -> None:
    agreed = consent(state=state)
    moments = {
        "before": NOON - timedelta(seconds=1),
        "first": NOON,
        "last": NOON + timedelta(hours=23, minutes=59, seconds=59),
        "after": NOON + timedelta(days=1),
    }
    valid = {name for name, now in moments.items() if agreed.is_valid(now)}
    assert valid == ({"first", "last"} if state is State.GIVEN else set())


def test_a_given_or_paused_consent_is_expired_from_its_last_moment_on() -> None:
    ended = NOON + timedelta(days=1)
    for state, then in (
        (State.GIVEN, State.EXPIRED),
        (State.PAUSED, State.EXPIRED),
        (State.WITHDRAWN, State.WITHDRAWN),
        (State.REQUESTED, State.REQUESTED),
    ):
        assert consent(state=state).state_at(ended) is then
        assert consent(state=state).state_at(ended - timedelta(seconds=1)) is state
