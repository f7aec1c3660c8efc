"""What the simulator can be: its meters, homes and faults, as tables and for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.simulator.dialects import DIALECTS
from gateway.simulator.faults import FAULTS
from gateway.simulator.homes import HOMES


def listed() -> dict[str, list[dict[str, Any]]]:
    """All of it, as `simulate --list --json` prints it."""
    meters = [
        {
            "name": dialect.name,
            "title": dialect.title,
            "line": dialect.serial,
            "period_s": dialect.period_s,
            "encrypted": dialect.encrypted,
            "devices": [device.commodity for device in dialect.devices],
        }
        for dialect in DIALECTS.values()
    ]
    homes = [
        {"name": home.name, "title": home.title, "phases": home.phases, "devices": list(home.devices)}
        for home in HOMES.values()
    ]
    faults = [
        {
            "name": fault.name,
            "title": fault.title,
            "where": fault.where,
            "usual_length_s": fault.usual_length.total_seconds(),
        }
        for fault in FAULTS.values()
    ]
    return {"meters": meters, "homes": homes, "faults": faults}


def as_tables(found: dict[str, list[dict[str, Any]]]) -> str:
    """The same, to read."""
    meters = [
        (
            one["name"],
            one["title"],
            f"{one['line']}, {one['period_s']} s",
            "encrypted" if one["encrypted"] else "",
            " ".join(one["devices"]),
        )
        for one in found["meters"]
    ]
    homes = [
        (
            one["name"],
            one["title"],
            "1 phase" if one["phases"] == 1 else f"{one['phases']} phases",
            " ".join(one["devices"]),
        )
        for one in found["homes"]
    ]
    on_line, in_meter = (
        [(one["name"], one["title"]) for one in found["faults"] if one["where"] == where]
        for where in ("line", "meter")
    )
    tables = (
        ("Meters (--meter): line setting and period, the M-Bus devices they can read", meters),
        ("Homes (--home): the M-Bus devices they have", homes),
        ("Faults on the line (--fault NAME=SHARE of telegrams, or NAME@TIME)", on_line),
        ("Faults in the meter (--fault NAME=TIMES a day, or NAME@TIME)", in_meter),
    )
    return "\n\n".join(f"{title}\n{_table(rows)}" for title, rows in tables)


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
