"""Errors in the owner's language: one table from an error's class to its sentence.

An error that is not in it is shown as it is: a plain English sentence is better than none.
"""

from __future__ import annotations

from flask_babel import gettext, ngettext

from gateway.errors import (
    AlreadyClaimed,
    AuthenticationKeyWrong,
    BrokerUnavailable,
    CannotUnlock,
    ChecksumMismatch,
    ChecksumMissing,
    ClockBehind,
    ClockBehindHistory,
    ClockBehindMeter,
    ClockFarAhead,
    ClockNotYetSet,
    ContentEncrypted,
    DeviceKeyUnusable,
    EncryptedTelegramDamaged,
    EncryptedWithoutKey,
    EncryptionKeyWrong,
    FrameReplayed,
    GatewayError,
    ImplausibleReading,
    ImpossibleValue,
    KeysExchanged,
    LedgerBroken,
    LineSilent,
    MalformedTelegram,
    MeterClockJumps,
    MeterNumberMissing,
    MeterUnavailable,
    NotClaimed,
    NoTelegram,
    PasswordTooCommon,
    PasswordTooShort,
    ReaderInUse,
    RecipientsUnknown,
    RegistersBeganAnew,
    RolledBack,
    SealBroken,
    SeveralPorts,
    StateUnusable,
    TelegramCut,
    TelegramTooLong,
    TooManyMeters,
    TooManyMetersEver,
    WrongSpeed,
)
from gateway.web.server.throttle import TooManyTries


def N_(sentence: str) -> str:  # noqa: N802 - the name that extraction tools look for
    return sentence


_DAMAGED = N_(
    "The meter's telegrams arrive damaged: check the cable, or the network reader, and the power supply."
)
_WRONG_CLOCK = N_(
    "Nothing is shared: the clock of the gateway's machine seems to be wrong. Set it, or connect the machine "
    "to the internet. If it is right, stop the gateway, run p1-gateway confirm-clock, and start it again."
)
_SENTENCES: dict[type[GatewayError], str] = {
    AlreadyClaimed: N_("This gateway already has an owner."),
    NotClaimed: N_("This gateway has no owner yet."),
    PasswordTooShort: N_("Choose a password of at least %(minimum)s characters."),
    PasswordTooCommon: N_(
        "Many people use this password, or one made the same way: choose another one, four words that have "
        "nothing to do with each other for instance."
    ),
    CannotUnlock: N_(
        "That did not open the history. Check the password, and the meter number if you typed one."
    ),
    DeviceKeyUnusable: N_("The gateway's own key is missing or damaged: the history cannot be opened."),
    StateUnusable: N_("The gateway's own key does not belong to what it stored."),
    KeysExchanged: N_(
        "The household's keys in the history were not put there by this gateway, so nothing is sealed to "
        "them."
    ),
    SealBroken: N_("A part of the history was altered and is not shown."),
    BrokerUnavailable: N_("The gateway's message broker (MQTT) does not answer, so nobody could be let in."),
    RecipientsUnknown: N_(
        "The message broker no longer knows the recipients of these consents, so they receive nothing: "
        "%(listed)s. Withdraw each of them and give it anew, with new credentials."
    ),
    LedgerBroken: N_("The register of consents was altered."),
    RolledBack: N_("Older copies of the gateway's files were put in their place."),
    MeterUnavailable: N_(
        "The line to the meter is lost: check both ends of the cable, or the network reader."
    ),
    LineSilent: N_(
        "Nothing comes from the meter, though its line is open: check the cable, or how the network reader "
        "is connected to the meter. The gateway opens the line anew by itself."
    ),
    NoTelegram: N_(
        "What comes from the line is no meter's telegram: the command p1-gateway doctor says what it is."
    ),
    ReaderInUse: N_(
        "The network reader lets in one program only, and another one seems to be connected: end that one."
    ),
    ClockNotYetSet: N_(
        "Nothing is shared yet: the gateway's machine was just started, and for some minutes it waits for a "
        "time server to set its clock."
    ),
    ClockBehind: _WRONG_CLOCK,
    ClockBehindHistory: _WRONG_CLOCK,
    ClockBehindMeter: _WRONG_CLOCK,
    ClockFarAhead: _WRONG_CLOCK,
    SeveralPorts: N_(
        "This machine has several serial ports, and only you know which one the meter is at: the command "
        "p1-gateway doctor lists them and says what to write into the configuration."
    ),
    WrongSpeed: N_("The meter is not understood yet: the gateway tries another speed of the line."),
    MeterNumberMissing: N_(
        "The meter does not send its number, so nothing is kept: write the number on the meter's front "
        "into the configuration of the gateway."
    ),
    EncryptedWithoutKey: N_(
        "The meter's telegrams are encrypted: ask your grid operator for the meter's key, and put it "
        "into the configuration of the gateway."
    ),
    EncryptionKeyWrong: N_("The key in the configuration does not fit this meter."),
    AuthenticationKeyWrong: N_("The authentication key in the configuration does not fit this meter."),
    FrameReplayed: N_(
        "An encrypted telegram came a second time or too late and was not used. If the meter was "
        "reset, restart the gateway."
    ),
    ImplausibleReading: N_("A reading that cannot be true was left out."),
    ImpossibleValue: N_("The meter states what no home can have, and it is left out: %(names)s."),
    TooManyMeters: N_(
        "Another meter appeared, more than the %(most)s of its kind that a home can have in %(days)s days. "
        "It is left out, and the known ones go on: check what sends the telegrams."
    ),
    TooManyMetersEver: N_(
        "The history knows %(most)s meters already and takes no other one: check what sends the telegrams."
    ),
    MeterClockJumps: N_(
        "The meter's clock jumps to and fro all day, so readings are left out: check what sends the "
        "telegrams."
    ),
    RegistersBeganAnew: N_(
        "The meter's registers began anew, so usage is counted from there. Was the meter replaced?"
    ),
    EncryptedTelegramDamaged: _DAMAGED,
    ChecksumMismatch: _DAMAGED,
    ChecksumMissing: _DAMAGED,
    TelegramCut: _DAMAGED,
    TelegramTooLong: N_("What arrives on the line is no meter's telegram: check the serial settings."),
    ContentEncrypted: N_(
        "The telegrams arrive whole, but what is in them is encrypted in a way that is not supported. "
        "Ask the grid operator to have the port send plain telegrams."
    ),
    MalformedTelegram: N_("What arrives on the line cannot be read as a meter's telegram."),
}


def sentence(error: GatewayError | str) -> str:
    """What to tell the owner. A text has lost its class: it is shown as it is."""
    for kind in type(error).__mro__:
        if kind in _SENTENCES:
            return str(gettext(_SENTENCES[kind], **vars(error)))
    return str(error)


def wait_sentence(tries: TooManyTries) -> str:
    """What to tell who must wait before the next try."""
    return str(
        ngettext(
            "Too many tries. Wait %(num)s second and try again.",
            "Too many tries. Wait %(num)s seconds and try again.",
            tries.wait_s,
        )
    )
