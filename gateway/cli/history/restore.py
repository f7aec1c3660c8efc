"""`history restore`: from a backup, on a gateway that has no history."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

import click

from gateway import operations
from gateway.cli.options import (
    asked_secret,
    config_option,
    configured,
    new_password_file_option,
)


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--code-file", type=click.File(), help="Read the recovery code from there.")
@new_password_file_option
@config_option
def restore(
    file: Path,
    code_file: TextIO | None,
    new_password_file: TextIO | None,
    config_path: Path | None,
) -> None:
    """Make a backup the history of this gateway, which has none yet. The gateway must not run."""
    settings = configured(config_path)
    number = str(click.prompt("Meter number, as on the front of the meter", err=True))
    code = asked_secret(code_file, "Recovery code")
    if new_password_file is not None:
        password = asked_secret(new_password_file, "New password")
    else:
        password = str(click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True))
    operations.restore(settings, file, number, code, password)
    click.echo(
        "The history is restored, and opens with the new password. Consents are not part of a backup: give"
        " them anew. Start the gateway now."
    )
