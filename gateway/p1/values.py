"""Single values: what stands in one pair of brackets, to a whole number or a text, and back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from gateway.p1 import units
from gateway.p1.obis import SCALES, Form, Row

_MOST_DIGITS = 15
_POWERS_OF_TEN: tuple[int, ...] = tuple(10**n for n in range(_MOST_DIGITS + 1))
_WORDS = {"OFF": 0, "ON": 1}
_WORD_AND_DIGITS = re.compile(r"[A-Za-z]* ?([0-9]+)")
_NO_LIMIT = re.compile(r"0*(9{2,}\.9+|9{3,}(\.[09]*)?)")
_NUMBER = re.compile(
    r"(?P<sign>[+-]?)(?P<digits>(?P<whole>[0-9]*)(?:[.,](?P<decimals>[0-9]*))?)"
    r"[ ]*\*?[ ]*(?P<unit>[^0-9(*].*)?"
)
# Times are never numbers, though some are digits only. The second form is that of the first DSMR 2.2.
TIME = re.compile(r"[0-9]{12}[SWsw]?|[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
# How many digits more than its form has a number may have: meters with a wider register than the standard's
# exist, and with a unit behind it a number cannot be anything else.
_SPARE, _SPARE_WITH_UNIT = 2, 5
_DIGITS_OF_TIME = 12


class NumberFormat(NamedTuple):
    """How numbers printed alike are read: `sign` times digits times numerator / denominator, in base units.

    What is finer than a base unit is cut off.
    """

    sign: int
    numerator: int
    denominator: int

    def read(self, digits: bytes) -> int:
        """A number by its digits and its point. Raises ValueError where other characters stand for digits."""
        # int() alone would take spaces, signs and "_": no caller has them in the place of a digit.
        return self.sign * (int(digits.translate(None, b".,")) * self.numerator // self.denominator)


def number_of(value: str, due: Row) -> int:
    """Digits, with a unit or as the row's form has them, to whole base units. Raises ValueError."""
    digits, form = number_format(value, due)
    return form.read(digits)


def number_format(value: str, due: Row) -> tuple[bytes, NumberFormat]:
    """The digits of a number, with their point, and how they are read. Raises ValueError.

    Digits at the same places give the same format.
    """
    found = _NUMBER.fullmatch(value.strip())
    if found is None:
        raise ValueError(value)
    sign, digits, whole, decimals, unit = found.groups()
    if (sign and due.form not in _SIGNED) or (len(whole) == _DIGITS_OF_TIME and TIME.fullmatch(value)):
        raise ValueError(value)
    scale = _scale(due.unit if unit is None else unit, due.unit, due.base)
    if scale is None or not _is_usual(len(whole), decimals, unit, due, scale.longer):
        raise ValueError(value)
    numerator, denominator = scale.numerator, scale.denominator * 10 ** len(decimals or "")
    return digits.encode(), NumberFormat(-1 if sign == "-" else 1, numerator, denominator)


def _is_usual(whole: int, decimals: str | None, unit: str | None, due: Row, longer: int) -> bool:
    """Whether numbers of a row have so many digits before the point, and these behind it (None: no point).

    Without a unit, one must be written as its form is: else it may be a time, or of another unit.
    """
    most_whole, most_decimals = due.pattern
    if not 0 < whole + len(decimals or "") <= _MOST_DIGITS:
        return False
    if unit is not None:
        return whole <= most_whole + _SPARE_WITH_UNIT + longer
    if due.unit and most_decimals and decimals is None:
        return False
    return whole <= most_whole + _SPARE and len(decimals or "") <= most_decimals + _SPARE


class _Scale(NamedTuple):
    """Base units in one of a unit, as a fraction; `longer`: by so many digits numbers in it are longer."""

    numerator: int
    denominator: int
    longer: int


@lru_cache(maxsize=256)
def _scale(unit: str, usual_unit: str, base: str) -> _Scale | None:
    scale, usual = units.scale_of(unit, base), units.scale_of(usual_unit, base)
    if scale is None or usual is None:
        return None
    return _Scale(scale.numerator, scale.denominator, len(str(int(usual / scale))) - 1)


_SIGNED = (Form.SIGNED_NUMBER, Form.THRESHOLD)


_BRACKETS = re.compile(r"\(([^()]*)\)")


def brackets(written: str) -> list[str]:
    """What stands in each pair of brackets."""
    return _BRACKETS.findall(written)


@dataclass(frozen=True, slots=True)
class Written:
    """The times and the other values of some brackets, each in their order; empty ones are left out."""

    times: tuple[str, ...]
    numbers: tuple[str, ...]


def sorted_out(values: Iterable[str]) -> Written:
    """Times and numbers, whichever was written first."""
    said = [value for value in values if value.strip()]
    return Written(
        tuple(value for value in said if is_time(value)), tuple(value for value in said if not is_time(value))
    )


def split(value: str) -> Written:
    """The same of what stands between the outermost brackets of a line."""
    return sorted_out(brackets(f"({value})"))


def unit_of(value: str) -> str | None:
    """The unit that a number is printed with."""
    found = _NUMBER.fullmatch(value.strip())
    return found["unit"] if found else None


def is_time(value: str) -> bool:
    """Whether it is written as times are; it need not be one that exists."""
    return TIME.fullmatch(value) is not None


def is_no_limit(value: str) -> bool:
    """True for a threshold that is switched off: the highest number that can be written."""
    return _NO_LIMIT.fullmatch(value.partition("*")[0].removeprefix("-")) is not None


def code_of(value: str) -> int:
    """A choice: digits, or the words of meters that write "TARIFF 1" and "ON", as they are or as an octet
    string. Raises ValueError."""
    text = text_of(value).strip() if len(value) >= _SHORTEST_OCTET_CODE else value
    if text.upper() in _WORDS:
        return _WORDS[text.upper()]
    worded = _WORD_AND_DIGITS.fullmatch(text)
    return count_of(worded[1] if worded else text, _LONGEST_CODE)


_SHORTEST_OCTET_CODE, _LONGEST_CODE = 4, 5


def count_of(value: str, width: int) -> int:
    """What was counted, in so many digits. Raises ValueError."""
    # A counter of 32 bits has ten.
    if len(value) > width + _SPARE_WITH_UNIT:
        raise ValueError(value)
    return digits_of(value)


def digits_of(value: str) -> int:
    """Decimal digits and nothing else. Raises ValueError."""
    # int() alone would take "-1", "1_000" and " 7"; a longer one would not fit the history.
    if value.isdigit() and value.isascii() and len(value) <= _MOST_DIGITS:
        return int(value)
    raise ValueError(value)


@lru_cache(maxsize=64)
def text_of(value: str) -> str:
    """An octet string's text; as sent when it is not hexadecimal digits of printable ASCII."""
    if not value.strip():
        return ""
    try:
        decoded = bytes.fromhex(value).decode("ascii")
    except ValueError:
        return value
    return decoded.strip() if decoded.isprintable() and " " not in value else value


def version_of(value: str) -> str:
    """A version: characters as they are, or as an octet string where these are digits again."""
    text = text_of(value) if len(value) >= _SHORTEST_OCTET_CODE else value.strip()
    return text if not text or text.isdigit() else value


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
