"""`stop-switch`: nothing is shared while it is on."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.options import ask, config_option
from gateway.operations import Sharing

_SWITCHES = {"sharing": (Sharing.stop, Sharing.start)}


@click.command("stop-switch")
@click.argument("what", type=click.Choice([*_SWITCHES]))
@click.argument("position", type=click.Choice(["on", "off"]))
@config_option
def stop_switch(what: str, position: str, config_path: Path | None) -> None:
    """Stop sharing (on), or go on with it (off). Consents are kept."""
    stop, start = _SWITCHES[what]
    ask(config_path, stop if position == "on" else start, method="command")
    click.echo("Sharing is stopped: nothing leaves the gateway." if position == "on" else "Sharing goes on.")
