"""Commands about the keys: their renewal, the password, and the recovery code.

The running gateway is asked for it; where none runs the command does it itself, as the folder's only
user.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import click

from gateway.cli.options import (
    ask,
    asked_number,
    asked_secret,
    config_option,
    configured,
    json_option,
    new_password_file_option,
    password_file_option,
    progress_bar,
)
from gateway.config import Config
from gateway.errors import DaemonUnavailable
from gateway.operations import Keys, Renewed, alone, beside, recover_alone, to_json


@click.group()
def key() -> None:
    """The keys of the sealed history."""


@key.command("status")
@config_option
@json_option
def key_status(config_path: Path | None, as_json_text: bool) -> None:
    """Say when the keys were renewed, and when that is due."""
    settings = configured(config_path)
    try:
        found = ask(config_path, Keys.status)
    except DaemonUnavailable:
        found = beside(settings).keys.status()
    if as_json_text:
        click.echo(json.dumps(to_json(found)))
    elif found.renewed_at is None or found.due_at is None:
        click.echo("This gateway has no owner yet, and so no keys to be renewed.")
    else:
        when = "now, at your next sign-in" if found.due else f"on {found.due_at.date()}"
        click.echo(
            f"renewed    {found.renewed_at.date()}\ndue        {when}\n"
            f"device key {settings.history.device_key}"
        )


@key.command("renew")
@password_file_option
@click.option(
    "--device-key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the device key really lies, if the gateway is given a systemd credential: as root, with the"
    " gateway stopped.",
)
@config_option
@json_option
def key_renew(
    password_file: TextIO | None, device_key: Path | None, config_path: Path | None, as_json_text: bool
) -> None:
    """Make other keys and another recovery code; the old ones open nothing any more."""
    settings = configured(config_path)
    number = asked_number(config_path)
    password = asked_secret(password_file, "Password")
    if device_key is not None:
        settings = replace(settings, history=replace(settings.history, device_key=device_key.absolute()))
        renewed = _renewed_here(settings, number, password)
    else:
        try:
            renewed = ask(config_path, Keys.renew_keys, number=number, password=password)
        except DaemonUnavailable:
            renewed = _renewed_here(settings, number, password)
    if as_json_text:
        click.echo(json.dumps(to_json(renewed)))
        return
    click.echo(
        "The keys are renewed. Your new recovery code, shown this once; the old one opens nothing any more:\n"
        f"\n  {renewed.recovery_code}\n"
    )
    if not renewed.device_key_replaced:
        click.echo(
            "The device key stays as it was: the gateway cannot write where it lies. To replace it too, stop"
            " the gateway and run, as root:\n"
            "\n  p1-gateway key renew --device-key FILE      (FILE: where the device key really lies)\n"
        )


def _renewed_here(settings: Config, number: str, password: str) -> Renewed:
    with alone(settings) as opened, progress_bar("Renewing the keys") as progress:
        return opened.keys.renew(number, password, progress=progress)


@key.command("change-password")
@password_file_option
@new_password_file_option
@config_option
def key_change_password(
    password_file: TextIO | None, new_password_file: TextIO | None, config_path: Path | None
) -> None:
    """Choose another password. The recovery code stays as it is."""
    settings = configured(config_path)
    number = asked_number(config_path)
    password = asked_secret(password_file, "Password")
    new_password = _new_password(new_password_file)
    try:
        ask(
            config_path,
            Keys.change_password,
            number=number,
            password=password,
            new_password=new_password,
        )
    except DaemonUnavailable:
        with alone(settings) as opened:
            opened.keys.change_password(number, password, new_password)
    click.echo(
        "The password is changed. Copies and backups that were made before still open with the old one: if"
        " someone else may know it, run p1-gateway key renew as well."
    )


@key.command("recover")
@click.option("--code-file", type=click.File(), help="Read the recovery code from there.")
@new_password_file_option
@click.option(
    "--new-device-key", is_flag=True, help="The device key is lost: make another, with the gateway stopped."
)
@config_option
def key_recover(
    code_file: TextIO | None,
    new_password_file: TextIO | None,
    new_device_key: bool,
    config_path: Path | None,
) -> None:
    """Choose a new password with the recovery code and the meter number."""
    settings = configured(config_path)
    number = asked_number(config_path)
    code = asked_secret(code_file, "Recovery code")
    new_password = _new_password(new_password_file)
    try:
        ask(config_path, Keys.recover, number=number, code=code, new_password=new_password)
    except DaemonUnavailable:
        recover_alone(settings, number, code, new_password, new_device_key=new_device_key)
    click.echo("The history opens with the new password. The recovery code stays as it is.")


def _new_password(file: TextIO | None) -> str:
    if file is not None:
        return asked_secret(file, "New password")
    return str(click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True))
