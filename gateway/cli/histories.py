"""Commands that read the sealed history back: export, statement, comparison."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

import click

from gateway.cli.options import (
    asked_number,
    asked_secret,
    config_option,
    configured,
    json_option,
    parsed_date,
    password_file_option,
    progress_bar,
)
from gateway.clock import utc_now
from gateway.config import Config
from gateway.data_folder import open_folder
from gateway.errors import GatewayError
from gateway.history import OpenHistory, Row, SealedHistory, Span
from gateway.history.asking import export
from gateway.history.kept import profile
from gateway.history.kept.periods import midnight

_TELEGRAM = "telegram"


@click.group()
def history() -> None:
    """The sealed history."""


@history.command("export")
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
def history_export(
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
        made = export.of_curve(opened, step_s, begin, end)
    elif period == _TELEGRAM:
        made = export.of_trace(opened, begin, end)
    else:
        made = export.of_usage(opened, Span(period), begin, end)
    bar = progress_bar("Exporting") if output is not None and sys.stderr.isatty() else nullcontext(None)
    with bar as progress:
        if progress is not None:
            made = export.Export(made.columns, _watched(made, begin, end, progress), made.at)
        _write(made.csv_lines() if form == "csv" else made.json_lines(), output)
    if opened.damaged:
        raise GatewayError(f"left out, since they were altered: {', '.join(sorted(opened.damaged))}")


@history.command("statement")
@click.option("--on", metavar="DATE", help="The day, at its beginning.  [default: today]")
@password_file_option
@config_option
@json_option
def history_statement(
    on: str | None, password_file: TextIO | None, config_path: Path | None, as_json_text: bool
) -> None:
    """Print all registers of all meters on a day: for moving house, or for another supplier."""
    settings = configured(config_path)
    day = parsed_date(on) if on else utc_now().astimezone(settings.history.zone).date()
    opened = unlocked(config_path, password_file)
    rows = opened.registers(day)
    if not rows:
        raise GatewayError(f"no meter was read on {day} or in the month after it")
    if as_json_text:
        click.echo(json.dumps({"on": day.isoformat(), "meters": [_stated(row, opened.zone) for row in rows]}))
        return
    click.echo(f"Registers at the beginning of {day:%A %d %B %Y}")
    for row in rows:
        read_at = row.read_at.astimezone(opened.zone)
        click.echo(f"\n{row.commodity}, meter {row.meter_number}, read at {read_at:%Y-%m-%d %H:%M:%S}")
        for name, value in _registers(row).items():
            click.echo(f"  {name.replace('_', ' '):<40}{value:>16,.3f}")


@history.command("compare")
@click.option("--from", "first", metavar="DATE", help="The first day.  [default: the first of this month]")
@click.option("--to", "last", metavar="DATE", help="The last day.  [default: yesterday]")
@click.option("--with", "other", metavar="DATE", help="The first day of the other.  [default: a year before]")
@password_file_option
@config_option
@json_option
def history_compare(
    first: str | None,
    last: str | None,
    other: str | None,
    password_file: TextIO | None,
    config_path: Path | None,
    as_json_text: bool,
) -> None:
    """Compare two stretches of as many days: this month so far with the same days a year ago."""
    settings = configured(config_path)
    yesterday = utc_now().astimezone(settings.history.zone).date() - timedelta(days=1)
    end = parsed_date(last) if last else yesterday
    begin = parsed_date(first) if first else end.replace(day=1)
    if end < begin:
        raise click.UsageError(f"{end} is before {begin}")
    before = parsed_date(other) if other else _a_year_before(begin)
    found = unlocked(config_path, password_file).compare(begin, before, (end - begin).days + 1)
    amounts: dict[str, Callable[..., int | None]] = {
        "import_kwh": lambda usage: usage.import_wh,
        "export_kwh": lambda usage: usage.export_wh,
        "gas_m3": lambda usage: usage.gas_litre,
        "water_m3": lambda usage: usage.quantities.get("water_litre"),
    }
    lines = [
        {"what": what, "from": _thousandth(of(found.usage)), "with": _thousandth(of(found.before)),
         "change": found.change(of)}
        for what, of in amounts.items()
        if of(found.usage) is not None or of(found.before) is not None
    ]  # fmt: skip
    if as_json_text:
        click.echo(json.dumps({"from": begin.isoformat(), "with": before.isoformat(), "amounts": lines,
                               "complete": found.usage.complete and found.before.complete}))  # fmt: skip
        return
    click.echo(f"{'':<12}{f'from {begin}':>18}{f'from {before}':>18}{'change':>10}")
    for line in lines:
        change = "not whole" if line["change"] is None else f"{line['change']:+.0%}"
        both = "".join(
            f"{'-' if line[of] is None else format(line[of], ',.3f'):>18}" for of in ("from", "with")
        )
        click.echo(f"{str(line['what']).replace('_', ' '):<12}{both}{change:>10}")


def unlocked(config_path: Path | None, password_file: TextIO | None) -> OpenHistory:
    """The history, opened with the owner's password."""
    settings = configured(config_path)
    paths, device_key = open_folder(settings)
    sealed = SealedHistory(paths.history, device_key, settings.history.zone)
    number = asked_number(config_path)
    return sealed.unlock(number, asked_secret(password_file, "Password"))


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


def _watched(
    made: export.Export, begin: datetime, end: datetime, progress: Callable[[int, int], None]
) -> Iterator[export.Record]:
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


def _stated(row: Row, zone: ZoneInfo) -> dict[str, object]:
    return {
        "meter_number": row.meter_number,
        "commodity": row.commodity,
        "read_at": row.read_at.astimezone(zone).isoformat(),
        "registers": _registers(row),
    }


def _registers(row: Row) -> dict[str, float]:
    """The registers in the units that they are read in, by names that say them."""
    kept = {name: value for name, value in row.quantities.items() if name in profile.REGISTERS}
    return {export.shown(name)[0]: value / export.shown(name)[1] for name, value in kept.items()}


def _a_year_before(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:  # the 29th of February
        return day.replace(year=day.year - 1, day=28)


def _thousandth(amount: int | None) -> float | None:
    return None if amount is None else amount / 1000
