"""`history backup`: all of it in one sealed file."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gateway import operations
from gateway.cli.options import config_option, configured, json_option
from gateway.clock import utc_now


@click.command("backup")
@click.option("--to", "folder", type=click.Path(path_type=Path), help="The folder, on a stick for instance.")
@click.option(
    "--keep", type=click.IntRange(1), metavar="N", help="Remove all backups there but the N newest."
)
@config_option
@json_option
def backup(folder: Path | None, keep: int | None, config_path: Path | None, as_json_text: bool) -> None:
    """Write the sealed history into one file, while the gateway runs.

    It opens with the recovery code and the meter number, on any gateway; until then it shows nothing.
    """
    settings = configured(config_path)
    if folder is None:
        if not settings.history.backup_dir:
            raise click.UsageError("say where to with --to, or set backup_dir in the configuration")
        folder = Path(settings.history.backup_dir)
    path = operations.back_up(settings, folder, utc_now().astimezone(settings.history.zone), keep)
    size = path.stat().st_size
    if as_json_text:
        click.echo(json.dumps({"file": str(path), "bytes": size}))
    else:
        click.echo(f"{path}: {size / 1e6:.1f} MB. It opens with the recovery code and the meter number.")
