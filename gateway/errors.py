"""Everything that can go wrong, as one tree: each error is a plain sentence its reader can act on.

No message carries a reading, a meter number, a password or a key: messages are shown and logged.
"""

from __future__ import annotations


class GatewayError(Exception):
    """Any error this project raises on purpose. `str(error)` is one plain sentence."""


# --- configuration ---------------------------------------------------------------------------


class ConfigError(GatewayError):
    """The configuration cannot be used."""


# --- the meter and its telegrams -------------------------------------------------------------


class MeterUnavailable(GatewayError):
    """The line to the meter cannot be opened or was lost."""


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
