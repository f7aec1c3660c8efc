"""Everything that can go wrong, as one tree: each error is a plain sentence its reader can act on.

No message carries a reading, a meter number, a password or a key: messages are shown and logged.
"""

from __future__ import annotations

from datetime import date

from gateway.printable import one_line


class GatewayError(Exception):
    """Any error this project raises on purpose. `str(error)` is one plain sentence.

    It may quote names from elsewhere: what of them cannot be printed is written out.
    """

    def __str__(self) -> str:
        return one_line(super().__str__())


_SET_IT = (
    "set it, or connect the machine to the internet; if it is right, stop the gateway, run p1-gateway"
    " confirm-clock, and start the gateway again"
)


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

    def __init__(self, setting: str, following: str) -> None:
        super().__init__(f"what comes from the meter makes no sense at {setting}: {following} is tried")


class LineSilent(MeterUnavailable):
    """The line is open, and nothing comes. `reopened`: it is opened anew now."""

    def __init__(self, seconds: int, advice: str, *, reopened: bool) -> None:
        what = "; its line is opened anew" if reopened else ", though its line is open"
        super().__init__(f"nothing has come from the meter for {seconds} seconds{what}: {advice}")


class NoTelegram(MeterUnavailable):
    """The line is open, and what comes holds no telegram. `reopened`: it is opened anew now."""

    def __init__(self, seconds: int, *, reopened: bool) -> None:
        what = "; the line is opened anew" if reopened else ""
        super().__init__(
            f"bytes come from the meter's line, but for {seconds} seconds no whole telegram{what}: run "
            "p1-gateway doctor, which says what they are"
        )


class ReaderInUse(MeterUnavailable):
    """`certain`: the network reader says so itself."""

    def __init__(self, peer: str, *, certain: bool) -> None:
        what = (
            "says that another program is connected to it already"
            if certain
            else "hangs up at once, as a network reader does that lets in one program only"
        )
        super().__init__(
            f"{peer} {what}: end the other one (home automation, or a second gateway), or let the reader "
            "take more connections (in ser2net: max-connections)"
        )


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
            f"checksum says {stated:04X}, the bytes give {computed:04X}: the telegram was damaged on its way"
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
        super().__init__("the encrypted telegram was damaged on its way")


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
        super().__init__("a reading that the telegrams around it contradict was left out")


class ImpossibleValue(GatewayError):
    """`names` are the quantities; what the meter said of them is never told."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = ", ".join(names)
        super().__init__(
            f"the meter states what no home can have, and it is left out: {self.names}; if it stays so,"
            " report it with the name of the meter"
        )


class TooManyMeters(GatewayError):
    def __init__(self, most: int, days: int) -> None:
        self.most, self.days = most, days
        super().__init__(
            f"another meter appeared, more than the {most} of its kind that a home can have in {days} days:"
            " it is left out, the known ones go on; check what sends the telegrams"
        )


class TooManyMetersEver(GatewayError):
    def __init__(self, most: int) -> None:
        self.most = most
        super().__init__(
            f"the history knows {most} meters already and takes no other one: check what sends the telegrams;"
            " p1-gateway history erase begins anew"
        )


class MeterClockJumps(GatewayError):
    def __init__(self) -> None:
        super().__init__(
            "the meter's clock jumps to and fro all day: readings at times that do not follow are left out;"
            " check what sends the telegrams"
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


class HistoryClosed(HistoryError):
    """An open history whose keys were forgotten: its session ended."""

    def __init__(self) -> None:
        super().__init__("this session has ended, since the password or the keys were changed: sign in again")


class SetupCodeWrong(HistoryError):
    def __init__(self) -> None:
        super().__init__("that is not the setup code of this gateway")


class PasswordTooShort(HistoryError):
    def __init__(self, minimum: int) -> None:
        self.minimum = minimum
        super().__init__(f"choose a password of at least {minimum} characters")


class PasswordTooCommon(HistoryError):
    def __init__(self) -> None:
        super().__init__(
            "many people use this password, or one made the same way: choose another one, four words that"
            " have nothing to do with each other for instance"
        )


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


class UnsafeFile(ConfigError):
    """A file or folder that others can reach, or that leads elsewhere."""


class AnchorRemoved(HistoryError):
    """`day` is the last local day of the history when that was found."""

    def __init__(self, day: date) -> None:
        super().__init__(
            f"what the gateway remembers beside the history was removed or exchanged by {day}: whether an"
            " older copy was put in its place before that, it cannot say"
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


_PARTS = {
    "ledger": "the register of consents",
    "history": "the history",
    "broker": "what the broker knows of recipients",
}


class RolledBack(LedgerBroken):
    """`parts` are what older copies were put in the place of: "ledger", "history", "broker"."""

    def __init__(self, parts: tuple[str, ...]) -> None:
        self.parts = parts
        named = " and ".join(_PARTS[part] for part in parts)
        anew = " All consents end then: a withdrawal may be missing." if "ledger" in parts else ""
        super().__init__(
            f"an older copy was put in the place of {named}: nothing is shared until you accept that, on the"
            f" page under Sharing or with p1-gateway consent accept.{anew}"
        )


class ClockNotBelieved(ConsentError):
    """This machine's clock is in doubt, so nothing is shared: an ended consent must not come back."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"nothing is shared while this machine's clock is in doubt: {reason}")


class ClockNotYetSet(ClockNotBelieved):
    def __init__(self) -> None:
        super().__init__("no time server was reached since it was started; it is waited for some minutes")


class ClockBehind(ClockNotBelieved):
    def __init__(self) -> None:
        super().__init__(f"it is behind the time that the gateway has reached already; {_SET_IT}")


class ClockBehindHistory(ClockNotBelieved):
    def __init__(self) -> None:
        super().__init__(f"it is behind the newest day in the history; {_SET_IT}")


class ClockBehindMeter(ClockNotBelieved):
    def __init__(self) -> None:
        super().__init__(f"it is behind the meter's, and no time server was reached; {_SET_IT}")


class ClockFarAhead(ClockNotBelieved):
    def __init__(self) -> None:
        super().__init__(
            f"it is years ahead of the last time known here, and no time server was reached; {_SET_IT}"
        )


# --- broker ----------------------------------------------------------------------------------


class TransportUnavailable(GatewayError):
    """The way to recipients does not answer or refuses the gateway."""


class BrokerUnavailable(TransportUnavailable):
    """The MQTT broker does not answer or refuses the gateway."""


class RecipientsUnknown(GatewayError):
    """The broker no longer knows recipients of valid consents; only they had their passwords."""

    def __init__(self, consent_ids: tuple[str, ...]) -> None:
        self.consent_ids = consent_ids
        self.listed = ", ".join(consent_ids)
        super().__init__(
            f"the MQTT broker no longer knows the recipients of these consents: {self.listed}; they receive"
            " nothing: withdraw each of them and give it anew, with new credentials"
        )


# --- the running daemon ----------------------------------------------------------------------


class DaemonUnavailable(GatewayError):
    """A command needs the running daemon and cannot reach it."""
