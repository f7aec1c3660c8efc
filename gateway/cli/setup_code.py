"""`setup-code`: with which the owner claims the gateway."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.options import (
    config_option,
    configured,
)
from gateway.daemon.data_folder import open_folder
from gateway.errors import GatewayError
from gateway.history import SealedHistory
from gateway.web import SetupCode


@click.command("setup-code")
@config_option
def setup_code(config_path: Path | None) -> None:
    """Print the code with which the owner claims the gateway on its page."""
    settings = configured(config_path)
    paths, device_key = open_folder(settings)
    if SealedHistory(paths.history, device_key, settings.history.zone).claimed:
        raise GatewayError("this gateway has an owner already: there is no setup code")
    click.echo(SetupCode(paths.setup_code).ensure())
