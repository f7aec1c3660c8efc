"""Typed values as JSON and back, by their annotations: for the control socket, `--json`, and an API.

Knows dataclasses (field by field), enumerations (by value), dates and times (ISO 8601), mappings, sequences,
sets and unions of what JSON itself tells apart. What a dataclass checks in its constructor is checked here.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from functools import singledispatch
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

_WRONG = (TypeError, ValueError, KeyError, AttributeError)


@singledispatch
def to_json(value: Any) -> Any:
    """A value as JSON has it. Raises TypeError for what has no such form."""
    if is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form")


@to_json.register(type(None))
@to_json.register(int)
@to_json.register(float)
@to_json.register(str)
def _(value: Any) -> Any:
    return value


@to_json.register
def _(value: Enum) -> Any:
    return value.value


@to_json.register
def _(value: date) -> str:
    return value.isoformat()


@to_json.register
def _(value: Mapping) -> dict[str, Any]:  # type: ignore[type-arg] # singledispatch takes bare classes
    return {to_json(key): to_json(one) for key, one in value.items()}


@to_json.register(list)
@to_json.register(tuple)
def _(value: Sequence[Any]) -> list[Any]:
    return [to_json(one) for one in value]


@to_json.register
def _(value: Set) -> list[Any]:  # type: ignore[type-arg]
    return sorted(to_json(one) for one in value)


def from_json(kind: Any, stored: Any) -> Any:
    """The inverse of `to_json` for a value annotated with `kind`.

    Raises TypeError, ValueError, KeyError or AttributeError for what is no such value.
    """
    origin = get_origin(kind)
    if origin is not None:
        return _composed(origin, get_args(kind), stored)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        values = {name: from_json(hints[name], one) for name, one in stored.items()}
        return cast(type[Any], kind)(**values)
    if issubclass(kind, Enum):
        return kind(stored)
    if issubclass(kind, date):
        return kind.fromisoformat(stored)
    if not isinstance(stored, kind) or isinstance(stored, bool) != (kind is bool):
        raise TypeError(f"{kind.__name__} is due")
    return stored


def _composed(origin: Any, arguments: Sequence[Any], stored: Any) -> Any:
    if origin in (Union, types.UnionType):
        return _one_of(arguments, stored)
    if issubclass(origin, Mapping):
        of_key, of_value = arguments
        return {from_json(of_key, key): from_json(of_value, one) for key, one in stored.items()}
    found = (from_json(arguments[0], one) for one in stored)
    if issubclass(origin, Set):
        return frozenset(found)
    return list(found) if issubclass(origin, list) else tuple(found)


def _one_of(kinds: Sequence[Any], stored: Any) -> Any:
    if stored is None and type(None) in kinds:
        return None
    for kind in kinds:
        try:
            return from_json(kind, stored)
        except _WRONG:
            continue
    raise TypeError("it is none of the kinds that are due")
