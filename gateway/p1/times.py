"""The meter's times: YYMMDDhhmmssX (TST) to UTC and back.

The flag X tells the offset, not the calendar: the autumn hour that comes twice stays two hours, and
a meter that keeps winter time all year stays right. Source: DSMR P1 5.0.2, section 6.4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

_MIDWINTER = datetime(2026, 1, 1)  # noqa: DTZ001 - asked of a zone, which wants it without
_HOUR = timedelta(hours=1)
_BETWEEN = re.compile("[- :]")  # DSMR 2.2 as first published: yy-MM-dd hh:mm:ss
# A clock outside these years was never set: meters start at 2000 and count on from there, or at 1970, which
# reads as 2070 (and in UTC as the end of 2069). The first P1 meters are of 2007.
_FIRST_YEAR, _LAST_YEAR = 2005, 2068


@dataclass(frozen=True, slots=True)
class MeterClock:
    """How a meter writes its times.

    `zone` is the home's: its winter time, and summer time an hour ahead. `winter_time_only`: the
    meter keeps winter time, whatever its flag says (reported of some Kamstrup meters).
    """

    zone: tzinfo = field(default_factory=lambda: ZoneInfo("Europe/Amsterdam"))
    winter_time_only: bool = False
    _offsets: dict[str, timedelta] = field(init=False, repr=False, compare=False)
    _written: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        winter = self.zone.utcoffset(_MIDWINTER) or timedelta(0)
        summer = winter if self.winter_time_only else winter + _HOUR
        offsets = {"S": summer, "W": winter}
        written = {flag: _MIDWINTER.replace(tzinfo=timezone(o)).strftime("%z") for flag, o in offsets.items()}
        object.__setattr__(self, "_offsets", offsets)
        object.__setattr__(self, "_written", written)

    def utc(self, told: str) -> datetime:
        """A TST in UTC. Without a flag (DSMR 2 and 3) it is local time: the autumn hour that comes
        twice is taken for its first coming. Raises ValueError.
        """
        if "-" in told:
            told = _BETWEEN.sub("", told)
        if len(told) == 12:
            return _time(told, "").replace(tzinfo=self.zone).astimezone(UTC)
        offset = self._written.get(told[12:].upper())
        if offset is None:
            raise ValueError(told)
        return _time(told[:12], offset).astimezone(UTC)

    def text(self, at: datetime, summer: bool) -> str:
        """The TST of a time: the inverse of `utc`."""
        flag = "S" if summer else "W"
        return (at.astimezone(UTC) + self._offsets[flag]).strftime("%y%m%d%H%M%S") + flag

    def is_summer(self, at: datetime) -> bool:
        """Whether the home has summer time then."""
        return bool(at.astimezone(self.zone).dst())


HOME = MeterClock()


@lru_cache(maxsize=64)
def _time(digits: str, offset: str) -> datetime:
    if len(digits) != 12 or not (digits.isascii() and digits.isdigit()):
        raise ValueError(digits)
    return datetime.fromisoformat(f"20{digits[:6]}T{digits[6:]}{offset}")


def clock_is_set(at: datetime) -> bool:
    """False for the dates at which an unset clock starts."""
    return _FIRST_YEAR <= at.year <= _LAST_YEAR


def set_time(clock: MeterClock, told: str) -> datetime | None:
    """A time, or None where it is that of an unset clock or of bytes that were never written."""
    try:
        at = clock.utc(told)
    except ValueError:
        return None
    return at if clock_is_set(at) else None
