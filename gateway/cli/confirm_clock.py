"""The command for a clock that the gateway does not believe."""

from __future__ import annotations

from pathlib import Path

import click

from gateway import operations
from gateway.cli.options import config_option, configured
from gateway.clock import utc_now


@click.command("confirm-clock")
@click.option("--yes", is_flag=True, help="Confirm it without being asked.")
@config_option
def confirm_clock(yes: bool, config_path: Path | None) -> None:
    """Say that this machine's clock is right, where the gateway doubts it; with the gateway stopped.

    It counts until the clock is set or the machine started again. A later time that a wrong clock once
    recorded counts no more from then on. A consent whose end was noted stays ended.
    """
    settings = configured(config_path)
    if not yes:
        shown = utc_now().astimezone(settings.history.zone)
        click.echo(
            f"This machine's clock says {shown:%A %d %B %Y, %H:%M} ({settings.history.timezone}).", err=True
        )
        click.confirm("Is that right, to the minute?", abort=True, err=True)
    operations.confirm_clock(settings)
    click.echo("The clock is confirmed until this machine is started again. Start the gateway now.")
