"""`history`: the commands of the sealed history, a file each."""

from __future__ import annotations

import click

from gateway.cli.history.backup import back_up
from gateway.cli.history.compare import history_compare
from gateway.cli.history.cost import cost
from gateway.cli.history.erase import erase
from gateway.cli.history.export import history_export
from gateway.cli.history.restore import restore
from gateway.cli.history.retention import retention
from gateway.cli.history.statement import history_statement
from gateway.cli.history.tariffs import tariffs
from gateway.cli.history.verify import verify


@click.group()
def history() -> None:
    """The sealed history."""


for command in (
    history_export,
    history_statement,
    history_compare,
    verify,
    cost,
    tariffs,
    retention,
    back_up,
    restore,
    erase,
):
    history.add_command(command)
