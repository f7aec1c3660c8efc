"""`history tariffs`: the contracts that usage is priced by."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

import click

from gateway.cli.options import config_option, configured
from gateway.operations import beside


@click.group("tariffs")
def tariffs() -> None:
    """The contracts that usage is priced by."""


@tariffs.command("set")
@click.argument("file", type=click.File())
@config_option
def tariffs_set(file: TextIO, config_path: Path | None) -> None:
    """Take the contracts in FILE (a copy of config/tariffs.toml) in the place of those before."""
    contracts = beside(configured(config_path)).storage.write_contracts(file.read())
    for contract in contracts:
        click.echo(f"{contract.first} to {contract.last or '…'}  {contract.name}")


@tariffs.command("show")
@config_option
def tariffs_show(config_path: Path | None) -> None:
    """Print the contracts as they were written."""
    click.echo(
        beside(configured(config_path)).storage.contracts_text() or "No contract was written down yet."
    )
