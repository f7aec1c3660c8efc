"""The commands. Thin: each parses its options, calls one room, and prints.

Exit status 0 only for success; an error is one plain sentence on stderr. Secrets are prompted for
or read from a file, never an argument.
"""

from __future__ import annotations

from typing import Any

import click

from gateway import __version__
from gateway.cli import (
    checks,
    clocks,
    consents,
    costs,
    doctor,
    histories,
    keeping,
    keys,
    running,
    simulating,
    telegrams,
)
from gateway.cli.output import HUNG_UP, drop_unread, printable_output
from gateway.errors import GatewayError


class _Group(click.Group):
    """Turns any error of this project into its one sentence; nothing unprintable leaves any command."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            with printable_output():
                return super().main(*args, **kwargs)
        finally:
            drop_unread()

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GatewayError as error:
            click.echo(f"p1-gateway: {error}", err=True)
            ctx.exit(1)
        except BrokenPipeError:  # who read our output hung up, as head does
            ctx.exit(HUNG_UP)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="p1-gateway")
def main() -> None:
    """The P1 gateway: a smart meter's readings for its owner, and for nobody else without consent."""


for command in (checks.verify, costs.cost, costs.tariffs):
    histories.history.add_command(command)
for command in (keeping.retention, keeping.back_up, keeping.restore, keeping.erase):
    histories.history.add_command(command)
for command in (
    running.run,
    running.demo,
    running.status,
    doctor.doctor,
    running.setup_code,
    running.stop_switch,
    clocks.confirm_clock,
    simulating.simulate,
    telegrams.decode,
    consents.consent,
    histories.history,
    keys.key,
):
    main.add_command(command)
