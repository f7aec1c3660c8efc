"""Units as meters print them: a prefix and a unit, to the base unit inside and how many of it one is.

The letters' case tells milli from mega, and nothing else: meters write kVArh, kVarh and kvarh.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

_PREFIXES = {
    "m": Fraction(1, 1000), "c": Fraction(1, 100), "d": Fraction(1, 10), "h": Fraction(100),
    "k": Fraction(1000), "K": Fraction(1000), "M": Fraction(10**6),
    "G": Fraction(10**9), "g": Fraction(10**9),
}  # fmt: skip
_THOUSANDS = frozenset("mkKMGg")
_TENS = frozenset("mcdhkK")
# In small letters: the base units inside that one may be in, how many of each, and the prefixes it takes.
_UNITS: dict[str, tuple[dict[str, Fraction], frozenset[str]]] = {
    "wh": ({"wh": Fraction(1), "kj": Fraction(36, 10)}, _THOUSANDS),
    "varh": ({"varh": Fraction(1)}, _THOUSANDS),
    "w": ({"w": Fraction(1)}, _THOUSANDS),
    "var": ({"var": Fraction(1)}, _THOUSANDS),
    "va": ({"va": Fraction(1)}, _THOUSANDS),
    "v": ({"mv": Fraction(1000)}, _THOUSANDS),
    "a": ({"ma": Fraction(1000)}, _THOUSANDS),
    "hz": ({"mhz": Fraction(1000)}, _THOUSANDS),
    "j": ({"kj": Fraction(1, 1000), "wh": Fraction(1, 3600)}, _THOUSANDS),
    "s": ({"s": Fraction(1)}, _THOUSANDS),
    "min": ({"s": Fraction(60)}, frozenset()),
    "h": ({"s": Fraction(3600)}, frozenset()),
    "l": ({"litre": Fraction(1)}, _TENS),
    "m3": ({"litre": Fraction(1000)}, frozenset()),
    "dm3": ({"litre": Fraction(1)}, frozenset()),
    "cm3": ({"litre": Fraction(1, 1000)}, frozenset()),
    "": ({"permille": Fraction(1000)}, frozenset()),
}


@lru_cache(maxsize=256)
def bases(unit: str) -> dict[str, Fraction]:
    """The base units that a unit can be counted in, and how many of each it is; none when unknown."""
    # A superscript three in Latin-1, and in UTF-8 that is read as Latin-1.
    plain = unit.strip().replace("Â³", "3").replace("³", "3").replace("^3", "3")
    whole = _UNITS.get(plain.casefold())
    if whole:
        return whole[0]
    counted, prefixes = _UNITS.get(plain[1:].casefold(), ({}, frozenset()))
    if len(plain) < 2 or plain[0] not in prefixes:
        return {}
    return {base: scale * _PREFIXES[plain[0]] for base, scale in counted.items()}


def scale_of(unit: str, base: str) -> Fraction | None:
    """How many base units one of a unit is; None when it measures something else."""
    return bases(unit).get(base)
