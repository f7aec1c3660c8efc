"""`status`: how the running gateway is doing."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gateway.cli.options import ask, config_option, json_option
from gateway.operations import Gateway, to_json


@click.command()
@config_option
@json_option
def status(config_path: Path | None, as_json_text: bool) -> None:
    """Say how the running gateway is doing."""
    found = ask(config_path, Gateway.status)
    if as_json_text:
        click.echo(json.dumps(to_json(found)))
        return
    marked = " (simulated)" if found.simulated else ""
    click.echo(f"owner      {'claimed' if found.claimed else 'nobody yet: claim it on the page'}")
    click.echo(f"meter      {found.meter}{marked}, {found.telegrams} telegrams, {found.damaged} damaged")
    for kind, count in found.faults.items():
        click.echo(f"           {count} times {kind.replace('_', ' ')}")
    implausible = found.implausible
    if implausible.held:
        click.echo(
            f"           {implausible.dropped} readings contradicted by others and left out, "
            f"{implausible.held} held, {implausible.epochs} times registers began anew"
        )
    if implausible.impossible:
        click.echo(f"           {implausible.impossible} telegrams stated what no home can have")
    if implausible.refused:
        click.echo(f"           {implausible.refused} refused: too many meters, or a clock that jumps")
    if found.fault:
        click.echo(f"           {found.fault}")
    click.echo(f"sharing    {found.sharing}, {found.consents} consents valid")
    for name, state in found.transports.items():
        click.echo(f"{name:<11}{state}")
    if found.clock != "believed":
        click.echo(f"clock      {found.clock}")
    if found.history_fault:
        click.echo(f"history    {found.history_fault}")
    if found.removed_for_room_until:
        until = found.removed_for_room_until
        click.echo(f"history    what goes back to {until} was removed early, for want of room")
    if found.last_backup:
        click.echo(f"backup     {found.last_backup}")
    if found.history_dropped:
        click.echo(f"history    {found.history_dropped} minutes could not be written")
