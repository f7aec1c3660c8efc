"""The configuration: a TOML file to one frozen Config. Every setting has a default.

An unknown or unusable setting is refused with a sentence that names it; it is never ignored.
config/gateway.toml documents them all.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.errors import ConfigError

AUTO = "auto"
SERIAL_SETTINGS = (AUTO, "115200 8N1", "9600 7E1")
LANGUAGES = ("nl", "en")
LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class MeterConfig:
    """Where telegrams come from: a serial device, tcp://host:port, file:///a/capture, or "auto".

    `key_file` holds the key of a meter that encrypts; `number` is taken where a meter sends none.
    """

    source: str = AUTO
    serial: str = AUTO
    key_file: str = ""
    number: str = ""
    winter_time_only: bool = False

    def __post_init__(self) -> None:
        _one_of("meter.serial", self.serial, SERIAL_SETTINGS)
        if not self.source:
            raise ConfigError('meter.source is empty: write "auto", and the gateway finds the port by itself')


@dataclass(frozen=True, slots=True)
class HistoryConfig:
    data_dir: Path = Path("/var/lib/p1-gateway")
    device_key: Path = Path("/var/lib/p1-gateway/device.key")
    timezone: str = "Europe/Amsterdam"
    flush_interval_s: int = 60
    trace_days: int = 40
    profile_months: int = 24
    max_size_mb: int = 500
    backup_dir: str = ""
    backup_keep: int = 8

    def __post_init__(self) -> None:
        _between("history.flush_interval_s", self.flush_interval_s, 10, 120)
        _between("history.trace_days", self.trace_days, 1, 3660)
        _between("history.profile_months", self.profile_months, 1, 120)
        _between("history.max_size_mb", self.max_size_mb, 16, 1_000_000)
        _between("history.backup_keep", self.backup_keep, 1, 1000)
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of zones
            raise ConfigError(f"history.timezone: there is no time zone {self.timezone!r}") from None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    host: str = "127.0.0.1"
    port: int = 1883

    def __post_init__(self) -> None:
        _between("broker.port", self.port, 1, 65535)


@dataclass(frozen=True, slots=True)
class PageConfig:
    """Where the page listens: host and port, or a Unix socket for a web server in front of it."""

    host: str = "127.0.0.1"
    port: int = 8080
    socket: str = ""
    trusted_hosts: tuple[str, ...] = ("localhost", "127.0.0.1")
    language: str = "nl"
    https: bool = False

    def __post_init__(self) -> None:
        _between("page.port", self.port, 1, 65535)
        _one_of("page.language", self.language, LANGUAGES)


@dataclass(frozen=True, slots=True)
class PanelConfig:
    enabled: bool = True
    led_pin: int = 17
    button_pin: int = 27

    def __post_init__(self) -> None:
        _between("panel.led_pin", self.led_pin, 0, 27)
        _between("panel.button_pin", self.button_pin, 0, 27)


@dataclass(frozen=True, slots=True)
class LogConfig:
    level: str = "info"

    def __post_init__(self) -> None:
        _one_of("log.level", self.level, LOG_LEVELS)


@dataclass(frozen=True, slots=True)
class Config:
    meter: MeterConfig = field(default_factory=MeterConfig)
    history: HistoryConfig = field(default_factory=HistoryConfig)
    broker: BrokerConfig = field(default_factory=BrokerConfig)
    page: PageConfig = field(default_factory=PageConfig)
    panel: PanelConfig = field(default_factory=PanelConfig)
    log: LogConfig = field(default_factory=LogConfig)


def load(path: Path) -> Config:
    """Read a configuration file. Raises ConfigError."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the configuration {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"the configuration {path} is not a text file") from None
    except ConfigError as error:
        raise ConfigError(f"the configuration {path}: {error}") from None


def parse(text: str) -> Config:
    """Return the configuration that a TOML text describes. Raises ConfigError."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"this is not valid TOML: {error}") from None
    sections = get_type_hints(Config)
    _no_unknown("section", tables, sections)
    return Config(**{name: _section(name, kind, tables.get(name, {})) for name, kind in sections.items()})


def _section(name: str, kind: type, settings: object) -> Any:
    if not isinstance(settings, dict):
        raise ConfigError(f"[{name}] must be a section of settings")
    hints = get_type_hints(kind)
    _no_unknown(f"setting in [{name}]", settings, hints)
    return kind(**{key: _value(f"{name}.{key}", hints[key], value) for key, value in settings.items()})


def _value(name: str, hint: Any, value: object) -> object:
    if hint is Path and isinstance(value, str) and value:
        with suppress(RuntimeError):  # "~name" of a user that does not exist
            return Path(value).expanduser()
    if hint == tuple[str, ...] and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    # True is an int to Python, but a port of "true" is a mistake.
    if hint in (str, int, bool) and type(value) is hint:
        return value
    wanted = {str: "a text", int: "a whole number", bool: "true or false", Path: "a path"}
    raise ConfigError(f"{name} must be {wanted.get(hint, 'a list of texts')}")


def _no_unknown(what: str, found: Mapping[str, object], known: Mapping[str, object]) -> None:
    for name in found:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            raise ConfigError(f"there is no {what} called {name}{hint}")


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"{name} must be one of: {', '.join(allowed)}")


def _between(name: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise ConfigError(f"{name} must be from {lowest} to {highest}")
