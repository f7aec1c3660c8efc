"""Export: usage as CSV or JSON lines, for a spreadsheet or another program (GDPR article 20)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

from gateway.history.open_history import Usage

COLUMNS = ("starts_at", "ends_at", "import_kwh", "export_kwh", "gas_m3", "complete", "simulated")


def csv_lines(usages: Iterable[Usage], zone: ZoneInfo) -> Iterator[str]:
    """A header, then a line for each period; an empty field where nothing is known."""
    yield _csv_line(COLUMNS)
    for usage in usages:
        yield _csv_line(["" if value is None else value for value in _fields(usage, zone).values()])


def json_lines(usages: Iterable[Usage], zone: ZoneInfo) -> Iterator[str]:
    """An object for each period; null where nothing is known."""
    return (json.dumps(_fields(usage, zone)) for usage in usages)


def _fields(usage: Usage, zone: ZoneInfo) -> dict[str, Any]:
    """Times are local with their offset; energies in kWh, gas in m³."""
    amounts = (usage.import_wh, usage.export_wh, usage.gas_litre)
    times = (usage.starts_at, usage.ends_at)
    values = (
        *(at.astimezone(zone).isoformat() for at in times),
        *(None if amount is None else amount / 1000 for amount in amounts),
        usage.complete,
        usage.simulated,
    )
    return dict(zip(COLUMNS, values, strict=True))


def _csv_line(fields: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)
    return line.getvalue()
