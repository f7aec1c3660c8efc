"""Diagnosis: what the bytes that came say about cable, settings and meter, for p1-gateway doctor.

Pure: a sample of bytes in, findings out, in plain words for an owner who is no programmer. No finding
carries a reading, a meter number or a key: it may be sent to whoever helps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from gateway.errors import (
    ContentEncrypted,
    FrameReplayed,
    MalformedTelegram,
    TelegramError,
)
from gateway.meter import other_languages
from gateway.meter.damage import likely_cause
from gateway.meter.detection import BEGINNING, NOT_TEXT, TEXT_SHARE
from gateway.meter.findings import (
    CONTENT_ENCRYPTED,
    DAMAGE,
    KEY_FAULTS,
    NO_NUMBER,
    NONE_WHOLE,
    NONSENSE,
    REPLAYED,
    SILENCE,
    TEXT,
    Finding,
    Grade,
    damage_remedy,
    other_language,
    unreadable,
)
from gateway.meter.source import SourceKind
from gateway.p1 import (
    Decoder,
    Frame,
    Framer,
    MeterClock,
    Reading,
    checksum,
)
from gateway.p1.cipher import Decryptor, MeterKey

_ENOUGH_TELEGRAMS = 5
_ENOUGH_NONSENSE = 2048
_CLOCK_TOLERANCE = timedelta(minutes=3)
_COUNTRIES = {
    "NL": "the Netherlands",
    "BE": "Belgium",
    "LU": "Luxembourg",
    "AT": "Austria",
    "SE": "Sweden or Finland",
    "HU": "Hungary",
    "LT": "Lithuania",
    "CH": "Switzerland",
}


@dataclass(frozen=True, slots=True)
class Expected:
    """What the configuration says about the meter."""

    key: MeterKey | None = None
    clock: MeterClock = field(default_factory=MeterClock)
    number: str | None = None


@dataclass(slots=True)
class _Heard:
    """What a sample holds. `unread` frames mean nothing; the checksum of `checked` of them is right."""

    frames: list[Frame]
    faults: Counter[type[TelegramError]]
    readings: list[Reading] = field(default_factory=list)
    unread: int = 0
    checked: int = 0

    @property
    def key_fault(self) -> type[TelegramError] | None:
        return next((fault for fault in KEY_FAULTS if self.faults[fault]), None)

    @property
    def damaged(self) -> int:
        """A telegram whose checksum is right arrived as it was sent, however little it means."""
        return sum(self.faults[fault] for fault in DAMAGE) + self.unread - self.checked


def has_beginning(sample: bytes) -> bool:
    """Whether a P1 telegram begins anywhere: the speed is right."""
    return BEGINNING.search(sample) is not None


def is_enough(sample: bytes, expected: Expected) -> bool:
    """Whether listening longer would change nothing."""
    if not has_beginning(sample):
        return other_languages.name_of(sample) is not None or (
            len(sample) >= _ENOUGH_NONSENSE and not _is_text(sample)
        )
    heard = _framed(sample, expected.key)
    if heard.faults:
        return not heard.frames and sum(heard.faults[fault] for fault in KEY_FAULTS) > 1
    return len(heard.frames) >= _ENOUGH_TELEGRAMS


def judge(
    sample: bytes, expected: Expected, received_at: datetime, kind: SourceKind = SourceKind.SERIAL
) -> list[Finding]:
    """What the bytes say. The clock of a recording, a file, is not compared with `received_at`."""
    if not sample:
        return [SILENCE[kind]]
    heard = _listen(sample, expected, received_at)
    if not heard.readings:
        language = other_languages.name_of(sample)
        if language:
            return [other_language(language)]
        if not has_beginning(sample):
            return [TEXT[kind] if _is_text(sample) else NONSENSE[kind]]
    found: list[Finding | None] = [
        _telegrams(heard, kind),
        _encryption(heard, expected),
        _damage(sample, heard, kind),
    ]
    if heard.readings:
        found += _meaning(heard, None if kind is SourceKind.FILE else received_at)
    return [finding for finding in found if finding]


def _listen(sample: bytes, expected: Expected, received_at: datetime) -> _Heard:
    heard = _framed(sample, expected.key)
    decoder = Decoder(expected.clock, expected.number)
    for frame in heard.frames:
        try:
            heard.readings.append(decoder.decode(frame, received_at))
        except ContentEncrypted:
            heard.faults[ContentEncrypted] += 1
            heard.unread += 1
            heard.checked += _is_checked(frame, sample)
        except MalformedTelegram:
            heard.unread += 1
            heard.checked += _is_checked(frame, sample)
    return heard


def _is_checked(frame: Frame, sample: bytes) -> bool:
    """Whether a checksum, or an encrypted telegram's tag, shows that it arrived as it was sent."""
    digits = b"%04X" % checksum.checksum(frame.body)
    return frame.encrypted or any(frame.body + written in sample for written in (digits, digits.lower()))


def _framed(sample: bytes, key: MeterKey | None) -> _Heard:
    # The sample ends when it ends: a telegram under way then is not counted as cut.
    found = list(Framer(Decryptor(key)).feed(sample))
    return _Heard(
        frames=[one for one in found if isinstance(one, Frame)],
        faults=Counter(type(one) for one in found if isinstance(one, TelegramError)),
    )


def _is_text(sample: bytes) -> bool:
    return len(sample.translate(None, NOT_TEXT)) >= TEXT_SHARE * len(sample)


# --- telegrams -----------------------------------------------------------------------------------


def _telegrams(heard: _Heard, kind: SourceKind) -> Finding | None:
    if heard.key_fault and not heard.frames:
        return None  # told by the finding about encryption
    if not heard.frames:
        return NONE_WHOLE[kind]
    if not heard.readings and heard.faults[ContentEncrypted]:
        return CONTENT_ENCRYPTED
    if not heard.readings:
        return unreadable(checked=heard.checked > 0)
    latest = heard.readings[-1]
    maker = latest.model[:3].upper()
    facts = [f"from a meter of {_COUNTRIES[latest.country]}" if latest.country in _COUNTRIES else ""]
    facts += [_version(latest.version), f"made by {maker}", _period(heard.readings)]
    if latest.simulated:
        facts.append("simulated")
    told = ", ".join(fact for fact in facts if fact)
    return Finding("telegrams", Grade.GOOD, f"{_counted(len(heard.readings))} arrived well: {told}.")


def _version(version: str | None) -> str:
    """As the standards are called: 50 is DSMR 5.0, 50217 is eMUCS 1.7."""
    if version is None or not (version.isascii() and version.isdigit()):
        return ""
    if len(version) == 5 and version.startswith("502"):
        return f"eMUCS {version[3]}.{version[4]}"
    return f"DSMR {version[0]}.{version[1]}" if len(version) == 2 else ""


def _period(readings: list[Reading]) -> str:
    times = [reading.at for reading in readings if reading.timed]
    steps = sorted(int((after - before).total_seconds()) for before, after in pairwise(times))
    if not steps or steps[len(steps) // 2] < 1:
        return ""
    usual = steps[len(steps) // 2]
    return "one each second" if usual == 1 else f"one every {usual} seconds"


def _encryption(heard: _Heard, expected: Expected) -> Finding | None:
    if heard.key_fault:
        return Finding("encryption", Grade.WRONG, *KEY_FAULTS[heard.key_fault])
    if heard.faults[FrameReplayed]:
        return REPLAYED
    if heard.frames and heard.frames[-1].encrypted:
        return Finding("encryption", Grade.GOOD, "The telegrams are encrypted, and the key fits.")
    if heard.frames and expected.key:
        return Finding(
            "encryption",
            Grade.NOTE,
            "The telegrams are not encrypted, though a key is configured.",
            "Nothing need be done; the key is kept for when they are.",
        )
    return None


def _damage(sample: bytes, heard: _Heard, kind: SourceKind) -> Finding | None:
    damaged = heard.damaged
    if heard.faults[ContentEncrypted] and not heard.readings:
        return None  # encrypted bytes may look like a telegram's end, which is no damage
    if not damaged:
        return Finding("damage", Grade.GOOD, "None of them is damaged.") if heard.frames else None
    cause = likely_cause(sample)
    return Finding(
        "damage",
        Grade.WRONG,
        f"{_counted(damaged)} of {len(heard.readings) + heard.checked + damaged} arrived damaged: "
        f"it seems that {cause.value}.",
        damage_remedy(cause, kind),
    )


def _meaning(heard: _Heard, now: datetime | None) -> Iterator[Finding]:
    latest = heard.readings[-1]
    if heard.checked:
        yield Finding(
            "unread",
            Grade.NOTE,
            f"{_counted(heard.checked)} more arrived whole, but mean nothing: they are left out.",
            "Report it, with the name of the meter and the grid operator.",
        )
    if latest.meter_number is None:
        yield NO_NUMBER
    yield _clock(latest, now)
    unread = {code for reading in heard.readings for code in reading.unreadable}
    if unread:
        yield Finding(
            "lines",
            Grade.NOTE,
            f"Some lines cannot be read and are left out: {', '.join(sorted(unread))}.",
            "The rest is used. Report it: the meter may write them in a way that is new to us.",
        )
    kinds = sorted({device.commodity for device in latest.mbus})
    yield Finding(
        "devices",
        Grade.GOOD,
        f"Other meters that report through it: {', '.join(kinds)}."
        if kinds
        else "No gas, water or heat meter reports through it.",
    )


def _clock(latest: Reading, now: datetime | None) -> Finding:
    if not latest.timed:
        return Finding(
            "clock",
            Grade.NOTE,
            "The meter tells no time, or its clock is not set: this machine's clock is used.",
            "Keep this machine's clock right (a network connection is enough).",
        )
    if now is None or abs(latest.at - now) <= _CLOCK_TOLERANCE:
        return Finding(
            "clock", Grade.GOOD, "The meter's clock is set." if now is None else "Its clock is right."
        )
    minutes = round(abs(latest.at - now) / timedelta(minutes=1))
    way = "ahead of" if latest.at > now else "behind"
    remedy = "See whether this machine's clock is right. A meter's is set by the grid operator."
    if minutes in (59, 60, 61, 119, 120, 121):
        remedy = (
            "Whole hours point to the configuration: check timezone under [history], and try "
            "winter_time_only = true under [meter]."
        )
    return Finding(
        "clock", Grade.NOTE, f"The meter's clock is {minutes} minutes {way} this machine's.", remedy
    )


def _counted(telegrams: int) -> str:
    return "One telegram" if telegrams == 1 else f"{telegrams} telegrams"
