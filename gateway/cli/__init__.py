"""The commands. Thin: each parses its options, calls one room, and prints.

Exit status 0 only for success; an error is one plain sentence on stderr. Secrets are prompted for
or read from a file, never an argument.
"""

from __future__ import annotations

from typing import Any

import click

from gateway import __version__
from gateway.cli.confirm_clock import confirm_clock
from gateway.cli.consent import consent
from gateway.cli.decode import decode
from gateway.cli.demo import demo
from gateway.cli.doctor import doctor
from gateway.cli.history import history
from gateway.cli.key import key
from gateway.cli.output import HUNG_UP, drop_unread, printable_output
from gateway.cli.run import run
from gateway.cli.setup_code import setup_code
from gateway.cli.simulate import simulate
from gateway.cli.status import status
from gateway.cli.stop_switch import stop_switch
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


for command in (
    run,
    demo,
    status,
    doctor,
    setup_code,
    stop_switch,
    confirm_clock,
    simulate,
    decode,
    consent,
    history,
    key,
):
    main.add_command(command)
