"""The gate: which page is open to whom. Every request passes it before any view.

Unclaimed, every path leads to the claim. Claimed, every path leads to the sign-in, but for the
owner. What the page's script asks by itself does not count as the owner's activity.
"""

from __future__ import annotations

from flask import Flask, redirect, request, url_for
from werkzeug.exceptions import SecurityError
from werkzeug.wrappers import Response

from gateway.errors import HistoryClosed
from gateway.web.server.sessions import SignedOut, visitor
from gateway.web.services import here

_FOR_ALL = frozenset({"static", "languages.choose"})
_CLAIM = frozenset({"claim.form", "claim.claim"})
_SIGN_IN = frozenset({"sign_in.form", "sign_in.sign_in"})
_ASKED_BY_SCRIPT = frozenset({"now.readings"})


def install(app: Flask) -> None:
    app.before_request(_let_through)
    for ended in (SignedOut, HistoryClosed):
        app.register_error_handler(ended, lambda _: _to("sign_in.form"))


def _let_through() -> Response | None:
    endpoint = request.endpoint
    # Under a name that is not ours nothing is shown, not even a redirect.
    if endpoint in _FOR_ALL or isinstance(request.routing_exception, SecurityError):
        return None
    if visitor().signed_in:
        if endpoint in _ASKED_BY_SCRIPT:
            return None
        visitor().active_at = here().clock()
        return _to("now.page") if endpoint in _CLAIM | _SIGN_IN else None
    if not here().keys.claimed:
        return None if endpoint in _CLAIM else _to("claim.form")
    if endpoint in _SIGN_IN:
        return None
    return Response(status=401) if endpoint in _ASKED_BY_SCRIPT else _to("sign_in.form")


def _to(endpoint: str) -> Response:
    return redirect(url_for(endpoint), 303)
