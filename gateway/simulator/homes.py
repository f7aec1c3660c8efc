"""Homes: the presets that a household can live in, as what is built into them.

Figures are those of the Netherlands; `tests/simulator/yearly.py` prints what a year in each comes to.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Home:
    """A home as it is built. `devices` are its M-Bus devices by commodity, in the order of their channels.

    `appliances` and `standing` are shares of what a family has; `warmth` is the heat it needs, as a
    share of an older family house's. A submeter counts the heat pump or the car.
    """

    name: str
    title: str
    phases: int = 3
    devices: tuple[str, ...] = ("gas",)
    appliances: float = 1.0
    standing: float = 1.0
    warmth: float = 1.0
    pv_peak_w: int = 0
    battery_wh: int = 0
    heat_pump: bool = False
    car: bool = False
    seldom_used: bool = False

    @property
    def burns_gas(self) -> bool:
        return "gas" in self.devices


HOMES: dict[str, Home] = {
    home.name: home
    for home in (
        Home(
            "apartment",
            "apartment with district heat",
            phases=1,
            devices=("heat", "water"),
            appliances=0.6,
            standing=0.7,
            warmth=0.5,
        ),
        Home("family", "family house", devices=("gas", "water")),
        Home("solar", "family house with solar panels", pv_peak_w=3900),
        Home(
            "heat-pump",
            "house with heat pump and solar panels",
            devices=("water", "submeter"),
            warmth=1.2,
            pv_peak_w=3900,
            heat_pump=True,
        ),
        Home(
            "electric-car",
            "house with electric car and solar panels",
            devices=("gas", "submeter"),
            pv_peak_w=3900,
            car=True,
        ),
        Home("battery", "house with solar panels and battery", pv_peak_w=5200, battery_wh=10_000),
        Home(
            "holiday-home",
            "holiday home, heated by electricity",
            phases=1,
            devices=("water",),
            appliances=0.6,
            standing=0.25,
            seldom_used=True,
        ),
    )
}
"""By name."""

USUAL = HOMES["solar"]
