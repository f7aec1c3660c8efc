"""How a disclosure is written for its recipient: one module a format, pure; found by itself.

format   what a format says of itself      json   the names that energy apps already read
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from gateway.sharing.formats.format import Format, Message, own_topic

__all__ = ["FORMATS", "Format", "Message", "own_topic"]


def _found() -> Mapping[str, Format]:
    """The `FORMAT` of each module here."""
    modules = (importlib.import_module(f"{__name__}.{one.name}") for one in pkgutil.iter_modules(__path__))
    formats: list[Format] = [module.FORMAT for module in modules if hasattr(module, "FORMAT")]
    return MappingProxyType({format.name: format for format in formats})


FORMATS = _found()
"""By the name that a consent's terms call them."""
