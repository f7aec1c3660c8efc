"""The notice: what the owner is told before deciding."""

from __future__ import annotations

import pytest

from gateway.consent import Category, Granularity
from gateway.consent.notice import (
    CATEGORY_NAMES,
    GRANULARITY_NAMES,
    IDENTITY_INFERENCE,
    INFERENCES,
    WITHDRAWAL,
    inferences,
    notice_text,
)
from tests.made_up import terms


def test_every_category_and_granularity_has_words() -> None:
    assert CATEGORY_NAMES.keys() == set(Category)
    assert GRANULARITY_NAMES.keys() == INFERENCES.keys() == set(Granularity)


@pytest.mark.parametrize("finest", list(Granularity))
def test_it_says_what_the_finest_granularity_gives_away(finest: Granularity) -> None:
    coarser_too = {Category.GAS: Granularity.DAY, Category.POWER: finest}
    assert inferences(terms(coarser_too)) == [INFERENCES[finest]]


def test_a_meter_number_gives_the_address_away_and_nothing_of_behaviour() -> None:
    assert inferences(terms({Category.IDENTITY: Granularity.LIVE})) == [IDENTITY_INFERENCE]
    both = {Category.GAS: Granularity.DAY, Category.IDENTITY: Granularity.LIVE}
    assert inferences(terms(both)) == [INFERENCES[Granularity.DAY], IDENTITY_INFERENCE]


def test_it_names_recipient_purpose_data_and_how_to_withdraw() -> None:
    agreed = terms({Category.POWER: Granularity.LIVE, Category.GAS: Granularity.DAY})
    told = notice_text(agreed)
    for words in (
        "Energy app: show me my usage",
        "- power in total (W): live",
        "- gas register (m³): once a day",
        INFERENCES[Granularity.LIVE],
        WITHDRAWAL,
    ):
        assert words in told


def test_it_is_told_in_the_language_of_the_owner() -> None:
    told = notice_text(terms(), lambda sentence: f"<{sentence}>")
    assert f"- <{CATEGORY_NAMES[Category.POWER]}>: <{GRANULARITY_NAMES[Granularity.LIVE]}>" in told
    assert f"<{WITHDRAWAL}>" in told
