"""Quarter hours as real meters tell them: nothing stands still, and what is switched jumps."""

from __future__ import annotations

from random import Random

from gateway.history.records.trace import Sample


def noisy_quarter(
    chance: Random, starts_at: int, *, sun: bool = False, current_unit_ma: int = 1000
) -> tuple[Sample, ...]:
    """Three phases each second: power that wavers by some watts, voltage by a quarter volt.

    With `sun` each phase feeds back, wavering by half a hundredth; currents are in amperes, or finer.
    """
    levels = [chance.uniform(20, 400) for _ in range(3)]
    suns = [chance.uniform(300, 2000) if sun else 0.0 for _ in range(3)]
    volts = [230 + chance.gauss(0, 3) for _ in range(3)]
    reactive = [chance.uniform(0, 80) for _ in range(3)]
    loads: list[list[tuple[int, float]]] = [[], [], []]
    samples = []
    for second in range(900):
        values: list[int] = []
        total = 0.0
        for phase in range(3):
            if chance.random() < 0.01:  # a switch every 33 seconds somewhere in the house
                loads[phase].append(
                    (chance.choice((60, 120, 800, 1200, 2000)), second + chance.expovariate(1 / 60))
                )
            loads[phase] = [load for load in loads[phase] if load[1] > second]
            levels[phase] = max(0.0, levels[phase] + chance.gauss(0, 1))
            taken = levels[phase] + sum(watts for watts, _ in loads[phase])
            watts = taken - suns[phase] * chance.gauss(1, 0.005) + chance.gauss(0, 2) * (1 + taken / 4000)
            volts[phase] += chance.gauss(0, 0.05)
            volt = volts[phase] - 0.0004 * watts + chance.gauss(0, 0.25)
            ampere = (watts**2 + reactive[phase] ** 2) ** 0.5 / volt
            total += watts
            current = round(ampere * 1000 / current_unit_ma) * current_unit_ma
            values += [max(0, round(watts)), max(0, -round(watts)), round(volt * 10) * 100, current]
        samples.append(Sample(starts_at + second, (max(0, round(total)), max(0, -round(total)), *values)))
    return tuple(samples)
