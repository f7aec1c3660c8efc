"""Findings: what the doctor can say to an owner who is no programmer, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gateway.errors import (
    AuthenticationKeyWrong,
    ChecksumMismatch,
    ChecksumMissing,
    ContentEncrypted,
    EncryptedTelegramDamaged,
    EncryptedWithoutKey,
    EncryptionKeyWrong,
    FrameReplayed,
    GatewayError,
    LineSilent,
    MalformedTelegram,
    MeterNumberMissing,
    NoTelegram,
    SecurityUnsupported,
    TelegramCut,
    TelegramError,
    TelegramTooLong,
    WrongSpeed,
)
from gateway.meter.damage import Cause
from gateway.meter.source import SourceKind


class Grade(Enum):
    GOOD = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `remedy` is what to do about it; empty where nothing need be done."""

    subject: str
    grade: Grade
    sentence: str
    remedy: str = ""


SILENCE = {
    SourceKind.SERIAL: Finding(
        "bytes",
        Grade.WRONG,
        "Nothing comes from the meter.",
        "Push both ends of the cable in until they click. After it was switched on, a meter may need a "
        "minute. Some grid operators open the port only when asked: look on their page for your meter. If "
        "all that is right, the cable may not ask for telegrams (5 volt on pin 2, Data Request): try one "
        "that is sold for P1 ports.",
    ),
    SourceKind.NETWORK: Finding(
        "bytes",
        Grade.WRONG,
        "The network reader is there, but nothing comes from it.",
        "See on the reader's own page whether it receives the meter's telegrams. If it does, look in its "
        "settings whether it passes them on unchanged, and to more than one program at a time. If it "
        "does not, check how it is connected to the meter, and restart it. Some grid operators open the "
        "meter's port only when asked.",
    ),
    SourceKind.FILE: Finding(
        "bytes", Grade.WRONG, "The capture is empty.", "Record it again, while the meter sends."
    ),
}
NONSENSE = {
    SourceKind.SERIAL: Finding(
        "speed",
        Grade.WRONG,
        "Bytes come, but they make no sense at this speed.",
        "If no other speed does better, the cable may be of another kind: a P1 port needs one that inverts "
        "the signal, sold as P1 cable. Or the meter speaks another language than P1.",
    ),
    SourceKind.NETWORK: Finding(
        "bytes",
        Grade.WRONG,
        "Bytes come from the network reader, but they are no meter's telegrams.",
        "Look in the reader's settings: it must read the meter at 115200 8N1 (9600 7E1 before DSMR 4), and "
        "pass the bytes on unchanged (raw TCP). Or the meter speaks another language than P1.",
    ),
    SourceKind.FILE: Finding(
        "bytes",
        Grade.WRONG,
        "The capture holds no meter's telegrams.",
        "Record it again, at the meter's own setting (115200 8N1, or 9600 7E1 before DSMR 4).",
    ),
}
TEXT = {
    kind: Finding("telegrams", Grade.WRONG, "Text comes, but no meter's telegram.", remedy)
    for kind, remedy in {
        SourceKind.SERIAL: "Something else than a meter seems to be at this port: check which port the P1 "
        "cable is at.",
        SourceKind.NETWORK: "Something else than a network reader seems to answer there, or another of its "
        "services: compare the address and the number behind it with the reader's settings.",
        SourceKind.FILE: "This file is no capture of a meter: correct source under [meter].",
    }.items()
}
NONE_WHOLE = {
    kind: Finding("telegrams", Grade.WRONG, "Telegrams begin, but none arrives whole.", remedy)
    for kind, remedy in {
        SourceKind.SERIAL: "Listen for longer (--seconds 60). If it stays so, check the cable and the power "
        "supply.",
        SourceKind.NETWORK: "Listen for longer (--seconds 60). If it stays so, see whether another program "
        "is connected to the reader too, and restart the reader.",
        SourceKind.FILE: "Record for longer: a meter sends a telegram every 1 to 10 seconds.",
    }.items()
}


CONTENT_ENCRYPTED = Finding(
    "telegrams",
    Grade.WRONG,
    "Telegrams arrive whole, but what is in them is encrypted in a way that is not supported.",
    "Ask the grid operator whether the meter can send plain telegrams: they arrive as it sends them.",
)


def other_language(language: str) -> Finding:
    return Finding(
        "telegrams",
        Grade.WRONG,
        f"This meter speaks {language}, not P1.",
        "It is not supported. The meters of Norway, Denmark and many of Austria's (Kaifa, Landis+Gyr) are of "
        "this kind. Where the grid operator can switch the port to P1 (DSMR), ask for it.",
    )


KEY_FAULTS: dict[type[TelegramError], tuple[str, str]] = {
    EncryptedWithoutKey: (
        "The telegrams are encrypted, and no key is configured.",
        "Ask the grid operator for the key of your meter's P1 port, put it into a file that only the "
        "gateway's user can read (chmod 600), and write its path as key_file under [meter].",
    ),
    EncryptionKeyWrong: (
        "The telegrams are encrypted, and the encryption key does not fit this meter.",
        "Compare the first line of the key file with what the grid operator gave you for this very meter.",
    ),
    AuthenticationKeyWrong: (
        "The encryption key fits this meter, but the authentication key does not.",
        "Put the authentication key that the grid operator gave you into the key file, as its second line. "
        "In Luxembourg there is none: leave that line out.",
    ),
    SecurityUnsupported: (
        "The telegrams are protected in a way that is not supported.",
        "Report it, with the name of the meter and the grid operator.",
    ),
}
# What shows that bytes were lost or altered between the meter and the gateway.
DAMAGE: tuple[type[TelegramError], ...] = (
    ChecksumMismatch,
    ChecksumMissing,
    EncryptedTelegramDamaged,
    TelegramCut,
    TelegramTooLong,
)
_LOST_ON_SERIAL = (
    "As a rule this machine is too slow or too busy to take them up in time: stop other programs, put the "
    "cable into the machine itself and not into a hub, use a better power supply."
)
_ALTERED_ON_SERIAL = (
    "As a rule it is the cable or the power supply: try a shorter or another P1 cable, and the power supply "
    "that belongs to this machine."
)
_DAMAGED_BY_READER = (
    "TCP does not damage them: it happens at the network reader. Check how it is connected to the meter and "
    "what feeds it, and restart it."
)
_DAMAGED_IN_FILE = "They were damaged when the capture was recorded: record it again."


def damage_remedy(cause: Cause, kind: SourceKind) -> str:
    if kind is SourceKind.NETWORK:
        return _DAMAGED_BY_READER
    if kind is SourceKind.FILE:
        return _DAMAGED_IN_FILE
    return {
        Cause.LOST: _LOST_ON_SERIAL,
        Cause.ALTERED: _ALTERED_ON_SERIAL,
        Cause.UNKNOWN: f"{_ALTERED_ON_SERIAL} {_LOST_ON_SERIAL}",
    }[cause]


def unreadable(*, checked: bool) -> Finding:
    """Telegrams arrive whole, but they mean nothing. `checked`: their checksums are right."""
    return Finding(
        "telegrams",
        Grade.WRONG,
        "Telegrams arrive, and their checksums are right, but they cannot be read."
        if checked
        else "Telegrams arrive, but they cannot be read.",
        "Report it, with the name of the meter and the grid operator: the way it writes them is new to us.",
    )


REPLAYED = Finding(
    "encryption",
    Grade.WRONG,
    "Encrypted telegrams come a second time: they are refused.",
    "If a device between meter and gateway repeats them, take it out. If the meter was reset, restart the "
    "gateway.",
)
NO_NUMBER = Finding(
    "number",
    Grade.WRONG,
    "The meter does not send its number, so nothing is kept of its telegrams.",
    "Write the number on the meter's front into the configuration, as number under [meter].",
)


def finding_of(fault: type[GatewayError], kind: SourceKind) -> Finding | None:
    """What the doctor says of a fault that the running gateway reports; None where the fault's own sentence
    says all.
    """
    for key_fault, (sentence, remedy) in KEY_FAULTS.items():
        if fault is key_fault:
            return Finding("encryption", Grade.WRONG, sentence, remedy)
    if fault in DAMAGE:
        return Finding("damage", Grade.WRONG, "Telegrams arrive damaged.", damage_remedy(Cause.UNKNOWN, kind))
    return {
        ContentEncrypted: CONTENT_ENCRYPTED,
        FrameReplayed: REPLAYED,
        LineSilent: SILENCE[kind],
        MalformedTelegram: unreadable(checked=False),
        MeterNumberMissing: NO_NUMBER,
        NoTelegram: NONSENSE[kind],
        WrongSpeed: NONSENSE[kind],
    }.get(fault)
