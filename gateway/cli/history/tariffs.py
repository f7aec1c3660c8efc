"""`history tariffs`: the contracts that usage is priced by."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

import click

from gateway.cli.options import (
    config_option,
    configured,
)
from gateway.daemon.data_folder import open_folder, open_tariffs


@click.group("tariffs")
def tariffs() -> None:
    """The contracts that usage is priced by."""


@tariffs.command("set")
@click.argument("file", type=click.File())
@config_option
def tariffs_set(file: TextIO, config_path: Path | None) -> None:
    """Take the contracts in FILE (a copy of config/tariffs.toml) in the place of those before."""
    paths, _ = open_folder(configured(config_path))
    contracts = open_tariffs(paths).write(file.read())
    for contract in contracts:
        click.echo(f"{contract.first} to {contract.last or '…'}  {contract.name}")


@tariffs.command("show")
@config_option
def tariffs_show(config_path: Path | None) -> None:
    """Print the contracts as they were written."""
    paths, _ = open_folder(configured(config_path))
    click.echo(open_tariffs(paths).text() or "No contract was written down yet.")
