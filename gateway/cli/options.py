"""What several commands share: their options, the configuration, and the way to the daemon."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TextIO, TypeVar

import click

from gateway import config, control
from gateway.cli.output import terminal
from gateway.errors import DaemonUnavailable, GatewayError
from gateway.operations import Gateway, control_socket

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

CONFIG_PATH = Path("/etc/p1-gateway/gateway.toml")

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    envvar="P1_GATEWAY_CONFIG",
    help=f"The configuration file.  [default: {CONFIG_PATH}, else every setting's default]",
)
password_file_option = click.option(
    "--password-file", type=click.File(), help="Read the password from there, not from the keyboard."
)
new_password_file_option = click.option(
    "--new-password-file", type=click.File(), help="Read the new password from there."
)
json_option = click.option("--json", "as_json_text", is_flag=True, help="As JSON, for a script.")


def configured(path: Path | None) -> config.Config:
    """The configuration that a command works with. Raises ConfigError."""
    if path is None and not CONFIG_PATH.exists():
        return config.Config()
    return config.load(path or CONFIG_PATH)


def ask(
    path: Path | None,
    operation: Callable[Concatenate[Any, Parameters], Result],
    *_: Parameters.args,
    **facts: Parameters.kwargs,
) -> Result:
    """Ask the running daemon to carry out an operation; see `control.ask`."""
    return control.ask(control_socket(configured(path).history.data_dir), operation, *_, **facts)


def asked_number(path: Path | None) -> str:
    """The electricity meter's number: from the running gateway, else from the owner."""
    try:
        number = ask(path, Gateway.meter_number)
    except DaemonUnavailable:
        number = None
    return str(number or click.prompt("Meter number, as on the front of the meter", err=True))


def asked_secret(file: TextIO | None, prompt: str) -> str:
    """A password or code: the first line of a file, else typed unseen. Raises GatewayError."""
    if file is None:
        return str(click.prompt(prompt, hide_input=True, err=True))
    secret = file.readline().rstrip("\r\n")
    if not secret:
        raise GatewayError(f"the file for the {prompt.lower()} is empty")
    return secret


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Shows, on stderr, how much is done, and of how much."""
    with click.progressbar(length=1000, label=label, file=terminal(sys.stderr)) as bar:
        yield lambda done, of: bar.update((1000 * done // of if of else 1000) - bar.pos)


def parsed_date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"{text!r} is not a date such as 2026-12-31") from None


def parsed_time(text: str) -> datetime:
    """A time, local where it names no offset, in UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"{text!r} is not a time such as 2026-01-31T18:00") from None
    return (at if at.tzinfo else at.replace(tzinfo=config.HistoryConfig().zone)).astimezone(UTC)
