"""Which country's meter a telegram is from: told by what only its meters send.

It matters where the same code means something else, as the names of the tariffs do.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.p1.obis import four_parts
from gateway.p1.telegram import Line

# What a tariff is called, where that is established (DSMR P1 4.2.2; eMUCS-P1). The meters of other
# countries count in tariffs too, but what these mean is the contract's to say.
TARIFF_NAMES: dict[str, dict[int, str]] = {
    "NL": {1: "low", 2: "normal"},
    "BE": {1: "normal", 2: "low"},
}

# Manufacturer's letters that a grid operator of one country only has had made.
_MAKERS = {"FLU": "BE", "LUX": "LU", "ACE": "NL"}
# Codes that only the meters of one country send; the first that a telegram has decides.
_CODES: tuple[tuple[str, str], ...] = (
    ("0-0:96.1.4", "BE"),
    ("1-1:1.8.0", "CH"),
    ("1-1:1.8.1", "CH"),
    ("1-0:15.8.0", "HU"),
    ("1-0:1.24.0", "LT"),
    ("1-0:16.24.0", "LT"),
)
_VERSION, _TIME, _TOTAL, _BY_TARIFF = "1-3:0.2.8", "0-0:1.0.0", "1-0:1.8.0", "1-0:1.8.1"
_REACTIVE = ("1-0:3.8.0", "1-0:4.8.0")
_DUTCH_VERSIONS = ("(40)", "(42)", "(50)")
_WITHOUT_VERSION = ("0-0:96.13.1", *(f"0-{channel}:24.3.0" for channel in (1, 2, 3, 4)))  # DSMR 2 and 3
# What stands beside the registers of two tariffs where a meter is not Dutch.
_NOT_DUTCH = (_TOTAL, *_REACTIVE, "1-0:1.8.3", "1-0:1.6.0", "1-0:13.7.0", "1-0:14.7.0", "0-0:42.0.0")


def country_of(header: str, lines: tuple[Line, ...]) -> str | None:
    """The ISO 3166 code; None when it cannot be known. "SE" stands for Finland's meters too.

    That a meter counts by tariff, or in total, says nothing: those of many countries do.
    """
    codes = {four_parts(code): values for code, values in reversed(lines)}
    for code, country in _CODES:
        if code in codes:
            return country
    maker = _MAKERS.get(header[:3].upper())
    if maker:
        return maker
    total = codes.get(_TOTAL, "").casefold()
    if _VERSION in codes and total.endswith("*wh)"):
        return "AT"
    if _VERSION in codes and total and "0-0:42.0.0" in codes:
        return "LU"
    if _VERSION not in codes and _TIME in codes:
        return _without_version(codes) if total else None
    return "NL" if _is_dutch(codes) else None


def _without_version(codes: Mapping[str, str]) -> str | None:
    """The country of a meter with a clock and totals that states no version."""
    if any(code not in codes for code in _REACTIVE):
        return None
    if "1-0:13.7.0" in codes and "1-0:14.7.0" in codes:
        return "LT"
    # Sweden's and Finland's state neither a number nor tariffs.
    return "SE" if codes.keys().isdisjoint((_BY_TARIFF, "0-0:96.1.1")) else None


def _is_dutch(codes: Mapping[str, str]) -> bool:
    if _BY_TARIFF not in codes or not codes.keys().isdisjoint(_NOT_DUTCH):
        return False
    if _VERSION in codes:
        return codes[_VERSION] in _DUTCH_VERSIONS
    return not codes.keys().isdisjoint(_WITHOUT_VERSION)
