"""`history`: the commands of the sealed history, a file each."""

from __future__ import annotations

import click

from gateway.cli.lazy import LazyGroup


@click.group(
    cls=LazyGroup,
    package=__name__,
    names=(
        "export",
        "statement",
        "compare",
        "verify",
        "cost",
        "tariffs",
        "retention",
        "backup",
        "restore",
        "erase",
    ),
)
def history() -> None:
    """The sealed history."""
