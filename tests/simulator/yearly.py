"""A year in every home: `python -m tests.simulator.yearly [YEAR]` prints what its meters count."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta

from gateway.simulator import Household, SimulatedMeter
from gateway.simulator.homes import HOMES, Home

_UNITS = {"gas": ("m3", 1e6), "water": ("m3", 1e6), "heat": ("GJ", 1e9), "submeter": ("kWh", 3.6e6)}


def year_of(home: Home, year: int, seed: int = 1, step: int = 1) -> dict[str, float]:
    """What was counted in a year, by kind; with a step, from every so-many-th day of it."""
    household, found = (
        Household(seed, home),
        {"kWh in": 0.0, "kWh out": 0.0, "peak W": 0.0, "peak W out": 0.0},
    )
    on = date(year, 1, 1)
    while on.year == year:
        day = household.day(on)
        found["kWh in"] += day.imported[-1] / 3.6e6 * step
        found["kWh out"] += day.exported[-1] / 3.6e6 * step
        found["peak W"] = max(found["peak W"], *day.net)
        found["peak W out"] = max(found["peak W out"], *(-watts for watts in day.net))
        for commodity in home.devices:
            unit, scale = _UNITS[commodity]
            name = f"{unit} {commodity}"
            found[name] = found.get(name, 0.0) + day.counted(commodity, day.seconds) / scale * step
        on += timedelta(days=step)
    return found


def largest_deviation_wh(home: Home, first: date, days: int, seed: int = 1) -> float:
    """How far the registers of quarter-hour telegrams are ever from the power of all minutes before."""
    household = Household(seed, home)
    began = household.day(first).begins
    meter = SimulatedMeter(Household(seed, home), datetime.fromtimestamp(began, UTC))
    start = meter.reading_at(datetime.fromtimestamp(began, UTC)).quantities
    flowed, largest = [0, 0], 0.0
    for n in range(days):
        day = household.day(first + timedelta(days=n))
        for minute, net in enumerate(day.net):
            if minute % 15 == 0:
                told = meter.reading_at(datetime.fromtimestamp(day.begins + minute * 60, UTC)).quantities
                for way, energy in zip(("import", "export"), flowed, strict=True):
                    risen = sum(
                        told[name] - start[name] for name in (f"energy_{way}_t1_wh", f"energy_{way}_t2_wh")
                    )
                    largest = max(largest, abs(risen - energy / 3600))
            flowed[net < 0] += abs(net) * 60
    return largest


def main() -> None:
    year = int(sys.argv[1]) if len(sys.argv) > 1 else 2025
    for home in HOMES.values():
        counted = ", ".join(f"{round(amount)} {name}" for name, amount in year_of(home, year).items())
        counted += f"; registers off by {largest_deviation_wh(home, date(year, 1, 1), 365):.2f} Wh at most"
        sys.stdout.write(f"{home.name:13} {counted}\n")


if __name__ == "__main__":
    main()
