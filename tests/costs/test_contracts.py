"""Tariffs: what usage costs by contracts with dates; sums are exact, what was not measured is not priced."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.costs import TariffBook, cost, joined, parse
from gateway.errors import TariffsUnusable
from gateway.history import Usage
from tests.made_up import ZONE, MemorySlot, local

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
EXAMPLE = Path(__file__).parents[2] / "config" / "tariffs.toml"
TWO = """
[[contract]]
name = "old"
from = 2026-01-01
until = 2026-06-30
fixed_per_day = 0.50
electricity = { import_t1 = 0.20, import_t2 = 0.30, export_t1 = 0.05 }
gas = { m3 = 1.25 }

[[contract]]
name = "new"
from = 2026-07-01
fixed_per_month = 31
electricity = { import = 0.10 }
"""


def used(day: str, complete: bool = True, **quantities: int) -> Usage:
    begins = local(f"{day} 00:00")
    return Usage(begins, begins + DAY, quantities, complete)


def test_each_register_has_its_price_and_what_is_fed_back_counts_below_zero() -> None:
    usage = used(
        "2026-03-05",
        energy_import_t1_wh=1500,
        energy_import_t2_wh=2000,
        energy_export_t1_wh=1000,
        gas_litre=800,
    )
    found = cost(usage, parse(TWO), ZONE)
    assert found.parts == {
        "electricity.import_t1": Decimal("0.30"), "electricity.import_t2": Decimal("0.60"),
        "electricity.export_t1": Decimal("-0.05"), "gas.m3": Decimal("1.00"),
    }  # fmt: skip
    assert (found.fixed, found.total, found.currency) == (Decimal("0.50"), Decimal("2.35"), "EUR")
    assert not found.missing


def test_one_price_holds_for_both_tariffs() -> None:
    found = cost(used("2026-07-05", energy_import_t1_wh=1500, energy_import_t2_wh=2000), parse(TWO), ZONE)
    assert found.parts == {"electricity.import": Decimal("0.35")}
    assert found.fixed == 1  # 31 a month, in a month of 31 days


def test_what_was_not_measured_is_said_and_not_priced() -> None:
    found = cost(used("2026-03-05", energy_import_t1_wh=1500), parse(TWO), ZONE)
    assert found.parts == {"electricity.import_t1": Decimal("0.30")}
    assert found.missing == {"energy_import_t2_wh", "energy_export_t1_wh", "gas_litre"}
    assert cost(used("2026-07-05", False, energy_import_wh=10), parse(TWO), ZONE).missing == {
        "energy_import_wh"
    }


def test_a_day_without_a_contract_is_said_too() -> None:
    found = cost(used("2025-03-05", energy_import_t1_wh=1500), parse(TWO), ZONE)
    assert found.total == 0
    assert found.missing == {"contract"}


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=31))
def test_days_sum_exactly_to_their_month(amounts: list[int]) -> None:
    contracts = parse(TWO)
    days = [
        cost(used(f"2026-03-{n:02d}", energy_import_t1_wh=wh, energy_import_t2_wh=0), contracts, ZONE)
        for n, wh in enumerate(amounts, start=1)
    ]
    month = joined(days[0].starts_at, days[-1].ends_at, days)
    assert month.parts["electricity.import_t1"] == sum(amounts) * Decimal("0.20") / 1000
    assert month.total == sum(day.total for day in days)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("", "each contract under a line"),
        ("[[contract]", "not valid TOML"),
        ("x = 1\n" + TWO, "nothing else"),
        (TWO.replace('name = "old"', ""), "give each contract a name"),
        (TWO.replace("until = 2026-06-30", ""), "hold on the same days"),
        (TWO.replace("until = 2026-06-30", "until = 2025-06-30"), "ends before it begins"),
        (TWO.replace("from = 2026-01-01", 'from = "2026-01-01"'), "without quotation marks"),
        (TWO.replace("fixed_per_day", "fixed_per_dya"), "nothing called 'fixed_per_dya'"),
        (TWO.replace("m3 = 1.25", "kwh = 1.25"), "no price called gas.kwh"),
        (TWO.replace("m3 = 1.25", 'm3 = "1.25"'), "is an amount, such as 0.25"),
        (TWO.replace("m3 = 1.25", "m3 = inf"), "is an amount"),
        (TWO.replace("m3 = 1.25", "m3 = nan"), "is an amount"),
        (TWO.replace("import_t1 = 0.20,", "import_t1 = 0.20, import = 0.1,"), "not both"),
        (TWO.replace("gas = { m3 = 1.25 }", "gas = 1.25"), "under [contract.gas]"),
        (TWO.replace('name = "new"', 'name = "new"\ncurrency = "euro"'), "three letters"),
        (TWO.replace('name = "new"', 'name = "new"\ncurrency = "CHF"'), "one currency"),
    ],
)
def test_contracts_that_cannot_be_are_refused_with_a_sentence_and_nothing_is_changed(
    wrong: str, said: str
) -> None:
    book = TariffBook(MemorySlot())
    assert book.contracts() == ()
    book.write(TWO)
    with pytest.raises(TariffsUnusable) as refused:
        book.write(wrong)
    assert said in str(refused.value)
    assert book.text() == TWO
    assert [contract.last for contract in book.contracts()] == [date(2026, 6, 30), None]


def test_the_example_in_the_configuration_folder_is_good() -> None:
    assert len(parse(EXAMPLE.read_text())) == 2
