"""`history retention`: how long it is kept."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import click

from gateway.cli.options import (
    config_option,
    configured,
    json_option,
    parsed_date,
)
from gateway.clock import utc_now
from gateway.operations import Retention, beside


@click.command("retention")
@click.option("--trace-days", type=int, metavar="N", help="Keep every reading for N days.")
@click.option(
    "--profile-months", type=int, metavar="N", help="Keep quarters, hours, days, months for N months."
)
@click.option(
    "--max-size", "max_size_mb", type=int, metavar="MB", help="Never take more of the disk than this."
)
@click.option("--contract-start", metavar="DATE|none", help="Remove what was measured before this day.")
@config_option
@json_option
def retention(
    trace_days: int | None,
    profile_months: int | None,
    max_size_mb: int | None,
    contract_start: str | None,
    config_path: Path | None,
    as_json_text: bool,
) -> None:
    """Show or choose how long the history is kept. What is too old goes within the hour, for good."""
    settings = configured(config_path)
    storage = beside(settings).storage
    chosen = (trace_days, profile_months, max_size_mb, contract_start)
    if all(one is None for one in chosen):
        found = storage.retention()
    else:
        forget = contract_start == "none"
        found = storage.choose_retention(
            trace_days=trace_days,
            profile_months=profile_months,
            max_size_mb=max_size_mb,
            contract_start=None if contract_start is None or forget else parsed_date(contract_start),
            forget_contract_start=forget,
        )
    if as_json_text:
        click.echo(json.dumps(found.as_json()))
    else:
        click.echo(_described(found, utc_now().astimezone(settings.history.zone).date()))


def _described(found: Retention, today: date) -> str:
    started = found.contract_start
    return (
        f"every reading    {found.trace_days} days: from {found.first_trace_day(today)} on\n"
        f"the profile      {found.profile_months} months: from {found.first_profile_day(today)} on\n"
        f"on disk          {found.max_size_mb} MB at most\n"
        f"contract         {'no start was given' if started is None else f'since {started}'}"
    )
