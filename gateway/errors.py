"""Everything that can go wrong, as one tree: each error is a plain sentence its reader can act on.

No message carries a reading, a meter number, a password or a key: messages are shown and logged.
"""

from __future__ import annotations

from datetime import date


class GatewayError(Exception):
    """Any error this project raises on purpose. `str(error)` is one plain sentence."""


# --- configuration ---------------------------------------------------------------------------


class ConfigError(GatewayError):
    """The configuration cannot be used."""


# --- the meter and its telegrams -------------------------------------------------------------


class MeterUnavailable(GatewayError):
    """The line to the meter cannot be opened or was lost."""


class SeveralPorts(MeterUnavailable):
    """`ports` are their paths."""

    def __init__(self, ports: list[str], names: list[str]) -> None:
        self.ports = ports
        listed = ", ".join(
            f"{path} ({name})" if name else path for path, name in zip(ports, names, strict=True)
        )
        super().__init__(
            f"there are several serial ports, and only you know which one the P1 cable is at: {listed}. "
            f'Write the right one under [meter] in the configuration, as source = "{ports[0]}"'
        )


class WrongSpeed(MeterUnavailable):
    """No telegram comes at this setting: the line is opened anew with the next one."""

    def __init__(self, setting: str, following: str, *, silent: bool) -> None:
        self.silent = silent
        what = "nothing comes from the meter" if silent else "what comes from the meter makes no sense"
        super().__init__(f"{what} at {setting}: {following} is tried")


class KeyFileUnusable(GatewayError):
    """The file with the meter's key is missing, open to everybody, or holds no key."""


class MeterNumberMissing(GatewayError):
    def __init__(self) -> None:
        super().__init__(
            "the meter does not send its number, so nothing is kept of its telegrams: write the number on"
            " the meter's front into the configuration, as number under [meter]"
        )


class TelegramError(GatewayError):
    """A telegram that is not used; the next one is."""


class ChecksumMismatch(TelegramError):
    def __init__(self, stated: int, computed: int) -> None:
        super().__init__(
            f"checksum says {stated:04X}, the bytes give {computed:04X}: check cable and power supply"
        )


class ChecksumMissing(TelegramError):
    def __init__(self) -> None:
        super().__init__("the telegram ends without the checksum that its version must carry")


class TelegramCut(TelegramError):
    def __init__(self, length: int) -> None:
        super().__init__(f"the telegram was cut off after {length} bytes")


class TelegramTooLong(TelegramError):
    def __init__(self, limit: int) -> None:
        super().__init__(f"no end of the telegram within {limit} bytes: dropped")


class MalformedTelegram(TelegramError):
    def __init__(self, reason: str) -> None:
        super().__init__(f"the telegram cannot be read: {reason}")


class ContentEncrypted(MalformedTelegram):
    """Header and checksum are right and plain; what is between them is not."""

    def __init__(self) -> None:
        super().__init__(
            "it arrived whole, but what is in it is encrypted in a way that is not supported: "
            "ask the grid operator to have the port send plain telegrams"
        )


class EncryptedWithoutKey(TelegramError):
    def __init__(self) -> None:
        super().__init__(
            "the telegram is encrypted: put the meter's key, which the grid operator gives you, "
            "into the configuration"
        )


class EncryptionKeyWrong(TelegramError):
    def __init__(self) -> None:
        super().__init__("the encryption key does not fit this meter: check it in the configuration")


class AuthenticationKeyWrong(TelegramError):
    def __init__(self) -> None:
        super().__init__(
            "the encryption key fits this meter, the authentication key does not: "
            "check it in the configuration"
        )


class EncryptedTelegramDamaged(TelegramError):
    def __init__(self) -> None:
        super().__init__("the encrypted telegram was damaged on its way: check cable and power supply")


class SecurityUnsupported(TelegramError):
    def __init__(self, control: int) -> None:
        super().__init__(
            f"the telegram's security control {control:02X} is not supported: "
            "only 30 is, encrypted and authenticated with suite 0"
        )


class FrameReplayed(TelegramError):
    def __init__(self) -> None:
        super().__init__(
            "an encrypted telegram came a second time or too late and is not used: "
            "if the meter was reset, restart the gateway"
        )


class MeterKeyUnusable(GatewayError):
    """`which` is "encryption" or "authentication"; the key itself is never told."""

    def __init__(self, which: str, reason: str) -> None:
        super().__init__(f"the meter's {which} key cannot be used: {reason}")


class ImplausibleReading(TelegramError):
    def __init__(self) -> None:
        super().__init__(
            "a reading that the telegrams around it contradict was left out: check cable and power supply"
        )


# --- history ---------------------------------------------------------------------------------


class HistoryError(GatewayError):
    """The sealed history cannot be written or read."""


class NotClaimed(HistoryError):
    def __init__(self) -> None:
        super().__init__("this gateway has no owner yet: claim it on its page first")


class AlreadyClaimed(HistoryError):
    def __init__(self) -> None:
        super().__init__("this gateway already has an owner")


class CannotUnlock(HistoryError):
    """One of the three factors is wrong; which one is not said, since it cannot be known."""

    def __init__(self) -> None:
        super().__init__("meter number, password and device key do not open this history together")


class PasswordTooShort(HistoryError):
    def __init__(self, minimum: int) -> None:
        self.minimum = minimum
        super().__init__(f"choose a password of at least {minimum} characters")


class DeviceKeyUnusable(HistoryError):
    """The device key is missing or is not a device key."""


class RegistersBeganAnew(HistoryError):
    def __init__(self) -> None:
        super().__init__(
            "a meter's registers jumped or began anew, and the telegrams after that confirm it:"
            " usage is counted from there (was the meter replaced?)"
        )


class KeysExchanged(HistoryError):
    def __init__(self) -> None:
        super().__init__(
            "the household's keys in the history were not put there by this gateway, so nothing is sealed to"
            " them: someone changed the file; put back a backup"
        )


class OlderCopy(HistoryError):
    """`last_day` is the last local day that the history holds; `known_day` the last that it held."""

    def __init__(self, last_day: date | None, known_day: date) -> None:
        held = "holds nothing" if last_day is None else f"ends on {last_day}"
        super().__init__(
            f"an older copy of the history was put in its place: it {held}, while it went on until"
            f" {known_day}; what lies between is missing"
        )


class FolderInUse(GatewayError):
    def __init__(self) -> None:
        super().__init__(
            "another gateway process works with this data folder: stop it first, or wait until it is done"
        )


class RetentionRefused(GatewayError):
    def __init__(self, reason: str) -> None:
        super().__init__(f"this cannot be chosen: {reason}")


class TariffsUnusable(GatewayError):
    def __init__(self, reason: str) -> None:
        super().__init__(f"the tariffs cannot be used: {reason}")


class BackupFailed(HistoryError):
    """No backup could be made, or an old one not be removed."""


class BackupDamaged(HistoryError):
    """A backup cannot be read, or is not whole."""


class DiskBudgetReached(HistoryError):
    def __init__(self, last_day: date, max_size_mb: int) -> None:
        super().__init__(
            f"the history has come to the {max_size_mb} MB that it may take: what goes back to {last_day} was"
            " removed earlier than you chose, the trace first; give it more with p1-gateway history retention"
            " --max-size"
        )


class HistorySalvaged(HistoryError):
    def __init__(self, aside: str, rows: int, has_owner: bool) -> None:
        after = (
            "" if has_owner else "; the owner's keys were not among them: restore a backup, or claim it anew"
        )
        super().__init__(
            f"the history was damaged: it is set aside as {aside}, and {rows} rows and blocks of it that were"
            f" readable go on in a new one{after}"
        )


class ClockNotSet(GatewayError):
    def __init__(self) -> None:
        super().__init__(
            "this meter sends no time, and the gateway's own clock is not set yet: nothing is recorded until"
            " a time server was reached"
        )


class SealBroken(HistoryError):
    """A sealed row or block was altered, moved or exchanged."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the sealed {what} was altered: it is not shown")


class StateUnusable(HistoryError):
    """What the daemon remembered over a restart cannot be opened with this device key."""


# --- consent ---------------------------------------------------------------------------------


class ConsentError(GatewayError):
    """A consent cannot be given, changed or found."""


class LedgerBroken(ConsentError):
    """The register of consents was altered: nothing is published until the owner looks at it."""


# --- broker ----------------------------------------------------------------------------------


class BrokerUnavailable(GatewayError):
    """The MQTT broker does not answer or refuses the gateway."""


# --- the running daemon ----------------------------------------------------------------------


class DaemonUnavailable(GatewayError):
    """A command needs the running daemon and cannot reach it."""
