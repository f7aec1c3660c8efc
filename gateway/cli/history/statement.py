"""`history statement`: the registers of a day."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

import click

from gateway.cli.history.opening import unlocked
from gateway.cli.options import (
    config_option,
    configured,
    json_option,
    parsed_date,
    password_file_option,
)
from gateway.clock import utc_now
from gateway.errors import GatewayError
from gateway.operations import Row, export
from gateway.quantities import REGISTERS


@click.command("statement")
@click.option("--on", metavar="DATE", help="The day, at its beginning.  [default: today]")
@password_file_option
@config_option
@json_option
def statement(
    on: str | None, password_file: TextIO | None, config_path: Path | None, as_json_text: bool
) -> None:
    """Print all registers of all meters on a day: for moving house, or for another supplier."""
    settings = configured(config_path)
    day = parsed_date(on) if on else utc_now().astimezone(settings.history.zone).date()
    opened = unlocked(config_path, password_file)
    rows = opened.registers(day)
    if not rows:
        raise GatewayError(f"no meter was read on {day} or in the month after it")
    if as_json_text:
        click.echo(json.dumps({"on": day.isoformat(), "meters": [_stated(row, opened.zone) for row in rows]}))
        return
    click.echo(f"Registers at the beginning of {day:%A %d %B %Y}")
    for row in rows:
        read_at = row.read_at.astimezone(opened.zone)
        click.echo(f"\n{row.commodity}, meter {row.meter_number}, read at {read_at:%Y-%m-%d %H:%M:%S}")
        for name, value in _registers(row).items():
            click.echo(f"  {name.replace('_', ' '):<40}{value:>16,.3f}")


def _stated(row: Row, zone: ZoneInfo) -> dict[str, object]:
    return {
        "meter_number": row.meter_number,
        "commodity": row.commodity,
        "read_at": row.read_at.astimezone(zone).isoformat(),
        "registers": _registers(row),
    }


def _registers(row: Row) -> dict[str, float]:
    """The registers in the units that they are read in, by names that say them."""
    kept = {name: value for name, value in row.quantities.items() if name in REGISTERS}
    return {export.shown(name)[0]: value / export.shown(name)[1] for name, value in kept.items()}
