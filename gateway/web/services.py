"""What the page works with: handed in by the daemon, the same for every view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import cast
from zoneinfo import ZoneInfo

from flask import Flask, current_app

from gateway.consent import Sharing
from gateway.history import SealedHistory
from gateway.live import Live
from gateway.web.server.known_browsers import KnownBrowsers
from gateway.web.server.throttle import Throttle
from gateway.web.setup_code import SetupCode

_SERVICES, _THROTTLES, _BROWSERS = "gateway.services", "gateway.throttles", "gateway.browsers"


@dataclass(frozen=True, slots=True)
class Services:
    """`clock` gives the time in UTC; `zone` is the home's. `browser_key` signs what known browsers carry."""

    history: SealedHistory
    live: Live
    sharing: Sharing
    setup_code: SetupCode
    clock: Callable[[], datetime]
    zone: ZoneInfo
    browser_key: bytes = field(repr=False)

    def today(self) -> date:
        """The day it is at home."""
        return self.clock().astimezone(self.zone).date()


@dataclass(frozen=True, slots=True)
class Throttles:
    """One for each secret that can be guessed."""

    setup_code: Throttle
    password: Throttle


def install(app: Flask, services: Services, https: bool) -> None:
    app.extensions[_SERVICES] = services
    app.extensions[_BROWSERS] = KnownBrowsers(services.browser_key, https)
    app.extensions[_THROTTLES] = Throttles(Throttle(services.clock), Throttle(services.clock))


def here() -> Services:
    """The services of the app that answers this request."""
    return cast(Services, current_app.extensions[_SERVICES])


def throttles() -> Throttles:
    return cast(Throttles, current_app.extensions[_THROTTLES])


def browsers() -> KnownBrowsers:
    return cast(KnownBrowsers, current_app.extensions[_BROWSERS])
