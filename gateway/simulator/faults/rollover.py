"""Rollover: the import registers of a meter that have run so long that they pass their highest number."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from gateway.p1.obis import SCALES
from gateway.simulator.dialects import Dialect

_TOTAL = "energy_import_wh"
_SECOND = timedelta(seconds=1)

Registers = Callable[[datetime], dict[str, int]]
"""What the meter's registers would hold at an instant if they had not run so long."""


def import_registers(dialect: Dialect) -> list[str]:
    return [name for name in dialect.named if name.startswith("energy_import")]


class Rollover:
    """One register that passes its highest number at `at`: the total, or that of the tariff which runs.

    Until then it holds exactly as much more than it would that it stands at its highest a second
    before. Where the total passes, it stays the sum of its tariffs: one of these holds the more.
    """

    def __init__(self, dialect: Dialect, at: datetime, tariff: int) -> None:
        self.at = at
        names = import_registers(dialect)
        tariff_register = f"energy_import_t{tariff}_wh"
        if tariff_register not in names:
            tariff_register = "energy_import_t1_wh"
        self._passing = _TOTAL if _TOTAL in names else tariff_register
        self._lifted = {_TOTAL, tariff_register, "energy_combined_wh"}
        self._highest = {name: _first_without_digits(dialect, name) for name in names}
        if "energy_combined_wh" in dialect.named:
            self._highest["energy_combined_wh"] = _first_without_digits(dialect, "energy_combined_wh")
        # By how much more, before it passes and after.
        self._lifts: tuple[int, int] | None = None

    def applied(self, held: dict[str, int], at: datetime, registers: Registers) -> None:
        """Change what the registers hold at an instant."""
        if self._lifts is None:
            before, then = (registers(when)[self._passing] for when in (self.at - _SECOND, self.at))
            lift = self._highest[self._passing] - 1 - before
            # What is no whole Wh yet as it passes counts as one.
            self._lifts = lift, lift + (then == before)
        lift = self._lifts[at >= self.at]
        for name, first in self._highest.items():
            held[name] = (held[name] + lift * (name in self._lifted)) % first


def _first_without_digits(dialect: Dialect, name: str) -> int:
    """The first number, in Wh, that a register has no digits for."""
    row = dialect.named[name].row
    digits: int = 10 ** row.pattern[0]
    return digits * SCALES[row.unit.casefold(), row.base]
