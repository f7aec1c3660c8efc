"""A command with many options: its --help shows them in groups, each under a heading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click


class GroupedCommand(click.Command):
    """`groups` gives for each heading the names of its options; the others stand behind them."""

    def __init__(self, *args: Any, groups: Mapping[str, tuple[str, ...]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._heading_of = {name: heading for heading, names in groups.items() for name in names}
        self._headings = (*groups, "Options")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        shown = [(param.name or "", param.get_help_record(ctx)) for param in self.get_params(ctx)]
        for heading in self._headings:
            rows = [row for name, row in shown if row and self._heading_of.get(name, "Options") == heading]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)
