"""What several commands share: their options, the configuration, and the way to the daemon."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from gateway import config, control
from gateway.daemon import control_socket

CONFIG_PATH = Path("/etc/p1-gateway/gateway.toml")

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    envvar="P1_GATEWAY_CONFIG",
    help=f"The configuration file.  [default: {CONFIG_PATH}, else every setting's default]",
)
json_option = click.option("--json", "as_json_text", is_flag=True, help="As JSON, for a script.")


def configured(path: Path | None) -> config.Config:
    """The configuration that a command works with. Raises ConfigError."""
    if path is None and not CONFIG_PATH.exists():
        return config.Config()
    return config.load(path or CONFIG_PATH)


def ask(path: Path | None, operation: str, **facts: Any) -> Any:
    """Ask the running daemon; see `control.ask`."""
    return control.ask(control_socket(configured(path).history.data_dir), operation, **facts)


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
