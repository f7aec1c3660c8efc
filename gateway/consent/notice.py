"""The notice: what the owner is told before consenting, in plain words.

The sentences are the keys of the page's translations (N_ marks them for the extraction).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from gateway.consent.terms import Category, Granularity, Terms


def N_(sentence: str) -> str:  # noqa: N802 - the name that extraction tools look for
    return sentence


CATEGORY_NAMES = {
    Category.ELECTRICITY: N_("electricity registers (kWh) and tariff"),
    Category.POWER: N_("power in total (W)"),
    Category.PHASES: N_("power, voltage and current of each phase"),
    Category.DEMAND: N_("average power of each period (demand)"),
    Category.GAS: N_("gas register (m³)"),
    Category.WATER: N_("water register (m³)"),
    Category.HEAT: N_("heat register (GJ)"),
    Category.QUALITY: N_("power failures, voltage sags and swells"),
    Category.IDENTITY: N_("meter numbers and model"),
}
GRANULARITY_NAMES = {
    Granularity.DAY: N_("once a day"),
    Granularity.HOUR: N_("every hour"),
    Granularity.QUARTER: N_("every quarter hour"),
    Granularity.LIVE: N_("live"),
}
INFERENCES = {
    Granularity.DAY: N_(
        "They could see on which days the home is in use, but not what happens within a day."
    ),
    Granularity.HOUR: N_("They could see roughly when someone is at home."),
    Granularity.QUARTER: N_("They could see when someone is at home, and the rhythm of your days."),
    Granularity.LIVE: N_(
        "They could see when you wake, leave, cook and sleep, and often which appliance is running."
    ),
}
IDENTITY_INFERENCE = N_("They could tell which meter, and so which address, the readings belong to.")
WITHDRAWAL = N_(
    "You can withdraw this consent at any time, with one click: the recipient is then cut off at once."
    " What was already sent is with the recipient. Everyone who lives here is shown in these readings."
)
LIVE_INTERVAL = N_("Live means at most one reading every {seconds} seconds.")
END = N_("The consent ends by itself after {day}.")

_COARSE_TO_FINE = list(Granularity)


def inferences(terms: Terms) -> list[str]:
    """What the recipient could infer, as sentences: of the finest granularity granted."""
    behaviour = [g for category, g in terms.grants.items() if category is not Category.IDENTITY]
    found = [INFERENCES[max(behaviour, key=_COARSE_TO_FINE.index)]] if behaviour else []
    return [*found, IDENTITY_INFERENCE] if Category.IDENTITY in terms.grants else found


def notice_text(terms: Terms, translate: Callable[[str], str] = str) -> str:
    """The whole notice for these terms, in the language of `translate`."""
    shared = [
        f"- {translate(CATEGORY_NAMES[category])}: {translate(GRANULARITY_NAMES[granularity])}"
        for category, granularity in terms.grants.items()
    ]
    if Granularity.LIVE in terms.grants.values():
        shared.append(translate(LIVE_INTERVAL).format(seconds=terms.live_interval_s))
    last_day = (terms.valid_until - timedelta(seconds=1)).date()
    told = [translate(sentence) for sentence in (*inferences(terms), WITHDRAWAL)]
    told.insert(0, translate(END).format(day=last_day.isoformat()))
    return "\n".join([f"{terms.recipient}: {terms.purpose}", *shared, *told])
