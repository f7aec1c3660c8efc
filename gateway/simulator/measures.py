"""What a meter knows at an instant, by the names of the OBIS table: registers, power, phases, demand.

Each function writes some quantities; `measures_of` picks those that a dialect has lines for, so
that no meter works out what it never tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import sub

from gateway.simulator.counting import CountedDay, Counts
from gateway.simulator.demand import QUARTER
from gateway.simulator.dialects import Dialect
from gateway.simulator.electricity import (
    apparent_va,
    decivolts,
    frequency_mhz,
    milliamperes,
    power_factor_permille,
    reactive_var,
)

_PER_HOUR = 3600
_PHASES = ("l1", "l2", "l3")
_PHASE_NAMES = tuple(
    (f"voltage_{name}_mv", f"current_{name}_ma", f"power_import_{name}_w", f"power_export_{name}_w")
    for name in _PHASES
)
_REACTIVE_NAMES = tuple(
    (
        f"reactive_power_import_{name}_var",
        f"reactive_power_export_{name}_var",
        f"power_factor_{name}_permille",
    )
    for name in _PHASES
)


@dataclass(slots=True)
class Moment:
    """One second of a meter's day. `powers` are the phases' that the meter has, `net` their sum."""

    counted: CountedDay
    second: int
    flowed: Counts
    powers: tuple[int, ...]
    net: int
    tariff_by_day: int
    current_step: int

    def since_quarter(self) -> Counts:
        """What flowed since the running quarter hour began."""
        return tuple(map(sub, self.flowed, self.counted.flowed_at(self.second - self.second % QUARTER)))


Quantities = dict[str, int]
Measure = Callable[[Moment, Quantities], None]


# --- registers ------------------------------------------------------------------------------------


def registers(by_day: Counts, otherwise: Counts, tariff_by_day: int) -> Quantities:
    """Registers in whole Wh; the total is the sum of those of the tariffs, as meters have it."""
    t1, t2 = (by_day, otherwise) if tariff_by_day == 1 else (otherwise, by_day)
    t1_in, t1_out, t2_in, t2_out = (
        count // _PER_HOUR for count in (t1[0], t1[1], t2[0], t2[1])
    )  # fmt: skip
    return {
        "energy_import_wh": t1_in + t2_in,
        "energy_export_wh": t1_out + t2_out,
        "energy_combined_wh": t1_in + t2_in + t1_out + t2_out,
        "energy_import_t1_wh": t1_in,
        "energy_import_t2_wh": t2_in,
        "energy_export_t1_wh": t1_out,
        "energy_export_t2_wh": t2_out,
    }


def quadrant_registers(by_day: Counts, otherwise: Counts) -> Quantities:
    """Registers of reactive energy by quadrant: import is what lies in the first two."""
    q1, q2, q3, q4 = (
        (one + other) // _PER_HOUR for one, other in zip(by_day[2:], otherwise[2:], strict=True)
    )
    return {
        "reactive_energy_q1_varh": q1,
        "reactive_energy_q2_varh": q2,
        "reactive_energy_q3_varh": q3,
        "reactive_energy_q4_varh": q4,
        "reactive_energy_import_varh": q1 + q2,
        "reactive_energy_export_varh": q3 + q4,
    }


def _energies(moment: Moment, q: Quantities) -> None:
    q |= registers(*moment.counted.held_at(moment.second, moment.flowed), moment.tariff_by_day)


def _quadrants(moment: Moment, q: Quantities) -> None:
    q |= quadrant_registers(*moment.counted.held_at(moment.second, moment.flowed))


def _reactive_energies(moment: Moment, q: Quantities) -> None:
    by_day, otherwise = moment.counted.held_at(moment.second, moment.flowed)
    t1, t2 = (by_day, otherwise) if moment.tariff_by_day == 1 else (otherwise, by_day)
    for way, first in (("import", 2), ("export", 4)):
        one, other = (sum(counts[first : first + 2]) // _PER_HOUR for counts in (t1, t2))
        q[f"reactive_energy_{way}_varh"] = one + other
        q[f"reactive_energy_{way}_t1_varh"] = one
        q[f"reactive_energy_{way}_t2_varh"] = other


def _tariff(moment: Moment, q: Quantities) -> None:
    by_day = moment.counted.is_by_day(moment.second)
    q["tariff"] = moment.tariff_by_day if by_day else 3 - moment.tariff_by_day


# --- power ----------------------------------------------------------------------------------------


def _power(moment: Moment, q: Quantities) -> None:
    net = moment.net
    q["power_import_w"], q["power_export_w"] = (net, 0) if net >= 0 else (0, -net)


def _phases(moment: Moment, q: Quantities) -> None:
    day, second, step = moment.counted.day, moment.second, moment.current_step
    for phase, watts in enumerate(moment.powers):
        dv = decivolts(day, second, phase, watts)
        voltage, current, imported, exported = _PHASE_NAMES[phase]
        q[voltage] = dv * 100
        q[current] = milliamperes(watts, dv, step)
        q[imported], q[exported] = (watts, 0) if watts >= 0 else (0, -watts)


def _reactive(moment: Moment, q: Quantities) -> None:
    drawn = moment.counted.day.powers[moment.second // 60]
    total = 0
    for phase, watts in enumerate(moment.powers):
        var = reactive_var(drawn[phase])
        total += var
        imported, exported, factor = _REACTIVE_NAMES[phase]
        q[imported], q[exported] = (var, 0) if var >= 0 else (0, -var)
        q[factor] = power_factor_permille(watts, var)
    q["reactive_power_import_var"], q["reactive_power_export_var"] = max(total, 0), max(-total, 0)
    whole = apparent_va(moment.net, total)
    imports = moment.net >= 0
    q["apparent_power_import_va"], q["apparent_power_export_va"] = (whole, 0) if imports else (0, whole)
    q["power_factor_permille"] = power_factor_permille(moment.net, total)


def _frequency(moment: Moment, q: Quantities) -> None:
    q["frequency_mhz"] = frequency_mhz(moment.counted.day.begins + moment.second)


# --- demand ---------------------------------------------------------------------------------------


def _demand(moment: Moment, q: Quantities) -> None:
    """The mean of the running quarter hour, with nothing for what is left of it: it climbs."""
    imported, exported, *_ = moment.since_quarter()
    q["demand_current_quarter_w"] = imported // QUARTER
    q["demand_export_current_quarter_w"] = exported // QUARTER


def _reactive_demand(moment: Moment, q: Quantities) -> None:
    imported, exported, *quadrants = (count // QUARTER for count in moment.since_quarter())
    q1, q2, q3, q4 = quadrants
    q["demand_reactive_import_current_quarter_var"] = q1 + q2
    q["demand_reactive_export_current_quarter_var"] = q3 + q4
    q["demand_apparent_import_current_quarter_va"] = apparent_va(imported, q1 + q4)
    q["demand_apparent_export_current_quarter_va"] = apparent_va(exported, q2 + q3)


def _averages(moment: Moment, q: Quantities) -> None:
    """The means since the running quarter hour began; as it begins, of that second."""
    elapsed = moment.second % QUARTER
    if elapsed:
        imported, exported = (count // elapsed for count in moment.since_quarter()[:2])
    else:
        imported, exported = max(moment.net, 0), max(-moment.net, 0)
    q["power_import_average_w"] = imported
    q["power_combined_average_w"] = imported + exported
    q["power_net_average_w"] = imported - exported


def _month_peak(moment: Moment, q: Quantities) -> None:
    q["demand_max_month_w"] = moment.counted.peaks_at(moment.second).imported[0].watts


# What is worked out where a dialect has a line for one of these, in this order.
_MEASURES: tuple[tuple[Measure, tuple[str, ...]], ...] = (
    (_energies, ("energy_import_wh", "energy_import_t1_wh")),
    (_reactive_energies, ("reactive_energy_import_varh",)),
    (_quadrants, ("reactive_energy_q1_varh",)),
    (_tariff, ("tariff",)),
    (_power, ("power_import_w",)),
    (_phases, ("voltage_l1_mv", "current_l1_ma", "power_import_l1_w")),
    (_reactive, ("reactive_power_import_var", "apparent_power_import_va", "power_factor_permille")),
    (_frequency, ("frequency_mhz",)),
    (_demand, ("demand_current_quarter_w",)),
    (_reactive_demand, ("demand_reactive_import_current_quarter_var",)),
    (_averages, ("power_import_average_w",)),
    (_month_peak, ("demand_max_month_w",)),
)


def measures_of(dialect: Dialect) -> tuple[Measure, ...]:
    return tuple(measure for measure, names in _MEASURES if not dialect.named.keys().isdisjoint(names))


def counts_reactive(dialect: Dialect) -> bool:
    return _any_begins(dialect, ("reactive_energy", "demand_reactive"))


def counts_demand(dialect: Dialect) -> bool:
    return _any_begins(dialect, ("demand_max", "demand_history", "month_end"))


def _any_begins(dialect: Dialect, beginnings: Iterable[str]) -> bool:
    return any(name.startswith(beginning) for name in dialect.named for beginning in beginnings)
