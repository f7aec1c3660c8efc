"""What other software must be told to read each of these meters: one table, for hints and documents.

Found by running Home Assistant's DSMR integration, ESPHome's `dsmr` component on its host platform and
DSMR-reader on the simulator: all values were equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.simulator.dialects import DIALECTS, Dialect

ESPHOME_LONGEST = 1500
"""ESPHome's own bound for a telegram, in characters, where its configuration gives none."""


@dataclass(frozen=True, slots=True)
class Needs:
    """`home_assistant` is the DSMR version to choose there; None: it cannot read this meter.

    `longest` is ESPHome's `max_telegram_length`, where its own is too short for these meters.
    """

    home_assistant: str | None
    longest: int | None = None


NEEDS: Mapping[str, Needs] = {
    "nl-dsmr22": Needs("2.2"),
    "nl-dsmr3": Needs("2.2"),
    "nl-dsmr40": Needs("4"),
    "nl-dsmr4": Needs("4"),
    "nl-dsmr5": Needs("5"),
    "nl-warmtelink": Needs(None),
    "be-fluvius": Needs("5B", longest=2000),
    "be-fluvius-21": Needs("5B", longest=2000),
    "lu-smarty": Needs(None),
    "at-t210": Needs(None),
    "se-h1": Needs("5S"),
    "fi-h1": Needs("5S"),
    "hu-eon": Needs("5EONHU"),
    "hu-wasion": Needs("5EONHU"),
    "lt-eso": Needs("5", longest=2000),
    "ch": Needs("5"),
}
"""By the meter's name."""

# These ask the port for 7E1, or for its modem lines: a pty has neither.
_NOT_OVER_PTY = ("2.2", "4")
_ESPHOME_IDS = {"gas": "gas_mbus_id", "water": "water_mbus_id", "heat": "thermal_mbus_id"}


def hints(dialect: Dialect, channels: Mapping[str, int], kind: str) -> Iterator[str]:
    """What to enter where, a line each.

    `channels` are the M-Bus channels of the home's devices by commodity; `kind` is how the telegrams go out:
    "pty", "tcp" or "file".
    """
    yield _for_home_assistant(dialect, kind)
    settings = esphome_settings(dialect, channels)
    if kind == "pty":
        settings.insert(0, "LINK of two parts, as /tmp/p1")
    if settings:
        yield f"ESPHome (dsmr): {', '.join(settings)}"


def _for_home_assistant(dialect: Dialect, kind: str) -> str:
    version = NEEDS[dialect.name].home_assistant
    if version is None:
        return "Home Assistant (DSMR): cannot read this meter"
    if kind == "pty" and version in _NOT_OVER_PTY:
        return (
            f"Home Assistant (DSMR): version {version}, over --tcp only: it asks for 7E1 or for modem lines,"
            " and a pty has neither"
        )
    return f"Home Assistant (DSMR): version {version}"


def esphome_settings(dialect: Dialect, channels: Mapping[str, int]) -> list[str]:
    """What ESPHome's `dsmr` component needs beside its port, where that is not what it takes by itself."""
    settings = [] if dialect.checksum else ["crc_check: false"]
    longest = NEEDS[dialect.name].longest
    if longest is not None:
        settings.append(f"max_telegram_length: {longest}")
    if dialect.encrypted:
        settings.append("decryption_key: the key above")
    settings += [f"{_ESPHOME_IDS[name]}: {n}" for name, n in channels.items() if name in _ESPHOME_IDS]
    return settings


def table() -> Iterator[tuple[str, str, str]]:
    """For each meter: its name, Home Assistant's version, and ESPHome's settings but for the channels."""
    for dialect in DIALECTS.values():
        version = NEEDS[dialect.name].home_assistant or "cannot read it"
        yield dialect.name, version, ", ".join(esphome_settings(dialect, {})) or "none"
