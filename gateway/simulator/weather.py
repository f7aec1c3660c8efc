"""The weather at 52 degrees north: temperature, clouds and the sun on a roof.

What it is on a day depends on the seed and the date alone, whichever day is asked first.
"""

from __future__ import annotations

import math
from datetime import date
from random import Random

_LATITUDE = math.radians(52.1)
_LONGITUDE_HOURS = 5.1 / 15
_TILT = math.radians(35)  # the roof looks south
_MINUTES_A_DAY = 1440
_ANCHOR_MINUTES = 12
_SPELL_DAYS = 5

# The cosine of the sun's hour angle at each minute of a UTC day: 1 at noon.
_HOUR_ANGLE = tuple(
    math.cos((minute / 60 + _LONGITUDE_HOURS - 12) * math.pi / 12) for minute in range(_MINUTES_A_DAY)
)


class Weather:
    """The weather of one seed; temperatures in degrees Celsius."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def temperature(self, day: date) -> float:
        """The day's mean: the season, spells of a few days, and the day itself."""
        spell, into = divmod(day.toordinal(), _SPELL_DAYS)
        here, next_one = (self._chance("spell", n).gauss(0, 3) for n in (spell, spell + 1))
        anomaly = here + (next_one - here) * into / _SPELL_DAYS
        season = -math.cos(2 * math.pi * (day.timetuple().tm_yday - 24) / 365.25)
        return 10.8 + 7.3 * season + anomaly + self._chance("warmth", day.toordinal()).gauss(0, 0.8)

    def cloud_cover(self, day: date) -> float:
        """0 for a blue sky, 1 for a grey one; greyer in winter."""
        season = -math.cos(2 * math.pi * (day.timetuple().tm_yday - 11) / 365.25)
        cover: float = self._chance("cover", day.toordinal()).betavariate(1.3 - 0.2 * season, 1.0)
        return cover

    def daylight(self, day: date, first_minute: int, minutes: int) -> tuple[int, int]:
        """The minutes of sunrise and sunset, counted from the `first_minute` of a UTC day."""
        sine, cosine = _heights(day)
        angles = (_HOUR_ANGLE[(first_minute + minute) % _MINUTES_A_DAY] for minute in range(minutes))
        lit = [minute for minute, angle in enumerate(angles) if sine + cosine * angle > 0]
        return lit[0], lit[-1]

    def sunshine(self, day: date, first_minute: int, minutes: int) -> list[float]:
        """What falls on the roof in each minute, as a share of the panels' peak."""
        height_sine, height_cosine = _heights(day)
        declination = _declination(day)
        roof_sine = math.sin(declination) * math.sin(_LATITUDE - _TILT)
        roof_cosine = math.cos(declination) * math.cos(_LATITUDE - _TILT)
        sky = self._sky(day, minutes)
        shares = []
        for minute in range(minutes):
            hour_angle = _HOUR_ANGLE[(first_minute + minute) % _MINUTES_A_DAY]
            height = height_sine + height_cosine * hour_angle
            if height <= 0:
                shares.append(0.0)
                continue
            through_air: float = 0.88 * 0.7 ** ((1 / height) ** 0.678)
            direct = through_air * max(0.0, roof_sine + roof_cosine * hour_angle)
            shares.append((direct + 0.08 * height) * sky[minute])
        return shares

    def _sky(self, day: date, minutes: int) -> list[float]:
        """How much light the clouds let through in each minute."""
        cover = self.cloud_cover(day)
        chance = self._chance("sky", day.toordinal())
        anchors = [1 - 0.85 * cover * chance.random() ** 0.6 for _ in range(minutes // _ANCHOR_MINUTES + 2)]
        unrest = 0.5 * cover * (1 - cover)
        sky = []
        for minute in range(minutes):
            anchor, into = divmod(minute, _ANCHOR_MINUTES)
            drift = (anchors[anchor + 1] - anchors[anchor]) * into / _ANCHOR_MINUTES
            sky.append((anchors[anchor] + drift) * (1 - unrest * chance.random()))
        return sky

    def _chance(self, subject: str, number: int) -> Random:
        return Random(f"{self._seed}/{subject}/{number}")


def _declination(day: date) -> float:
    return math.radians(-23.44) * math.cos(2 * math.pi * (day.timetuple().tm_yday + 10) / 365.25)


def _heights(day: date) -> tuple[float, float]:
    """The two terms of the sine of the sun's height: constant, and with the hour angle."""
    declination = _declination(day)
    return (
        math.sin(_LATITUDE) * math.sin(declination),
        math.cos(_LATITUDE) * math.cos(declination),
    )
