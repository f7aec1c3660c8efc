"""`history export`: usage, the curve of power, or every reading."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import TextIO

import click

from gateway import operations
from gateway.cli.history.opening import day_range, unlocked
from gateway.cli.options import (
    config_option,
    configured,
    password_file_option,
    progress_bar,
)
from gateway.errors import GatewayError
from gateway.operations import Span

_TELEGRAM = "telegram"


@click.command("export")
@click.option(
    "--period",
    type=click.Choice([_TELEGRAM, *(span.value for span in Span)]),
    default="day",
    show_default=True,
    help="The usage of each; or with telegram, every reading.",
)
@click.option(
    "--every", "step_s", type=click.IntRange(1, 86_400), metavar="SECONDS", help="The curve of power."
)
@click.option("--from", "first", metavar="DATE", help="The first day.  [default: the last 31 days]")
@click.option("--to", "last", metavar="DATE", help="The last day.  [default: today]")
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Into this file.")
@password_file_option
@config_option
def export(
    period: str,
    step_s: int | None,
    first: str | None,
    last: str | None,
    form: str,
    output: Path | None,
    password_file: TextIO | None,
    config_path: Path | None,
) -> None:
    """Print usage, the curve of power, or every reading. Asks for the owner's password."""
    settings = configured(config_path)
    begin, end = day_range(settings, first, last)
    opened = unlocked(config_path, password_file)
    if step_s is not None:
        made = operations.export.of_curve(opened, step_s, begin, end)
    elif period == _TELEGRAM:
        made = operations.export.of_trace(opened, begin, end)
    else:
        made = operations.export.of_usage(opened, Span(period), begin, end)
    bar = progress_bar("Exporting") if output is not None and sys.stderr.isatty() else nullcontext(None)
    with bar as progress:
        if progress is not None:
            made = operations.export.Export(made.columns, _watched(made, begin, end, progress), made.at)
        _write(made.csv_lines() if form == "csv" else made.json_lines(), output)
    if opened.damaged:
        raise GatewayError(f"left out, since they were altered: {', '.join(sorted(opened.damaged))}")


def _watched(
    made: operations.export.Export, begin: datetime, end: datetime, progress: Callable[[int, int], None]
) -> Iterator[operations.export.Record]:
    whole = int((end - begin).total_seconds())
    for number, record in enumerate(made.records):
        if number % 1000 == 0:
            progress(int(made.at(record) - begin.timestamp()), whole)
        yield record
    progress(whole, whole)


def _write(lines: Iterable[str], output: Path | None) -> None:
    if output is None:
        for line in lines:
            click.echo(line)
        return
    with _written_whole(output) as file:
        file.writelines(line + "\n" for line in lines)


@contextmanager
def _written_whole(path: Path) -> Iterator[TextIO]:
    """A file for its owner only, that appears when it is whole. Raises GatewayError."""
    unfinished = path.with_name(path.name + ".new")
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            yield file
        unfinished.replace(path)
    except OSError as error:
        raise GatewayError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        unfinished.unlink(missing_ok=True)
