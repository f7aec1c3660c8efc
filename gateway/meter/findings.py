"""Findings: what the doctor can say to an owner who is no programmer, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gateway.errors import (
    AuthenticationKeyWrong,
    EncryptedWithoutKey,
    EncryptionKeyWrong,
    SecurityUnsupported,
    TelegramError,
)
from gateway.meter.damage import Cause


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


SILENCE = Finding(
    "bytes",
    Grade.WRONG,
    "Nothing comes from the meter.",
    "Push both ends of the cable in until they click. After it was switched on, a meter may need a minute. "
    "Some grid operators open the port only when asked: look on their page for your meter. If all that is "
    "right, the cable may not ask for telegrams (5 volt on pin 2, Data Request): try one that is sold for "
    "P1 ports.",
)
NONSENSE = Finding(
    "speed",
    Grade.WRONG,
    "Bytes come, but they make no sense at this speed.",
    "If no other speed does better, the cable may be of another kind: a P1 port needs one that inverts the "
    "signal, sold as P1 cable. Or the meter speaks another language than P1.",
)
TEXT = Finding(
    "telegrams",
    Grade.WRONG,
    "Text comes, but no meter's telegram.",
    "Something else than a meter seems to be at this port: check which port the P1 cable is at.",
)


CONTENT_ENCRYPTED = Finding(
    "telegrams",
    Grade.WRONG,
    "Telegrams arrive whole, but what is in them is encrypted in a way that is not supported.",
    "Ask the grid operator whether the port can send plain telegrams. Cable and speed are right.",
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
DAMAGE_REMEDIES = {
    Cause.LOST: "As a rule this machine is too slow or too busy to take them up in time: stop other "
    "programs, put the cable into the machine itself and not into a hub, use a better power supply.",
    Cause.ALTERED: "As a rule it is the cable or the power supply: try a shorter or another P1 cable, and "
    "the power supply that belongs to this machine.",
}
DAMAGE_REMEDIES[Cause.UNKNOWN] = DAMAGE_REMEDIES[Cause.ALTERED] + " " + DAMAGE_REMEDIES[Cause.LOST]
