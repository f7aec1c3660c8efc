"""`demo`: everything on this machine, with a simulated meter."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gateway import demo as simulated
from gateway.cli.logs import log_to_stderr
from gateway.cli.output import terminal


@click.command()
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("~/.local/share/p1-gateway-demo"),
    show_default=True,
    help="Where the demo keeps its history; a second start goes on with it.",
)
@click.option("--port", default=simulated.USUAL_PAGE_PORT, show_default=True, help="The page's port.")
@click.option(
    "--days",
    type=click.IntRange(1, simulated.DAYS),
    default=simulated.DAYS,
    show_default=True,
    help="Days of history to make at the first start.",
)
def demo(data_dir: Path, port: int, days: int) -> None:
    """Show everything on this machine, with a simulated meter. Ctrl+C stops it."""
    log_to_stderr("warning")
    shown = simulated.Demo(data_dir.expanduser().resolve(), port, days)
    first = shown.first_start
    if first:
        with click.progressbar(
            length=1000, label=f"Making {days} days of history", file=terminal(sys.stderr)
        ) as bar:
            shown.fill(lambda part: bar.update(int(part * 1000) - bar.pos))
    ended_well = shown.run(lambda shared: click.echo(_greeting(shown, first, shared)))
    click.echo("The demo has stopped; what it keeps is in " + str(data_dir.expanduser()))
    sys.exit(0 if ended_well else 1)


def _greeting(shown: simulated.Demo, first: bool, shared: bool) -> str:
    code = f"\n  Recovery code    {shown.facts.recovery_code}" if first else ""
    executable = Path(sys.argv[0]).resolve()
    command = executable if executable.name == "p1-gateway" else f"{sys.executable} -m gateway"
    recipient = f"""\
A demo recipient has consent for live power, quarter-hour registers and hourly gas.
See what it receives, in another terminal:

  XDG_CONFIG_HOME={shown.recipient_folder} mosquitto_sub
"""
    nobody = "The demo's consent was withdrawn or stopped: nothing is shared. Give one on the page.\n"
    return f"""
The gateway runs, with a simulated meter. Everything stays on this machine.

  Page             http://127.0.0.1:{shown.config.page.port}/
  Password         {shown.facts.password}{code}

{recipient if shared else nobody}
How the gateway is doing:

  {command} status --config {shown.config_path}

Ctrl+C stops everything. To begin anew, remove {shown.config_path.parent}
"""
