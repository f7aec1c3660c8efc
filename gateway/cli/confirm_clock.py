"""The command for a clock that the gateway does not believe."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.options import config_option, configured
from gateway.clock import utc_now
from gateway.daemon.data_folder import (
    open_clock,
    open_folder,
    open_ledger,
    take_folder,
)
from gateway.history import SealedHistory


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
    lock = take_folder(settings)
    try:
        paths, device_key = open_folder(settings)
        clock = open_clock(paths)
        open_ledger(paths, clock)
        clock.note_history(SealedHistory(paths.history, device_key, settings.history.zone).newest_midnight())
        clock.confirm()
    finally:
        lock.release()
    click.echo("The clock is confirmed until this machine is started again. Start the gateway now.")
