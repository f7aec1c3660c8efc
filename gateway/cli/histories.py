"""Commands about the sealed history."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TextIO

import click

from gateway import control
from gateway.cli.options import config_option, configured, parsed_date
from gateway.clock import utc_now
from gateway.config import Config
from gateway.data_folder import open_folder
from gateway.errors import DaemonUnavailable, GatewayError
from gateway.history import OpenHistory, Period, SealedHistory
from gateway.history.export import csv_lines, json_lines
from gateway.history.periods import midnight


@click.group()
def history() -> None:
    """The sealed history."""


@history.command("export")
@click.option("--period", type=click.Choice([p.value for p in Period]), default="day", show_default=True)
@click.option("--from", "first", metavar="DATE", help="The first day.  [default: the last 31 days]")
@click.option("--to", "last", metavar="DATE", help="The last day.  [default: today]")
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@click.option(
    "--password-file", type=click.File(), help="Read the password from there, not from the keyboard."
)
@config_option
def history_export(
    period: str,
    first: str | None,
    last: str | None,
    form: str,
    password_file: TextIO | None,
    config_path: Path | None,
) -> None:
    """Print the usage of each period. Asks for the owner's password."""
    settings = configured(config_path)
    zone = settings.history.zone
    today = utc_now().astimezone(zone).date()
    end = midnight((parsed_date(last) if last else today) + timedelta(days=1), zone)
    begin = midnight(parsed_date(first) if first else today - timedelta(days=30), zone)
    opened = _unlock(settings, password_file)
    usages = opened.usage(Period(period), begin, min(end, utc_now()))
    for line in (csv_lines if form == "csv" else json_lines)(usages, zone):
        click.echo(line)
    if opened.damaged:
        raise GatewayError(f"left out, since they were altered: {', '.join(sorted(opened.damaged))}")


def _unlock(settings: Config, password_file: TextIO | None) -> OpenHistory:
    paths, device_key = open_folder(settings)
    sealed = SealedHistory(paths.history, device_key, settings.history.zone)
    try:
        number = control.ask(paths.control, "meter number")
    except DaemonUnavailable:
        number = None
    if number is None:
        number = click.prompt("Meter number, as on the front of the meter", err=True)
    if password_file is not None:
        password = password_file.readline().rstrip("\n")
    else:
        password = click.prompt("Password", hide_input=True, err=True)
    return sealed.unlock(number, password)
