"""`run`: what the service does."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gateway.cli.logs import log_to_stderr
from gateway.cli.options import config_option, configured
from gateway.daemon import Daemon


@click.command()
@config_option
def run(config_path: Path | None) -> None:
    """Run the gateway: what the service does."""
    settings = configured(config_path)
    log_to_stderr(settings.log.level)
    daemon = Daemon(settings)
    daemon.stop_on_signals()
    sys.exit(0 if daemon.run() else 1)
