"""What the commands of the history share: the unlock, and the days that are asked for."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TextIO

import click

from gateway.cli.options import (
    asked_number,
    asked_secret,
    configured,
    parsed_date,
)
from gateway.clock import utc_now
from gateway.config import Config
from gateway.operations import OpenHistory, beside, midnight


def unlocked(config_path: Path | None, password_file: TextIO | None) -> OpenHistory:
    """The history, opened with the owner's password."""
    settings = configured(config_path)
    opened = beside(settings)
    number = asked_number(config_path)
    return opened.keys.unlock(number, asked_secret(password_file, "Password"))


def day_range(settings: Config, first: str | None, last: str | None) -> tuple[datetime, datetime]:
    """From the first day's beginning to the last day's end, or to now."""
    zone = settings.history.zone
    today = utc_now().astimezone(zone).date()
    last_day = parsed_date(last) if last else today
    first_day = parsed_date(first) if first else min(last_day, today) - timedelta(days=30)
    if last_day < first_day:
        raise click.UsageError(f"the last day, {last_day}, is before the first, {first_day}")
    if first_day > today:
        raise click.UsageError(f"{first_day} has not come yet")
    return midnight(first_day, zone), min(midnight(last_day + timedelta(days=1), zone), utc_now())
