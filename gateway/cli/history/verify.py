"""`history verify`: whether anything was altered, removed or put back."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

import click

from gateway.cli.options import (
    asked_number,
    asked_secret,
    config_option,
    configured,
    json_option,
    password_file_option,
    progress_bar,
)
from gateway.errors import NotClaimed
from gateway.operations import Report, beside, check_files


@click.command("verify")
@click.option("--full", is_flag=True, help="Open every row and block too: asks for the owner's password.")
@password_file_option
@config_option
@json_option
def verify(full: bool, password_file: TextIO | None, config_path: Path | None, as_json_text: bool) -> None:
    """Check that nothing of the history was altered, removed, exchanged or put back.

    The device key alone proves that for whole days; with --full each row and block is opened, and told by
    its time. Exit status 1 when something is wrong. What retention removed is no fault.
    """
    settings = configured(config_path)
    opened = beside(settings)
    if not opened.keys.claimed:
        raise NotClaimed
    if full or password_file is not None:
        number = asked_number(config_path)
        password = asked_secret(password_file, "Password")
        with progress_bar("Opening everything") as progress:
            report = opened.storage.verify(progress, number, password)
    else:
        with progress_bar("Checking") as progress:
            report = opened.storage.verify(progress)
    fault = check_files(settings)
    if fault is not None:
        report += Report(findings=(str(fault),))
    if as_json_text:
        click.echo(json.dumps(asdict(report), ensure_ascii=False))
    else:
        for told in report.removed:
            click.echo(f"as it should be  {told}")
        for finding in report.findings:
            click.echo(f"wrong            {finding}")
        if not report.findings:
            checked = (
                f"{report.data_keys} data keys, {report.rows} profile rows, {report.blocks} trace blocks"
            )
            click.echo(f"The history is whole: {checked}.")
    sys.exit(1 if report.findings else 0)
