"""`history erase`: all of it, the keys first."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.options import config_option, configured
from gateway.errors import FolderInUse, GatewayError
from gateway.operations import erase_everything

_ERASE_WORD = "erase"


@click.command("erase")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def erase(yes: bool, config_path: Path | None) -> None:
    """Erase the history, its keys and the register of consents. The gateway must not run.

    Afterwards not even the recovery code opens anything; backups elsewhere are not reached. The gateway can
    be claimed anew, by you or by who lives here next. Take a statement of the registers before.
    """
    settings = configured(config_path)
    folder = settings.history.data_dir
    if not yes:
        click.echo(f"All that the gateway has kept in {folder} will be gone, for good.", err=True)
        if click.prompt(f'Type "{_ERASE_WORD}" to go on', err=True) != _ERASE_WORD:
            raise GatewayError("nothing was erased")
    try:
        gone = erase_everything(settings)
    except FolderInUse:
        raise GatewayError(
            "the gateway is running: stop it first, so that it writes nothing more"
            " (sudo systemctl stop p1-gateway)"
        ) from None
    click.echo("Everything is erased. The gateway has no owner now: start it, and claim it anew.")
    if not gone:
        click.echo(
            "The device key is given by systemd and was not touched: replace the file that its unit names, as"
            " root."
        )
