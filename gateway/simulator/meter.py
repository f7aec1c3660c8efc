"""A smart meter at a made-up household: what it knows at any instant, and the telegram it sends.

What is known depends on the seed, the day the meter was installed and that instant, never on what
was asked before. Import and export follow the sum over the phases. Events (see `faults`) change
what the meter knows; the dialect prints it, and encrypts it where its meters do.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import Protocol

from gateway.p1 import (
    MBusReading,
    MeterKey,
    Reading,
    encrypt,
)
from gateway.p1.obis import BY_CODE, MONTH_END_CODES
from gateway.p1.reading import MonthDemand, MonthEnd
from gateway.p1.telegram import Telegram
from gateway.simulator.counting import (
    CountedDay,
    Counting,
    Counts,
    Held,
    What,
)
from gateway.simulator.demand import QUARTER
from gateway.simulator.dialects import DSMR_5, Dialect, Printer
from gateway.simulator.household import LOCAL, Household
from gateway.simulator.mbus import devices_of
from gateway.simulator.measures import (
    Moment,
    counts_demand,
    counts_reactive,
    measures_of,
    quadrant_registers,
    registers,
)
from gateway.simulator.tariffs import tariffs_of

DEVELOPMENT_KEY = MeterKey.parse("000102030405060708090A0B0C0D0E0F")
"""What simulated meters encrypt with unless told otherwise, with Luxembourg's authentication key."""

_MONTHS_TOLD = 13
_USUAL_CURRENT_STEP = 1000
# Limits of meters that have no way to write that there is none, as Hungary's.
_LIMIT_W, _FUSE_MA = 24_000, 32_000


class Events(Protocol):
    """What happens in a meter beyond the household's own doing."""

    def told(self, known: Reading, at: datetime, registers: Callable[[datetime], Reading]) -> Reading | None:
        """What the meter knows instead; None: it is without power.

        `registers` gives what was known, undisturbed, at any other instant.
        """


class SimulatedMeter:
    """The meter of a household, installed at the beginning of the local day of `origin`.

    Times are taken to the whole second. Raises ValueError for a time before that day.
    """

    def __init__(
        self,
        household: Household,
        origin: datetime,
        dialect: Dialect = DSMR_5,
        events: Events | None = None,
        key: MeterKey | None = None,
    ) -> None:
        self.dialect = dialect
        self.key = key or DEVELOPMENT_KEY
        home, chance = household.home, Random(f"{household.seed}/meter")
        self.number = f"E0000{chance.randrange(10**12):012d}"
        self.title = b"SIM" + chance.randbytes(5)
        self.devices = devices_of(household, dialect)
        self._events = events
        self._tariffs = tariffs_of(dialect)
        self._phases = home.phases
        what = What(
            tariffs=self._tariffs,
            phases=home.phases,
            reactive=counts_reactive(dialect),
            demand=counts_demand(dialect),
            commodities=tuple(device.counts for device in self.devices),
        )
        self._counting = Counting(
            household, origin.astimezone(LOCAL).date(), what, _held_at_installation(chance, what)
        )
        self._measures = measures_of(dialect)
        current = dialect.named.get("current_l1_ma")
        self._current_step = current.step if current else _USUAL_CURRENT_STEP
        self._settings = _settings(dialect, home.phases)
        self._printer = Printer(dialect)
        self._ean = f"5414{chance.randrange(10**14):014d}"
        # All but what changes by the second, for the quarter hour in which it holds.
        self._standing: tuple[int, Reading] | None = None

    def known_at(self, at: datetime) -> Reading | None:
        """All that the meter knows at this instant and has words for; None while it has no power.

        Numbers may be finer than the dialect prints them.
        """
        known = self._undisturbed_at(at)
        if self._events is None:
            return known
        return self._events.told(known, known.at, self._undisturbed_at)

    def reading_at(self, at: datetime) -> Reading:
        """What decoding the telegram of this instant gives. Raises ValueError without power."""
        return self._printer.told(self._known_with_power(at))

    def telegram_at(self, at: datetime) -> Telegram:
        """The telegram of this instant. Raises ValueError without power."""
        return self._printer.telegram(self._known_with_power(at))

    def bytes_at(self, at: datetime, key: MeterKey | None = None) -> bytes:
        """The bytes that the meter sends at this instant; none without power.

        `key` is in the place of its own one, where it encrypts.
        """
        known = self.known_at(at)
        if known is None:
            return b""
        text = self._printer.printed(known)
        if not self.dialect.encrypted:
            return text
        return bytes(encrypt(text, key or self.key, self.title, self._frame_counter(at)))

    def _known_with_power(self, at: datetime) -> Reading:
        known = self.known_at(at)
        if known is None:
            raise ValueError("the meter is without power then, and tells nothing")
        return known

    def _frame_counter(self, at: datetime) -> int:
        # Counted in seconds, not in telegrams: it depends on the instant alone, and still no two
        # telegrams have the same one where they are sent more often than the meter would.
        return int(at.timestamp()) - self._counting.begins + 1

    def _undisturbed_at(self, at: datetime) -> Reading:
        at = at.astimezone(UTC).replace(microsecond=0)
        counted = self._counting.day(at.astimezone(LOCAL).date())
        day = counted.day
        second = int(at.timestamp()) - day.begins
        powers = day.power_at(second)[: self._phases]
        flowed, net = counted.flowed_at(second), sum(powers)
        moment = Moment(counted, second, flowed, powers, net, self._tariffs.by_day, self._current_step)
        quantities = dict(self._settings)
        for measure in self._measures:
            measure(moment, quantities)
        standing = self._standing_at(counted, second)
        return standing.renewed(at, MappingProxyType(quantities), self._devices_at(counted, second))

    def _devices_at(self, counted: CountedDay, second: int) -> tuple[MBusReading, ...]:
        day, told = counted.day, []
        for device, held in zip(self.devices, counted.held.devices, strict=True):
            taken = device.taken_at(second)
            told.append(device.reading(day.begins + taken, held + day.counted(device.counts, taken)))
        return tuple(told)

    def _standing_at(self, counted: CountedDay, second: int) -> Reading:
        quarter = (counted.day.begins + second) // QUARTER
        if self._standing is None or self._standing[0] != quarter:
            self._standing = quarter, self._standing_of(counted, second)
        return self._standing[1]

    def _standing_of(self, counted: CountedDay, second: int) -> Reading:
        """A reading with all that does not change by the second: texts, peaks, the last month."""
        named = self.dialect.named
        texts = {
            "device_name": f"SIM{self.number[-13:]}" if self.dialect.number_quantity == "meter_id" else "",
            "connection_ean": self._ean,
            "emucs_version": self.dialect.version or "",
        }
        on = counted.day.on
        peak = counted.peaks_at(second).imported[0] if "demand_max_month_w" in named else None
        return Reading(
            at=datetime.fromtimestamp(counted.day.begins, UTC),
            model=self.dialect.header,
            meter_number=self.number if self.dialect.number_quantity else None,
            version=self.dialect.version,
            quantities=MappingProxyType({}),
            texts=MappingProxyType({name: text for name, text in texts.items() if text and name in named}),
            timed="time" in named,
            country=self.dialect.country,
            demand_max_at=datetime.fromtimestamp(peak.ended_at, UTC) if peak else None,
            demand_history=self._demand_history(on) if "demand_history" in named else (),
            month_end=self._month_end(on) if "month_end" in named else None,
        )

    def _demand_history(self, on: date) -> tuple[MonthDemand, ...]:
        months = self._counting.months_before(on)[-_MONTHS_TOLD:]
        return tuple(
            MonthDemand(
                month_ends_at=_midnight(ended + timedelta(days=1)),
                at=datetime.fromtimestamp(peaks.imported[0].ended_at, UTC),
                demand_w=peaks.imported[0].watts,
            )
            for ended, peaks in months
        )

    def _month_end(self, on: date) -> MonthEnd | None:
        """The registers as the last month ended; of a month the meter has not seen end, none."""
        first = on.replace(day=1)
        if first <= self._counting.installed:
            return None
        held, peaks = self._counting.held_on(first), self._counting.months_before(first)[-1][1]
        counted = {
            **registers(held.by_day, held.otherwise, self._tariffs.by_day),
            **quadrant_registers(held.by_day, held.otherwise),
        }
        # Of all, by day and otherwise: the tariff by day is the first where a month's end is told.
        demands = tuple(peak.watts for peak in (*peaks.imported, *peaks.exported))
        quantities = {name: counted[name] for name in (BY_CODE[code][0].quantity for code in MONTH_END_CODES)}
        return MonthEnd(_midnight(first), MappingProxyType(quantities), demands)


def _midnight(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, tzinfo=LOCAL).astimezone(UTC)


def _held_at_installation(chance: Random, what: What) -> Held:
    """Registers that have run before: a used meter's, so that no number is short."""

    def counts(number: int) -> Counts:
        return tuple(chance.randrange(10**10, 3 * 10**10) for _ in range(number))

    ways = 6 if what.reactive else 2
    by_day = counts(ways) if what.tariffs.switch else (0,) * ways
    return Held(by_day, counts(ways), counts(len(what.commodities)))


def _settings(dialect: Dialect, phases: int) -> dict[str, int]:
    """What only events change: counters, switches, limits, and registers of tariffs that never hold."""
    named = dialect.named
    settings = {"breaker_state": 1, **{f"relay_{n}_state": 1 for n in (1, 2, 3, 4)}}
    settings |= {"failures_any": 0, "failures_long": 0, "grid_type": 400 if phases == 3 else 230}
    settings |= {f"{name}_l{n}": 0 for name in ("sags", "swells") for n in range(1, phases + 1)}
    settings |= {name: 0 for name in named if "_t3_" in name or "_t4_" in name}
    limits = {"limiter_w": _LIMIT_W, **{f"fuse_threshold_l{n}_ma": _FUSE_MA for n in range(1, phases + 1)}}
    settings |= {name: limit for name, limit in limits.items() if name in named and not named[name].absent}
    return {name: value for name, value in settings.items() if name in named}
