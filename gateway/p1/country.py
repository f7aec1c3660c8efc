"""Which country's meter a telegram is from: told by the codes that only its meters send.

It matters where the same code means something else, as the names of the tariffs do.
"""

from __future__ import annotations

from gateway.p1.telegram import Line

# What a tariff is called, where that is established (DSMR P1 4.2.2; eMUCS-P1). The meters of other
# countries count in tariffs too, but what these mean is the contract's to say.
TARIFF_NAMES: dict[str, dict[int, str]] = {
    "NL": {1: "low", 2: "normal"},
    "BE": {1: "normal", 2: "low"},
}

# The first code that a telegram has decides.
_CODES: tuple[tuple[str, str], ...] = (
    ("0-0:96.1.4", "BE"),
    ("1-1:1.8.1", "CH"),
    ("1-0:15.8.0", "HU"),
    ("1-0:14.7.0", "LT"),
    ("1-0:1.24.0", "LT"),
    ("1-0:16.24.0", "LT"),
)
_VERSION, _TOTAL, _BY_TARIFF = "1-3:0.2.8", "1-0:1.8.0", "1-0:1.8.1"


def country_of(lines: tuple[Line, ...]) -> str | None:
    """The ISO 3166 code; None when it cannot be known. "SE" stands for Finland's meters too."""
    values = dict(lines)
    for code, country in _CODES:
        if code in values:
            return country
    total = values.get(_TOTAL, "").casefold()
    if _VERSION in values and total.endswith("*wh)"):
        return "AT"
    if _BY_TARIFF in values:
        return "NL"
    if not total:
        return None
    return "LU" if _VERSION in values else "SE"
