"""Faults on the line: a reader finds exactly what was injected, kind by kind, and all the rest whole."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from gateway.errors import ConfigError, TelegramError
from gateway.p1 import (
    Decryptor,
    Frame,
    Framer,
    decode,
)
from gateway.simulator import DEVELOPMENT_KEY, Household, SimulatedMeter
from gateway.simulator.dialects import DIALECTS
from gateway.simulator.faults import (
    FAULTS,
    FaultyMeter,
    Schedule,
    Wish,
)
from gateway.simulator.faults.on_line import heard

START = datetime(2026, 1, 15, 12, tzinfo=UTC)
ON_LINE = [name for name, fault in FAULTS.items() if fault.where == "line"]
ENCRYPTED_ONLY = {"replay", "wrong-key"}
PLAIN_ONLY = {"lost-bytes", "cut", "wrong-checksum"}
# What a reader calls each of them.
FOUND_AS = {
    "flipped-bits": "ChecksumMismatch",
    "lost-bytes": "ChecksumMismatch",
    "wrong-checksum": "ChecksumMismatch",
    "cut": "TelegramCut",
    "stall": "TelegramCut",
    "replay": "FrameReplayed",
    "wrong-key": "EncryptedTelegramDamaged",
}


def faulty(dialect: str, *wishes: str, seed: int = 1) -> FaultyMeter:
    meter = SimulatedMeter(Household(seed), START - timedelta(hours=1), DIALECTS[dialect])
    return FaultyMeter(meter, Schedule(seed, tuple(Wish.parse(wish, START) for wish in wishes)))


def read(meter: FaultyMeter, dialect: str, number: int) -> tuple[int, Counter[str], int]:
    """How many telegrams a reader takes, the errors by their class, and the bytes that belonged to none."""
    whole = SimulatedMeter(Household(1), START - timedelta(hours=1), DIALECTS[dialect])
    framer = Framer(Decryptor(DEVELOPMENT_KEY))
    taken, errors = 0, Counter[str]()
    at = START
    for _ in range(number):
        for found in framer.feed(meter.bytes_at(at) or b""):
            if isinstance(found, TelegramError):
                errors[type(found).__name__] += 1
                continue
            assert isinstance(found, Frame)
            reading = decode(found, at)
            assert reading == whole.reading_at(reading.at)  # nothing damaged got through
            taken += 1
        at += timedelta(seconds=whole.dialect.period_s)
    unfinished = framer.cut()
    if unfinished is not None:
        errors[type(unfinished).__name__] += 1
    return taken, errors, framer.noise


@pytest.mark.parametrize("fault", ["flipped-bits", "lost-bytes", "cut", "wrong-checksum"])
@pytest.mark.parametrize("dialect", ["nl-dsmr5", "be-fluvius", "se-h1", "hu-eon"])
def test_each_damaged_telegram_is_refused_and_no_other_one(fault: str, dialect: str) -> None:
    meter = faulty(dialect, f"{fault}=0.2")
    taken, errors, noise = read(meter, dialect, 400)
    assert meter.injected[fault] > 40
    assert errors == {FOUND_AS[fault]: meter.injected[fault]}
    assert taken == 400 - meter.injected[fault]
    assert noise == 0


@pytest.mark.parametrize("dialect", ["nl-dsmr22", "nl-dsmr5"])
def test_noise_between_telegrams_costs_none(dialect: str) -> None:
    meter = faulty(dialect, "noise=0.3")
    taken, errors, noise = read(meter, dialect, 300)
    assert (taken, errors) == (300, Counter())
    assert noise == meter.noise_bytes > 1000


@pytest.mark.parametrize("fault", sorted(ENCRYPTED_ONLY))
@pytest.mark.parametrize("dialect", ["lu-smarty", "at-t210"])
def test_frames_that_are_replayed_or_under_another_key_are_refused(fault: str, dialect: str) -> None:
    meter = faulty(dialect, f"{fault}=0.2")
    taken, errors, _ = read(meter, dialect, 200)
    assert meter.injected[fault] > 20
    assert errors == {FOUND_AS[fault]: meter.injected[fault]}
    assert taken == 200 - (0 if fault == "replay" else meter.injected[fault])


def test_a_flipped_bit_in_an_encrypted_telegram_is_found_by_its_tag() -> None:
    meter = faulty("lu-smarty", "flipped-bits=0.2")
    taken, errors, _ = read(meter, "lu-smarty", 200)
    assert sum(errors.values()) == meter.injected["flipped-bits"] == 200 - taken
    assert set(errors) <= {"EncryptedTelegramDamaged", "EncryptionKeyWrong"}


def test_a_stall_cuts_one_telegram_and_silences_the_others_while_it_lasts() -> None:
    meter = faulty("nl-dsmr5", "stall@+50/20")
    taken, errors, _ = read(meter, "nl-dsmr5", 200)
    assert (taken, errors) == (180, Counter({"TelegramCut": 1}))


def test_unplugged_the_line_is_gone_while_it_lasts() -> None:
    meter = faulty("nl-dsmr5", "unplugged@+3/4")
    sent = [meter.bytes_at(START + timedelta(seconds=n)) for n in range(10)]
    assert [part is None for part in sent] == [False] * 3 + [True] * 4 + [False] * 3
    assert meter.injected == {"unplugged": 1}


@pytest.mark.parametrize("dialect", ["nl-dsmr5", "nl-dsmr3"])
def test_at_the_wrong_speed_nothing_is_understood(dialect: str) -> None:
    period_s = DIALECTS[dialect].period_s
    meter = faulty(dialect, f"wrong-speed@+{20 * period_s}/{10 * period_s}")
    taken, errors, noise = read(meter, dialect, 50)
    assert (taken, errors) == (40, Counter())
    # A slow line heard fast is nothing but zeros, as one at rest.
    assert noise > 100 if dialect == "nl-dsmr5" else noise == 0


def test_bytes_are_heard_as_they_were_sent_at_the_same_speed() -> None:
    sent = bytes(byte for byte in range(32, 127) if byte not in b"/!")
    assert heard(sent, (9600, 7), (9600, 7)) == sent
    assert heard(sent, (115_200, 8), (115_200, 8)) == sent
    assert heard(sent, (115_200, 8), (9600, 7)) != sent


@pytest.mark.parametrize("fault", ON_LINE)
def test_the_same_seed_damages_the_same_bytes(fault: str) -> None:
    dialect = "lu-smarty" if fault in ENCRYPTED_ONLY else "nl-dsmr5"
    sent = [
        [faulty_meter.bytes_at(START + timedelta(seconds=10 * n)) for n in range(60)]
        for faulty_meter in (faulty(dialect, f"{fault}=0.3"), faulty(dialect, f"{fault}=0.3"))
    ]
    assert sent[0] == sent[1]


@pytest.mark.parametrize(
    ("dialect", "fault"),
    [
        ("nl-dsmr3", "flipped-bits"),
        ("nl-dsmr22", "wrong-checksum"),
        ("nl-dsmr5", "replay"),
        ("lu-smarty", "cut"),
    ],
)
def test_a_fault_that_nobody_could_notice_or_that_cannot_be_is_refused(dialect: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        faulty(dialect, f"{fault}=0.1")


def test_several_faults_at_once_are_counted_one_by_one() -> None:
    meter = faulty("nl-dsmr5", "flipped-bits=0.1", "cut=0.1", "lost-bytes=0.05", "wrong-checksum=0.05")
    taken, errors, _ = read(meter, "nl-dsmr5", 600)
    expected = Counter[str]()
    for fault, count in meter.injected.items():
        expected[FOUND_AS[fault]] += count
    assert errors == expected
    assert taken == 600 - sum(meter.injected.values())
