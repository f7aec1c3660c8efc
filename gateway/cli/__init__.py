"""The commands. Thin: each parses its options, calls one room, and prints.

Exit status 0 only for success; an error is one plain sentence on stderr. Secrets are prompted for
or read from a file, never an argument.
"""

from __future__ import annotations

from typing import Any

import click

from gateway import __version__
from gateway.cli.lazy import LazyGroup
from gateway.cli.output import HUNG_UP, drop_unread, printable_output
from gateway.errors import GatewayError


class _Group(LazyGroup):
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


@click.group(
    cls=_Group,
    package=__name__,
    names=(
        "run",
        "demo",
        "status",
        "doctor",
        "setup-code",
        "stop-switch",
        "confirm-clock",
        "simulate",
        "decode",
        "consent",
        "history",
        "key",
    ),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="p1-gateway")
def main() -> None:
    """The P1 gateway: a smart meter's readings for its owner, and for nobody else without consent."""
