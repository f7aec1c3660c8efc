"""Commands that run the gateway, look how it is doing, and stop its sharing."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import click

from gateway import demo as simulated
from gateway.cli.options import ask, config_option, configured, json_option
from gateway.cli.output import OneLine, terminal
from gateway.daemon import Daemon
from gateway.data_folder import open_folder
from gateway.errors import GatewayError
from gateway.history import SealedHistory
from gateway.page import SetupCode


@click.command()
@config_option
def run(config_path: Path | None) -> None:
    """Run the gateway: what the service does."""
    settings = configured(config_path)
    log_to_stderr(settings.log.level)
    daemon = Daemon(settings)
    daemon.stop_on_signals()
    sys.exit(0 if daemon.run() else 1)


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


@click.command()
@config_option
@json_option
def status(config_path: Path | None, as_json_text: bool) -> None:
    """Say how the running gateway is doing."""
    found = ask(config_path, "status")
    if as_json_text:
        click.echo(json.dumps(found))
        return
    marked = " (simulated)" if found["simulated"] else ""
    click.echo(f"owner      {'claimed' if found['claimed'] else 'nobody yet: claim it on the page'}")
    click.echo(
        f"meter      {found['meter']}{marked}, {found['telegrams']} telegrams, {found['damaged']} damaged"
    )
    for kind, count in found["faults"].items():
        click.echo(f"           {count} times {kind.replace('_', ' ')}")
    implausible = found["implausible"]
    if implausible["held"]:
        click.echo(
            f"           {implausible['dropped']} readings contradicted by others and left out, "
            f"{implausible['held']} held, {implausible['epochs']} times registers began anew"
        )
    if implausible["impossible"]:
        click.echo(f"           {implausible['impossible']} telegrams stated what no home can have")
    if implausible["refused"]:
        click.echo(f"           {implausible['refused']} refused: too many meters, or a clock that jumps")
    if found["fault"]:
        click.echo(f"           {found['fault']}")
    click.echo(f"sharing    {found['sharing']}, {found['consents']} consents valid")
    click.echo(f"broker     {found['broker']}")
    if found["clock"] != "believed":
        click.echo(f"clock      {found['clock']}")
    if found["history_fault"]:
        click.echo(f"history    {found['history_fault']}")
    if found["removed_for_room_until"]:
        until = found["removed_for_room_until"]
        click.echo(f"history    what goes back to {until} was removed early, for want of room")
    if found["last_backup"]:
        click.echo(f"backup     {found['last_backup']}")
    if found["history_dropped"]:
        click.echo(f"history    {found['history_dropped']} minutes could not be written")


@click.command("setup-code")
@config_option
def setup_code(config_path: Path | None) -> None:
    """Print the code with which the owner claims the gateway on its page."""
    settings = configured(config_path)
    paths, device_key = open_folder(settings)
    if SealedHistory(paths.history, device_key, settings.history.zone).claimed:
        raise GatewayError("this gateway has an owner already: there is no setup code")
    click.echo(SetupCode(paths.setup_code).ensure())


@click.command("stop-switch")
@click.argument("what", type=click.Choice(["sharing"]))
@click.argument("position", type=click.Choice(["on", "off"]))
@config_option
def stop_switch(what: str, position: str, config_path: Path | None) -> None:
    """Stop sharing (on), or go on with it (off). Consents are kept."""
    ask(config_path, f"{'stop' if position == 'on' else 'start'} {what}")
    click.echo("Sharing is stopped: nothing leaves the gateway." if position == "on" else "Sharing goes on.")


def log_to_stderr(level: str) -> None:
    printing = logging.StreamHandler(sys.stderr)
    printing.setFormatter(OneLine("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[printing])
    # They tell each request and each connection; what matters is told by us.
    for quiet in ("waitress", "werkzeug", "paho"):
        logging.getLogger(quiet).setLevel(logging.ERROR)
