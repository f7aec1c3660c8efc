"""A group that loads a command when it is called: on a Raspberry Pi each import is felt.

A command's file is named after it, and so is what it defines there.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import click


class LazyGroup(click.Group):
    """`names` are the commands, in the order in which the help lists them; `package` has their files."""

    def __init__(self, *args: Any, package: str = "", names: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._package = package
        self._names = names

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._names:
            return None
        own = cmd_name.replace("-", "_")
        found: click.Command = getattr(importlib.import_module(f"{self._package}.{own}"), own)
        return found
