"""A serial port: the P1 cable, or a pty that stands in for it."""

from __future__ import annotations

import errno
import re
import termios
from pathlib import Path

import serial

from gateway.errors import ConfigError, MeterUnavailable

_READ_SECONDS = 1.0
_SETTINGS = re.compile(r"(\d+) ([78])([NEO])([12])")
_LOST = (serial.SerialException, OSError, termios.error)
_REMEDIES = {
    errno.ENOENT: "there is no {device}: plug in the P1 cable, or correct meter.source in the configuration",
    errno.EACCES: "no permission to read {device}: let the gateway's user join the group that owns it"
    " (dialout on most systems)",
    errno.EAGAIN: "another program is reading {device}: stop it, since two readers take each other's bytes",
    errno.ENOTTY: "{device} is not a serial port: correct meter.source in the configuration",
}
_REMEDIES[errno.ENXIO] = _REMEDIES[errno.ENODEV] = _REMEDIES[errno.ENOENT]
_REMEDIES[errno.EPERM] = _REMEDIES[errno.EACCES]
_REMEDIES[errno.EBUSY] = _REMEDIES[errno.EAGAIN]


class SerialSource:
    """An opened port. Raises MeterUnavailable, and ConfigError for unusable settings.

    `settings` is speed, data bits, parity and stop bits: "115200 8N1".
    """

    def __init__(self, device: str, settings: str) -> None:
        self._device = device
        parsed = _parsed(settings)
        try:
            self._port = _opened(device, *parsed)
        except _LOST as error:
            raise MeterUnavailable(_sentence(device, error)) from error

    def read(self) -> bytes:
        try:
            first = self._port.read(1)
            return first + self._port.read(self._port.in_waiting) if first else b""
        except _LOST as error:
            raise MeterUnavailable(self._lost()) from error

    def _lost(self) -> str:
        if not Path(self._device).exists():
            return f"{self._device} was unplugged or closed: check the P1 cable"
        # A program that does not lock the port takes bytes away: pyserial cannot tell that from a loose plug.
        return (
            f"{self._device} gave way while it was read: stop any other program that reads it (cat, ser2net, "
            "home automation), and check the P1 cable"
        )

    def close(self) -> None:
        try:
            self._port.close()
        except _LOST:
            # A port that was pulled out cannot be told so; it is closed all the same.
            return


def _opened(device: str, speed: int, data_bits: int, parity: str, stop_bits: int) -> serial.Serial:
    try:
        return serial.Serial(
            device,
            baudrate=speed,
            bytesize=data_bits,
            parity=parity,
            stopbits=stop_bits,
            timeout=_READ_SECONDS,
            exclusive=True,
        )
    except _LOST as error:
        # A pty carries whole bytes, whatever is asked of it, and may refuse to be asked.
        if _number(error) != errno.EINVAL or (data_bits, parity) == (8, "N"):
            raise
        return _opened(device, speed, 8, "N", stop_bits)


def _parsed(settings: str) -> tuple[int, int, str, int]:
    found = _SETTINGS.fullmatch(settings)
    if found is None:
        raise ConfigError(f'"{settings}" is no serial setting: write it as "115200 8N1"')
    return int(found[1]), int(found[2]), found[3], int(found[4])


def _sentence(device: str, error: BaseException) -> str:
    remedy = _REMEDIES.get(_number(error) or 0)
    return remedy.format(device=device) if remedy else f"{device} cannot be used as a serial port: {error}"


def _number(error: BaseException | None) -> int | None:
    """The system's number: pyserial may leave it in the error that it replaced."""
    if error is None:
        return None
    # termios.error carries it as its first argument only.
    number = error.args[0] if isinstance(error, termios.error) else getattr(error, "errno", None)
    return number if isinstance(number, int) else _number(error.__context__)
