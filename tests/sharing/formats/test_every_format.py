"""What holds for every format: all that it says goes where its recipient may read, and is taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from gateway.consent import Category, Disclosure, Granularity
from gateway.consent.disclosure import QUANTITIES, DisclosedDevice
from gateway.sharing import FORMATS, Format
from tests.made_up import GAS_NUMBER, NOON, NUMBER, consent

every_format = pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
names = sorted(frozenset().union(*QUANTITIES.values()))
disclosures = st.builds(
    Disclosure,
    consent_id=st.just(consent().id),
    granularity=st.sampled_from(Granularity),
    at=st.integers(0, 10**6).map(lambda s: NOON + timedelta(seconds=s)),
    quantities=st.dictionaries(st.sampled_from(names), st.integers(0, 10**9), max_size=20),
    devices=st.lists(
        st.builds(
            DisclosedDevice,
            commodity=st.sampled_from(["gas", "water", "heat"]),
            number=st.none(),
            captured_at=st.just(NOON),
            register=st.integers(0, 10**9),
        ),
        max_size=3,
    ).map(tuple),
    meter_number=st.none(),
    model=st.none(),
    categories=st.just(frozenset([Category.POWER])),
    simulated=st.booleans(),
)


@every_format
def test_it_is_found_by_its_name(form: Format) -> None:
    assert FORMATS[form.name] is form


@every_format
@given(disclosures)
def test_a_message_goes_only_where_its_recipient_may_read_and_is_not_retained(
    form: Format, disclosure: Disclosure
) -> None:
    messages = form.messages(disclosure)
    for message in messages:
        assert any(topic_matches_sub(topic, message.topic) for topic in form.topics(consent()))
        assert not message.retained
        assert NUMBER.encode() not in message.payload
        assert GAS_NUMBER.encode() not in message.payload
    assert form.messages(disclosure) == messages


@every_format
@pytest.mark.parametrize("simulated", [True, False])
def test_what_is_retained_in_the_greeting_is_taken_back_by_the_farewell(
    form: Format, simulated: bool
) -> None:
    greeting = form.greeting(consent(), simulated)
    for message in greeting:
        assert any(topic_matches_sub(topic, message.topic) for topic in form.topics(consent()))
    standing = {message.topic for message in greeting if message.retained}
    farewell = form.farewell(consent())
    assert standing <= {message.topic for message in farewell if message.retained and not message.payload}


@every_format
def test_two_recipients_have_no_topic_in_common(form: Format) -> None:
    other = consent().__class__("c" + "f" * 16, consent().terms, consent().state)
    for message in (*form.greeting(other, True), *form.farewell(other)):
        assert not any(topic_matches_sub(topic, message.topic) for topic in form.topics(consent()))
