"""Faults: what goes wrong in a meter and on its line, at a rate or at a time, as the seed has it."""

from gateway.simulator.faults.in_meter import MeterEvents
from gateway.simulator.faults.on_line import FaultyMeter
from gateway.simulator.faults.schedule import (
    FAULTS,
    Fault,
    Schedule,
    Strike,
    Wish,
)

__all__ = ["FAULTS", "Fault", "FaultyMeter", "MeterEvents", "Schedule", "Strike", "Wish"]
