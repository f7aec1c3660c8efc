"""`history cost`: what each period cost."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TextIO

import click

from gateway.cli.history.opening import day_range, unlocked
from gateway.cli.options import (
    config_option,
    configured,
    json_option,
    password_file_option,
)
from gateway.errors import TariffsUnusable
from gateway.operations import Cost, Span, beside, costs_of

_CENT = Decimal("0.01")


@click.command("cost")
@click.option(
    "--period", type=click.Choice([span.value for span in Span]), default="month", show_default=True
)
@click.option("--from", "first", metavar="DATE", help="The first day.  [default: the last 31 days]")
@click.option("--to", "last", metavar="DATE", help="The last day.  [default: today]")
@password_file_option
@config_option
@json_option
def cost(
    period: str,
    first: str | None,
    last: str | None,
    password_file: TextIO | None,
    config_path: Path | None,
    as_json_text: bool,
) -> None:
    """Print what each period cost, by the contracts of its days. What was not measured is not priced."""
    settings = configured(config_path)
    contracts = beside(settings).storage.contracts()
    if not contracts:
        raise TariffsUnusable("write your contracts down first: p1-gateway history tariffs set FILE")
    begin, end = day_range(settings, first, last)
    opened = unlocked(config_path, password_file)
    for one in costs_of(opened, Span(period), begin, end, contracts):
        starts_at = one.starts_at.astimezone(opened.zone)
        click.echo(_as_json(one, starts_at) if as_json_text else _as_text(one, starts_at))


def _as_text(one: Cost, starts_at: datetime) -> str:
    missing = f"  without what was not measured of: {', '.join(sorted(one.missing))}" if one.missing else ""
    return f"{starts_at:%Y-%m-%d %H:%M}  {one.currency} {one.total.quantize(_CENT):>10}{missing}"


def _as_json(one: Cost, starts_at: datetime) -> str:
    return json.dumps(
        {
            "starts_at": starts_at.isoformat(),
            "currency": one.currency,
            "total": str(one.total.quantize(_CENT)),
            "fixed": str(one.fixed.quantize(_CENT)),
            "parts": {name: str(amount.quantize(_CENT)) for name, amount in one.parts.items()},
            "missing": sorted(one.missing),
        }
    )
