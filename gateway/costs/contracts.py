"""Tariffs: what usage costs by the contracts that the owner wrote down.

Amounts are exact decimals of the currency and rounded only where they are shown, so that days sum to
their month. What was not measured is not priced: it is said to be missing. Prices that change by the hour
are not covered, nor is what a supplier nets over a year.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from gateway.errors import TariffsUnusable
from gateway.files import Slot
from gateway.quantities import EXPORT_REGISTERS, IMPORT_REGISTERS, QUANTITIES

# What a price is for: the register, and how many of its base units make the unit that is priced.
PRICED: Mapping[str, tuple[str, int]] = {
    row.price: (row.name, row.unit.scale) for row in QUANTITIES if row.price is not None
}
_OF_TARIFFS = {IMPORT_REGISTERS[0]: IMPORT_REGISTERS, EXPORT_REGISTERS[0]: EXPORT_REGISTERS}
_ALL_PRICED = tuple(register for register, _ in PRICED.values())
_FIXED = ("fixed_per_day", "fixed_per_month")
_LONGEST_NAME = 80


class Usage(Protocol):
    """What was used in one period, by register; see `gateway.history`."""

    @property
    def starts_at(self) -> datetime: ...
    @property
    def ends_at(self) -> datetime: ...
    @property
    def quantities(self) -> Mapping[str, int]: ...
    @property
    def complete(self) -> bool: ...
    @property
    def import_wh(self) -> int | None: ...
    @property
    def export_wh(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Contract:
    """Prices from one day through another (None: until further notice), taxes included.

    `prices` are in the currency for a kWh, m³ or GJ, by the names of PRICED; an export's price is what is
    paid to the home. `per_day` and `per_month` are fixed costs.
    """

    name: str
    first: date
    last: date | None
    currency: str
    prices: Mapping[str, Decimal]
    per_day: Decimal = Decimal(0)
    per_month: Decimal = Decimal(0)

    def holds(self, day: date) -> bool:
        return self.first <= day and (self.last is None or day <= self.last)

    def fixed(self, day: date) -> Decimal:
        """The fixed cost of one day: a month's is the same for each of its days."""
        following = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        return self.per_day + self.per_month / (following - day.replace(day=1)).days


@dataclass(frozen=True, slots=True)
class Cost:
    """What a period cost: each price's part, the fixed part, and what is missing in it.

    `missing` names the registers that have a price and were not wholly measured, and "contract" where none
    held. Amounts are in `currency`; what is fed back counts below zero.
    """

    starts_at: datetime
    ends_at: datetime
    currency: str = ""
    parts: Mapping[str, Decimal] = field(default_factory=dict)
    fixed: Decimal = Decimal(0)
    missing: frozenset[str] = frozenset()

    @property
    def total(self) -> Decimal:
        return sum(self.parts.values(), self.fixed)


def parse(text: str) -> tuple[Contract, ...]:
    """The contracts in a TOML text (config/tariffs.toml is one). Raises TariffsUnusable."""
    try:
        tables = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise TariffsUnusable(f"this is not valid TOML: {error}") from None
    written = tables.pop("contract", None)
    if tables or not isinstance(written, list) or not written:
        raise TariffsUnusable("write each contract under a line [[contract]], and nothing else")
    contracts = sorted((_contract(table) for table in written), key=lambda contract: contract.first)
    for one, next_one in pairwise(contracts):
        if one.last is None or one.last >= next_one.first:
            raise TariffsUnusable(
                f"{one.name!r} and {next_one.name!r} hold on the same days: give the first an end"
            )
        if one.currency != next_one.currency:
            raise TariffsUnusable("all contracts must be in one currency")
    return tuple(contracts)


def _contract(table: Mapping[str, Any]) -> Contract:
    known = {"name", "from", "until", "currency", *_FIXED, *(name.partition(".")[0] for name in PRICED)}
    unknown = [name for name in table if name not in known]
    if unknown:
        raise TariffsUnusable(f"there is nothing called {unknown[0]!r} in a contract")
    name, first, last = table.get("name"), table.get("from"), table.get("until")
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
        raise TariffsUnusable("give each contract a name")
    if type(first) is not date or (last is not None and type(last) is not date):
        raise TariffsUnusable(
            f"{name!r}: from and until are days, such as 2026-01-31, without quotation marks"
        )
    if last is not None and last < first:
        raise TariffsUnusable(f"{name!r} ends before it begins")
    currency = table.get("currency", "EUR")
    if not (isinstance(currency, str) and len(currency) == 3 and currency.isupper()):
        raise TariffsUnusable(f"{name!r}: the currency is three letters, such as EUR")
    prices = _prices(name, table)
    per_day, per_month = (_amount(name, fixed, table.get(fixed, 0)) for fixed in _FIXED)
    return Contract(name, first, last, currency, prices, per_day, per_month)


def _prices(name: str, table: Mapping[str, Any]) -> dict[str, Decimal]:
    found = {}
    for commodity in dict.fromkeys(known.partition(".")[0] for known in PRICED):
        prices = table.get(commodity, {})
        if not isinstance(prices, Mapping):
            raise TariffsUnusable(f"{name!r}: write the prices of {commodity} under [contract.{commodity}]")
        for what, price in prices.items():
            if f"{commodity}.{what}" not in PRICED:
                raise TariffsUnusable(f"{name!r}: there is no price called {commodity}.{what}")
            found[f"{commodity}.{what}"] = _amount(name, f"{commodity}.{what}", price)
    for way in ("import", "export"):
        single, double = f"electricity.{way}", (f"electricity.{way}_t1", f"electricity.{way}_t2")
        if single in found and any(price in found for price in double):
            raise TariffsUnusable(f"{name!r}: give one price for {way}, or one for each tariff, not both")
    return found


def _amount(name: str, what: str, value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not Decimal(value).is_finite():
        raise TariffsUnusable(f"{name!r}: {what} is an amount, such as 0.25")
    return Decimal(value)


def cost(
    usage: Usage,
    contracts: Iterable[Contract],
    zone: ZoneInfo,
    registers: Collection[str] = _ALL_PRICED,
    share_of_day: Decimal | None = None,
) -> Cost:
    """The cost of a period within one local day.

    `registers` are those that the home has: a price for another one is no loss. `share_of_day` of the fixed
    cost belongs to the period; None: all of it.
    """
    day = usage.starts_at.astimezone(zone).date()
    contract = next((contract for contract in contracts if contract.holds(day)), None)
    if contract is None:
        return Cost(usage.starts_at, usage.ends_at, missing=frozenset(["contract"]))
    parts: dict[str, Decimal] = {}
    missing = set()
    for name, price in contract.prices.items():
        register, units = PRICED[name]
        amount = _measured(usage, register)
        if amount is not None:
            parts[name] = price * amount / units * (-1 if ".export" in name else 1)
        if (amount is None or not usage.complete) and _is_had(register, registers):
            missing.add(register)
    fixed = contract.fixed(day) * (1 if share_of_day is None else share_of_day)
    return Cost(usage.starts_at, usage.ends_at, contract.currency, parts, fixed, frozenset(missing))


def _is_had(register: str, registers: Collection[str]) -> bool:
    """A total is had by who has its tariffs."""
    return any(name in registers for name in _OF_TARIFFS.get(register, (register,)))


def _measured(usage: Usage, register: str) -> int | None:
    """One price for a direction holds for its tariffs' registers, too."""
    if register == "energy_import_wh":
        return usage.import_wh
    if register == "energy_export_wh":
        return usage.export_wh
    return usage.quantities.get(register)


def joined(starts_at: datetime, ends_at: datetime, costs: Iterable[Cost]) -> Cost:
    """The cost of a longer period: the exact sum of its days."""
    parts: dict[str, Decimal] = {}
    fixed, currency = Decimal(0), ""
    missing: frozenset[str] = frozenset()
    for one in costs:
        for name, amount in one.parts.items():
            parts[name] = parts.get(name, Decimal(0)) + amount
        fixed += one.fixed
        currency = currency or one.currency
        missing |= one.missing
    return Cost(starts_at, ends_at, currency, parts, fixed, missing)


class TariffBook:
    """The owner's contracts, in a hidden file: what they pay is nobody's business either."""

    def __init__(self, file: Slot) -> None:
        self._file = file

    def text(self) -> str:
        """As it was written; empty where nothing was. Raises StateUnusable and HistoryError."""
        written = self._file.load()
        return "" if written is None else written.decode()

    def contracts(self) -> tuple[Contract, ...]:
        """Raises as `text` does."""
        written = self.text()
        return parse(written) if written else ()

    def write(self, text: str) -> tuple[Contract, ...]:
        """Put these in the place of all before. Raises TariffsUnusable, and then nothing is changed."""
        contracts = parse(text)
        self._file.save(text.encode())
        return contracts
