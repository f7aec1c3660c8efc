"""Commands about keeping: how long, a backup and back from it, and erasing all."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any, TextIO

import click

from gateway.cli.options import (
    asked_secret,
    config_option,
    configured,
    json_option,
    new_password_file_option,
    parsed_date,
)
from gateway.clock import utc_now
from gateway.config import Config
from gateway.data_folder import HISTORY_NAME, after_restore, open_folder, open_retention, take_folder
from gateway.errors import BackupFailed, FolderInUse, GatewayError
from gateway.history import FolderLock, Retention
from gateway.history.keeping import backup
from gateway.history.keeping import erase as erasing

_ERASE_WORD = "erase"


@click.command("retention")
@click.option("--trace-days", type=int, metavar="N", help="Keep every reading for N days.")
@click.option(
    "--profile-months", type=int, metavar="N", help="Keep quarters, hours, days, months for N months."
)
@click.option(
    "--max-size", "max_size_mb", type=int, metavar="MB", help="Never take more of the disk than this."
)
@click.option("--contract-start", metavar="DATE|none", help="Remove what was measured before this day.")
@config_option
@json_option
def retention(
    trace_days: int | None,
    profile_months: int | None,
    max_size_mb: int | None,
    contract_start: str | None,
    config_path: Path | None,
    as_json_text: bool,
) -> None:
    """Show or choose how long the history is kept. What is too old goes within the hour, for good."""
    settings = configured(config_path)
    chosen: dict[str, Any] = {
        "trace_days": trace_days, "profile_months": profile_months, "max_size_mb": max_size_mb,
    }  # fmt: skip
    chosen = {name: value for name, value in chosen.items() if value is not None}
    if contract_start is not None:
        chosen["contract_start"] = (
            None if contract_start == "none" else parsed_date(contract_start).isoformat()
        )
    paths, _ = open_folder(settings)
    choice = open_retention(paths, settings)
    found = choice.choose(**chosen) if chosen else choice.load()
    if as_json_text:
        click.echo(json.dumps(found.as_json()))
    else:
        click.echo(_described(found, utc_now().astimezone(settings.history.zone).date()))


def _described(found: Retention, today: date) -> str:
    started = found.contract_start
    return (
        f"every reading    {found.trace_days} days: from {found.first_trace_day(today)} on\n"
        f"the profile      {found.profile_months} months: from {found.first_profile_day(today)} on\n"
        f"on disk          {found.max_size_mb} MB at most\n"
        f"contract         {'no start was given' if started is None else f'since {started}'}"
    )


@click.command("backup")
@click.option("--to", "folder", type=click.Path(path_type=Path), help="The folder, on a stick for instance.")
@click.option(
    "--keep", type=click.IntRange(1), metavar="N", help="Remove all backups there but the N newest."
)
@config_option
@json_option
def back_up(folder: Path | None, keep: int | None, config_path: Path | None, as_json_text: bool) -> None:
    """Write the sealed history into one file, while the gateway runs.

    It opens with the recovery code and the meter number, on any gateway; until then it shows nothing.
    """
    settings = configured(config_path)
    if folder is None:
        if not settings.history.backup_dir:
            raise click.UsageError("say where to with --to, or set backup_dir in the configuration")
        folder = Path(settings.history.backup_dir)
    history = settings.history.data_dir / HISTORY_NAME
    if not history.exists():
        raise BackupFailed(f"there is no history in {settings.history.data_dir} yet")
    path = backup.back_up(history, folder, utc_now().astimezone(settings.history.zone))
    if keep is not None:
        backup.keep_newest(folder, keep)
    size = path.stat().st_size
    if as_json_text:
        click.echo(json.dumps({"file": str(path), "bytes": size}))
    else:
        click.echo(f"{path}: {size / 1e6:.1f} MB. It opens with the recovery code and the meter number.")


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
    lock = take_folder(settings)
    try:
        history = settings.history.data_dir / HISTORY_NAME
        backup.restore(file, history, settings.history.device_key, number, code, password)
        after_restore(settings)
    finally:
        lock.release()
    click.echo(
        "The history is restored, and opens with the new password. Consents are not part of a backup: give"
        " them anew. Start the gateway now."
    )


@click.command("erase")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def erase(yes: bool, config_path: Path | None) -> None:
    """Erase the history, its keys and the register of consents. The gateway must not run.

    Afterwards not even the recovery code opens anything; backups elsewhere are not reached. The gateway can
    be claimed anew, by you or by who lives here next. Take a statement of the registers before.
    """
    settings = configured(config_path)
    folder = settings.history.data_dir
    if not yes:
        click.echo(f"All that the gateway has kept in {folder} will be gone, for good.", err=True)
        if click.prompt(f'Type "{_ERASE_WORD}" to go on', err=True) != _ERASE_WORD:
            raise GatewayError("nothing was erased")
    lock = _alone(settings)
    try:
        gone = erasing.erase(folder, folder / HISTORY_NAME, settings.history.device_key)
    finally:
        lock.release()
    click.echo("Everything is erased. The gateway has no owner now: start it, and claim it anew.")
    if not gone:
        click.echo(
            "The device key is given by systemd and was not touched: replace the file that its unit names, as"
            " root."
        )


def _alone(settings: Config) -> FolderLock:
    try:
        return take_folder(settings, settled=False)
    except FolderInUse:
        raise GatewayError(
            "the gateway is running: stop it first, so that it writes nothing more"
            " (sudo systemctl stop p1-gateway)"
        ) from None
