"""A made-up household and its smart meter: telegrams to learn, show and test with.

Whatever is made here says so: the header of each telegram carries SIMULATOR_MODEL, and everything
downstream knows a simulated reading by it.
"""

from gateway.simulator.household import Household
from gateway.simulator.meter import DEVELOPMENT_KEY, SimulatedMeter

__all__ = ["DEVELOPMENT_KEY", "Household", "SimulatedMeter"]
