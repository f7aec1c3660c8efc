"""Limits: how fast a register can rise. Pure.

Each commodity has two bounds. What rises faster than a household's connection gives is unusual:
it is held until following telegrams confirm it. What rises faster than any connection gives is
impossible: even when it is confirmed, it is no usage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.quantities import COMMODITIES

USUAL_W = 100_000
"""Nearly twice the largest household connection: 3 x 80 A at 230 V are 55 kW."""
_MOST_W = 200_000
# A clock that was set back does not tell how much time has passed: at most so much is taken.
_UNKNOWN_S = 3600
# Nobody takes from a connection for days what it gives for an hour: of a longer gap a tenth counts.
_FULL_POWER_S = 3600


@dataclass(frozen=True, slots=True)
class Limit:
    """`usual` and `most` are base units of the register in an hour.

    A register is renewed at least every `renewed_s` seconds, however often the meter speaks. Its
    last digit is at most `whole` base units: one of the unit that the meter prints.
    """

    usual: int
    most: int
    renewed_s: int
    whole: int

    def usual_rise(self, old: int, new: int, seconds: float) -> bool:
        """Whether a household can have used this since the telegram before, `seconds` ago."""
        return self._is_rise(old, new, self.usual, seconds)

    def possible_rise(self, old: int, new: int, seconds: float) -> bool:
        """Whether anybody can have used this in a gap of `seconds`."""
        return self._is_rise(old, new, self.most, seconds)

    def possible_usage(self, start: int, end: int, seconds: float) -> bool:
        """Whether anybody can have used this between two rows, with no allowance for a clock."""
        return seconds >= 0 and self._allows(start, end, self.most, seconds)

    def _is_rise(self, old: int, new: int, per_hour: int, seconds: float) -> bool:
        if seconds < 0:
            seconds = _UNKNOWN_S
        elif seconds > _FULL_POWER_S:
            seconds = _FULL_POWER_S + (seconds - _FULL_POWER_S) / 10
        return self._allows(old, new, per_hour, seconds)

    def _allows(self, old: int, new: int, per_hour: int, seconds: float) -> bool:
        beyond = new - old - per_hour * max(seconds, self.renewed_s) / 3600
        return new >= old and (beyond <= 0 or beyond <= 2 * _last_digit(old, new, self.whole))


def electricity(highest_w: int) -> Limit:
    """For a connection from which up to `highest_w` was seen to be taken, or given.

    Current transformers measure connections far larger than a household's: there the powers that
    its own telegrams report, once confirmed, are the measure.
    """
    usual_w = max(USUAL_W, 2 * highest_w)
    # Registers of most meters are renewed each second, of some every ten.
    return Limit(usual=usual_w, most=max(_MOST_W, 2 * usual_w), renewed_s=10, whole=1000)


# The meters of M-Bus devices are read every five minutes, an hour or a day: they say when.
_OF_REGISTER: Mapping[str, Limit] = {
    one.register: Limit(one.usual_per_hour, one.most_per_hour, renewed_s=300, whole=one.whole)
    for one in COMMODITIES
}
_HOUSEHOLD = electricity(0)


def of_register(name: str, highest_w: int = 0) -> Limit:
    """The limit of a register; of those of electricity for a connection of `highest_w`."""
    own = _OF_REGISTER.get(name)
    if own is not None:
        return own
    return _HOUSEHOLD if 2 * highest_w <= USUAL_W else electricity(highest_w)


def _last_digit(old: int, new: int, whole: int) -> int:
    """How much one is in the register's last digit, as far as two of its values tell."""
    digit = 1
    while digit < whole and old % (digit * 10) == 0 and new % (digit * 10) == 0:
        digit *= 10
    return digit
