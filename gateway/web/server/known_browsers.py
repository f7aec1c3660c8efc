"""Known browsers: those that the owner signed in with before. A guesser elsewhere does not make them wait.

A known browser carries a token, signed under a key of the gateway: nothing is stored for it, and it holds
over a restart. It opens nothing: it names a lane of its own among those who try passwords.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from flask import Request, Response

_TOKEN_BYTES = 16
_LASTS_S = 400 * 86_400  # as long as browsers keep a cookie


def cookie_name(of: str, key: bytes, https: bool) -> str:
    """A name of this gateway's own: cookies know no ports, and another gateway may have the same host name.

    The browser itself refuses a __Host- cookie that came over plain HTTP or from another host.
    """
    own = hashlib.sha256(b"cookie name" + key).hexdigest()[:8]
    return f"{'__Host-' if https else ''}p1-gateway-{own}-{of}"


class KnownBrowsers:
    """Recognises and marks the owner's browsers."""

    def __init__(self, key: bytes, https: bool) -> None:
        self._key = key
        self._https = https
        self.cookie = cookie_name("browser", key, https)

    def lane(self, request: Request) -> str | None:
        """The lane of the browser that asks; None when nobody signed in with it before."""
        token, _, signature = request.cookies.get(self.cookie, "").partition(".")
        return token if hmac.compare_digest(signature.encode(), self._signature(token).encode()) else None

    def mark(self, request: Request, response: Response) -> None:
        """The owner has signed in with this browser."""
        token = self.lane(request) or secrets.token_urlsafe(_TOKEN_BYTES)
        response.set_cookie(
            self.cookie,
            f"{token}.{self._signature(token)}",
            max_age=_LASTS_S,
            secure=self._https,
            httponly=True,
            samesite="Strict",
        )

    def _signature(self, token: str) -> str:
        return hmac.new(self._key, token.encode(), hashlib.sha256).hexdigest()
