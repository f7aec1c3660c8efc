"""What may be asked of the running gateway from another process, each by the name of its one function.

The server calls the function that the name stands for; the client names the very same function, so that both
sides agree on its types. `gateway.control` carries question and answer.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_type_hints

from gateway.operations.wire import from_json, to_json

Answered = Callable[[Mapping[str, Any]], Any]
_Operation = TypeVar("_Operation", bound=Callable[..., Any])
_MARK = "__may_be_asked__"


class NotUnderstood(Exception):
    """These are no arguments of this operation."""


def may_be_asked(operation: _Operation) -> _Operation:
    """Marks a method that other processes of the gateway's user may call; its types must have a JSON form."""
    setattr(operation, _MARK, True)
    return operation


def name_of(operation: Callable[..., Any]) -> str:
    """What an operation is called on the wire, as Sharing.withdraw."""
    return operation.__qualname__


def answered(*rooms: object) -> dict[str, Answered]:
    """By name, what answers a question about each operation of these objects that may be asked."""
    methods = (one for room in rooms for _, one in inspect.getmembers(room, inspect.ismethod))
    return {name_of(one): _answered(one) for one in methods if hasattr(one, _MARK)}


def _answered(operation: Callable[..., Any]) -> Answered:
    def answer(facts: Mapping[str, Any]) -> Any:
        hints = get_type_hints(operation)
        try:
            values = {name: from_json(hints[name], value) for name, value in facts.items()}
            inspect.signature(operation).bind(**values)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise NotUnderstood from error
        return to_json(operation(**values))

    return answer


def asked(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of an operation as they go over the wire."""
    return {name: to_json(value) for name, value in facts.items()}


def result_of(operation: Callable[..., Any], answer: Any) -> Any:
    """What an operation gave, from what came over the wire."""
    return from_json(get_type_hints(operation)["return"], answer)
