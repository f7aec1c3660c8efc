"""Lets atheris make up bytes for `invariants.check`, guided by the lines of gateway.p1 they reach."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

# By name: it is installed by tests/fuzz/run only, and mypy must not miss it elsewhere.
atheris: Any = import_module("atheris")

with atheris.instrument_imports(include=["gateway.p1"]):
    from tests.fuzz.invariants import check

if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
