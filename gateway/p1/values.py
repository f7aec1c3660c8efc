"""Single values: what stands in one pair of brackets, to a whole number or a text, and back."""

from __future__ import annotations

import re
from functools import lru_cache

from gateway.p1.obis import SCALES, Form, Row

_MOST_DIGITS = 15
_POWERS_OF_TEN: tuple[int, ...] = tuple(10**n for n in range(_MOST_DIGITS + 1))
_WORDS = {"OFF": 0, "ON": 1}
_LAST_DIGITS = re.compile(r"[A-Za-z]+ ([0-9]+)")
_NO_LIMIT = re.compile(r"0*(9{2,}\.9+|9{3,}(\.[09]*)?)")


def number_of(value: str, usual_unit: str, base: str) -> int:
    """Digits with a unit to whole base units; the usual unit where there is none. Raises ValueError.

    What is finer than a base unit is cut off.
    """
    number, _, unit = value.partition("*")
    scale = SCALES.get(((unit or usual_unit).casefold(), base))
    if scale is None:
        raise ValueError(unit)
    whole, _, decimals = number.partition(".")
    return digits_of(whole + decimals) * scale // _POWERS_OF_TEN[len(decimals)]


def signed_number_of(value: str, usual_unit: str, base: str) -> int:
    """A number that may have a minus sign, or a plus sign."""
    if value.startswith("-"):
        return -number_of(value[1:], usual_unit, base)
    return number_of(value.removeprefix("+"), usual_unit, base)


def is_no_limit(value: str) -> bool:
    """True for a threshold that is switched off: the highest number that can be written."""
    return _NO_LIMIT.fullmatch(value.partition("*")[0].removeprefix("-")) is not None


def code_of(value: str) -> int:
    """A choice: digits, or the words of meters that write "TARIFF 1" and "ON". Raises ValueError."""
    if value in _WORDS:
        return _WORDS[value]
    worded = _LAST_DIGITS.fullmatch(value)
    return digits_of(worded[1] if worded else value)


def digits_of(value: str) -> int:
    """Decimal digits and nothing else. Raises ValueError."""
    # int() alone would take "-1", "1_000" and " 7"; a longer one would not fit the history.
    if value.isdecimal() and value.isascii() and len(value) <= _MOST_DIGITS:
        return int(value)
    raise ValueError(value)


@lru_cache(maxsize=64)
def text_of(value: str) -> str:
    """An octet string's text; as sent when it is not hexadecimal digits of printable ASCII."""
    try:
        decoded = bytes.fromhex(value).decode("ascii")
    except ValueError:
        return value
    return decoded.strip() if decoded.isprintable() and " " not in value else value


def number_text_of(value: str) -> str:
    """The number of a meter or device; empty when it was never given one (all zeros)."""
    return text_of(value) if value.strip("0 ") else ""


def text_hex(text: str) -> str:
    """The octet string of a text: the inverse of `text_of`."""
    return text.encode("ascii").hex().upper()


def value_text(row: Row, value: int) -> str:
    """A number's brackets as a meter prints them: the inverse of reading it."""
    whole, decimals = row.pattern
    if row.form in (Form.COUNT, Form.CODE):
        return f"({value:0{whole}d})"
    scale = SCALES[row.unit.casefold(), row.base]
    digits = f"{abs(value) * _POWERS_OF_TEN[decimals] // scale:0{whole + decimals}d}"
    point = f".{digits[-decimals:]}" if decimals else ""
    sign, unit = "-" * (value < 0), f"*{row.unit}" if row.unit else ""
    return f"({sign}{digits[: len(digits) - decimals]}{point}{unit})"
