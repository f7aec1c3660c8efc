"""`history compare`: two stretches of as many days."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from operator import attrgetter, methodcaller
from pathlib import Path
from typing import TextIO

import click

from gateway.cli.history.opening import unlocked
from gateway.cli.options import (
    config_option,
    configured,
    json_option,
    parsed_date,
    password_file_option,
)
from gateway.clock import utc_now
from gateway.operations import Usage
from gateway.quantities import BY_NAME, COMMODITIES


@click.command("compare")
@click.option("--from", "first", metavar="DATE", help="The first day.  [default: the first of this month]")
@click.option("--to", "last", metavar="DATE", help="The last day.  [default: yesterday]")
@click.option("--with", "other", metavar="DATE", help="The first day of the other.  [default: a year before]")
@password_file_option
@config_option
@json_option
def compare(
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
    amounts: dict[str, tuple[Callable[[Usage], int | None], int]] = {
        "import_kwh": (attrgetter("import_wh"), 1000),
        "export_kwh": (attrgetter("export_wh"), 1000),
    }
    for one in COMMODITIES:
        amounts[BY_NAME[one.register].export_name] = (methodcaller("of", one.name), one.scale)
    lines = [
        {"what": what, "from": _shown(of(found.usage), scale), "with": _shown(of(found.before), scale),
         "change": found.change(of)}
        for what, (of, scale) in amounts.items()
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


def _a_year_before(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:  # the 29th of February
        return day.replace(year=day.year - 1, day=28)


def _shown(amount: int | None, scale: int) -> float | None:
    return None if amount is None else amount / scale
