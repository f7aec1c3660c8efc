"""`setup-code`: with which the owner claims the gateway."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.options import config_option, configured
from gateway.errors import GatewayError
from gateway.operations import beside


@click.command("setup-code")
@config_option
def setup_code(config_path: Path | None) -> None:
    """Print the code with which the owner claims the gateway on its page."""
    settings = configured(config_path)
    opened = beside(settings)
    if opened.keys.claimed:
        raise GatewayError("this gateway has an owner already: there is no setup code")
    click.echo(opened.setup_code.ensure())
