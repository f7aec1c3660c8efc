"""Meters: the household's, as they stand in a meters record. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter of the household: its number and what it measures."""

    number: str
    commodity: str


def encode(meters: Iterable[Meter]) -> bytes:
    return json.dumps([[meter.number, meter.commodity] for meter in meters]).encode()


def decode(plain: bytes) -> tuple[Meter, ...]:
    """The inverse of `encode`."""
    return tuple(Meter(*meter) for meter in json.loads(plain))
