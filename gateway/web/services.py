"""What every view reaches: the gateway's operations, and what holds up who guesses or floods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from gateway.operations import Operations
from gateway.web.server.known_browsers import KnownBrowsers
from gateway.web.server.throttle import Throttle

_OPERATIONS, _THROTTLES, _BROWSERS = "gateway.operations", "gateway.throttles", "gateway.browsers"


@dataclass(frozen=True, slots=True)
class Throttles:
    """One for each secret that can be guessed."""

    setup_code: Throttle
    password: Throttle


def install(app: Flask, operations: Operations, browser_key: bytes, https: bool) -> None:
    """`browser_key` signs what known browsers carry."""
    app.extensions[_OPERATIONS] = operations
    app.extensions[_BROWSERS] = KnownBrowsers(browser_key, https)
    app.extensions[_THROTTLES] = Throttles(Throttle(operations.clock), Throttle(operations.clock))


def here() -> Operations:
    """The gateway that answers this request."""
    return cast(Operations, current_app.extensions[_OPERATIONS])


def throttles() -> Throttles:
    return cast(Throttles, current_app.extensions[_THROTTLES])


def browsers() -> KnownBrowsers:
    return cast(KnownBrowsers, current_app.extensions[_BROWSERS])
