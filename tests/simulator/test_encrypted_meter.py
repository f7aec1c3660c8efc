"""Meters that encrypt: their frames open with their key alone, and no counter comes twice."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import EncryptionKeyWrong, TelegramError
from gateway.p1 import (
    Decryptor,
    EncryptedFrame,
    Frame,
    Framer,
    MeterKey,
    decode,
)
from gateway.simulator import DEVELOPMENT_KEY, Household, SimulatedMeter
from gateway.simulator.dialects import DIALECTS, Dialect

ORIGIN = datetime(2026, 3, 20, 12, tzinfo=UTC)
FIRST = datetime(2026, 3, 19, 23, tzinfo=UTC)  # midnight at home
KEY = MeterKey.parse("A0A1A2A3A4A5A6A7A8A9AAABACADAEAF", "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF")
ENCRYPTING = [dialect for dialect in DIALECTS.values() if dialect.encrypted]
EVERY_DIALECT = pytest.mark.parametrize("dialect", ENCRYPTING, ids=lambda dialect: dialect.name)
SECONDS = st.integers(0, 20 * 86_400)


def read(sent: bytes, key: MeterKey) -> list[Frame | TelegramError]:
    return list(Framer(Decryptor(key)).feed(sent))


def test_luxembourg_and_austria_encrypt() -> None:
    assert {dialect.name for dialect in ENCRYPTING} == {"lu-smarty", "at-t210"}


@EVERY_DIALECT
@settings(max_examples=25, deadline=None)
@given(seconds=SECONDS)
def test_what_is_decrypted_is_the_reading_of_that_instant(dialect: Dialect, seconds: int) -> None:
    meter = SimulatedMeter(Household(7), ORIGIN, dialect, key=KEY)
    at = FIRST + timedelta(seconds=seconds)
    (frame,) = read(meter.bytes_at(at), KEY)
    assert isinstance(frame, Frame)
    assert frame.encrypted
    assert decode(frame, at, dialect.clock) == meter.reading_at(at)


@EVERY_DIALECT
def test_another_key_opens_nothing(dialect: Dialect) -> None:
    sent = SimulatedMeter(Household(7), ORIGIN, dialect, key=KEY).bytes_at(ORIGIN)
    (error,) = read(sent, DEVELOPMENT_KEY)
    assert isinstance(error, EncryptionKeyWrong)


@EVERY_DIALECT
def test_without_a_key_it_is_the_published_one(dialect: Dialect) -> None:
    sent = SimulatedMeter(Household(7), ORIGIN, dialect).bytes_at(ORIGIN)
    published = MeterKey.parse("000102030405060708090A0B0C0D0E0F", "00112233445566778899AABBCCDDEEFF")
    assert published == DEVELOPMENT_KEY
    (frame,) = read(sent, published)
    assert isinstance(frame, Frame)


@EVERY_DIALECT
@settings(max_examples=25, deadline=None)
@given(seconds=st.lists(SECONDS, min_size=2, max_size=6, unique=True))
def test_counters_rise_with_time_alone(dialect: Dialect, seconds: list[int]) -> None:
    asked_in_turn = SimulatedMeter(Household(7), ORIGIN, dialect)
    counters = {}
    for second in seconds:
        sent = asked_in_turn.bytes_at(FIRST + timedelta(seconds=second))
        frame = EncryptedFrame.parse(sent)
        assert sent == SimulatedMeter(Household(7), ORIGIN, dialect).bytes_at(
            FIRST + timedelta(seconds=second)
        )
        counters[second] = frame.counter
    assert sorted(counters, key=counters.__getitem__) == sorted(seconds)
    assert len(set(counters.values())) == len(seconds)


@EVERY_DIALECT
def test_a_reader_takes_a_stretch_of_frames_at_any_period(dialect: Dialect) -> None:
    meter = SimulatedMeter(Household(7), ORIGIN, dialect)
    framer = Framer(Decryptor(DEVELOPMENT_KEY))
    for period in (1, dialect.period_s):
        begins = ORIGIN + timedelta(hours=period)
        for n in range(50):
            (frame,) = framer.feed(meter.bytes_at(begins + timedelta(seconds=n * period)))
            assert isinstance(frame, Frame)


@EVERY_DIALECT
def test_each_meter_has_a_title_of_its_own(dialect: Dialect) -> None:
    titles = {
        EncryptedFrame.parse(SimulatedMeter(Household(seed), ORIGIN, dialect).bytes_at(ORIGIN)).system_title
        for seed in range(5)
    }
    assert len(titles) == 5
