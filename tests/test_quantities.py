"""The one table: its rows agree with themselves, and another row is all that another quantity takes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from gateway.consent import Category
from gateway.quantities import (
    BY_NAME,
    COMMODITIES,
    COMMODITY_OF,
    QUANTITIES,
    UNITS,
    Commodity,
    Form,
    Quantity,
)

ROOT = Path(__file__).parents[1]
every_row = pytest.mark.parametrize("row", QUANTITIES, ids=lambda row: row.name)
every_commodity = pytest.mark.parametrize("row", COMMODITIES, ids=lambda row: row.name)
WRITTEN_IN = {
    "wh": "Wh",
    "varh": "varh",
    "w": "W",
    "var": "var",
    "va": "VA",
    "mv": "V",
    "ma": "A",
    "mhz": "Hz",
}


def twice(values: list[object]) -> list[object]:
    return [value for value, count in Counter(values).items() if count > 1]


def test_no_two_rows_share_a_name_a_code_a_place_a_column_or_a_price() -> None:
    assert twice([row.name for row in QUANTITIES]) == []
    assert twice([code.code for row in QUANTITIES for code in row.codes]) == []
    for shared in ("place", "column", "price"):
        assert twice([getattr(row, shared) for row in QUANTITIES if getattr(row, shared) is not None]) == []
    assert twice([row.export_name for row in QUANTITIES if row.is_register]) == []
    assert twice([row.shown_name for row in QUANTITIES if row.category]) == []


@every_row
def test_a_row_agrees_with_itself(row: Quantity) -> None:
    assert row.category is None or row.category in set(Category)
    base = row.name.rpartition("_")[2]
    for code in row.codes:
        if code.form in (Form.NUMBER, Form.SIGNED_NUMBER, Form.THRESHOLD, Form.TIMED_NUMBER) and code.unit:
            assert code.unit.endswith(WRITTEN_IN[base])
        assert sum(code.pattern) > 0
    assert row.unit.floor < row.unit.ceiling
    assert base not in UNITS or row.unit is UNITS[base]
    assert (row.commodity != "electricity") == (row.name in COMMODITY_OF)
    assert row.place is None or 0 <= row.place < 64
    assert not row.is_register or row.place is not None  # else it would be forgotten
    assert row.price is None or row.is_register


@every_commodity
def test_a_commodity_has_a_register_of_its_own(row: Commodity) -> None:
    register = BY_NAME[row.register]
    assert (register.commodity, register.is_register, register.codes) == (row.name, True, ())
    assert 0 < row.usual_per_hour <= row.most_per_hour
    assert row.scale % row.whole == 0


ANOTHER_QUANTITY = """
    Quantity("power_reserve_w", (Code("1-0:199.7.0", Form.NUMBER, (2, 3), "kW"),), "power"),
    Quantity("energy_spare_wh", (Code("1-0:77.8.0", unit="kWh"),), "electricity", is_register=True, place=60,
             price="electricity.spare"),
    Quantity("hydrogen_litre", (), "gas", "hydrogen", is_register=True, place=61, price="hydrogen.m3"),
)

# Gas:"""
ANOTHER_COMMODITY = """COMMODITIES: tuple[Commodity, ...] = (
    Commodity("hydrogen", "hydrogen_litre", "Hydrogen", (99,), "m3", 25_000, 100_000, 1000, "hydrogen_meter",
              "m3"),
"""


def test_another_quantity_and_commodity_are_rows_and_nothing_else(tmp_path: Path) -> None:
    """They are decoded, stored, priced, disclosed, published, exported and shown."""
    copy = tmp_path / "gateway"
    shutil.copytree(ROOT / "gateway", copy, ignore=shutil.ignore_patterns("__pycache__"))
    table = (copy / "quantities.py").read_text()
    changed = table.replace(")\n\n# Gas:", ANOTHER_QUANTITY, 1)
    changed = changed.replace("COMMODITIES: tuple[Commodity, ...] = (\n", ANOTHER_COMMODITY, 1)
    assert changed.count("hydrogen") == 6
    (copy / "quantities.py").write_text(changed)
    ran = subprocess.run(
        [sys.executable, "-m", "tests.another_quantity", str(tmp_path / "folder")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == [
        "decoded", "stored", "exported", "priced", "disclosed", "published", "shown",
    ]  # fmt: skip
