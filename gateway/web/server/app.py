"""The app: its settings and the order of its parts. The order is what makes it safe.

Every request meets the gate first, then the CSRF check, then a view; every answer gets the headers.
"""

from __future__ import annotations

import secrets

from flask import Flask
from flask_wtf import CSRFProtect

from gateway.config import PageConfig
from gateway.operations import Operations
from gateway.web import languages, services
from gateway.web.charts import figures
from gateway.web.server import errors, gate, headers
from gateway.web.server.known_browsers import cookie_name
from gateway.web.server.sessions import SessionTable, TableSessions
from gateway.web.views import (
    claim,
    grant,
    history,
    now,
    sharing,
    sign_in,
)

_LARGEST_FORM = 16 * 1024


def create_app(operations: Operations, settings: PageConfig, browser_key: bytes) -> Flask:
    """The page of this gateway. `browser_key` signs what known browsers carry."""
    app = Flask("gateway.web")
    app.config.from_mapping(
        # Signs CSRF tokens only, which live no longer than the sessions: a new one at each start.
        SECRET_KEY=secrets.token_bytes(32),
        TRUSTED_HOSTS=list(settings.trusted_hosts),
        MAX_CONTENT_LENGTH=_LARGEST_FORM,
        MAX_FORM_MEMORY_SIZE=_LARGEST_FORM,
        MAX_FORM_PARTS=100,
        WTF_CSRF_TIME_LIMIT=None,
        # We ask the browser for no referrer; the token and the SameSite=Strict cookie are the check.
        WTF_CSRF_SSL_STRICT=False,
    )
    cookie = cookie_name("session", browser_key, settings.https)
    app.session_interface = TableSessions(SessionTable(operations.clock), cookie, settings.https)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    services.install(app, operations, browser_key, settings.https)
    gate.install(app)
    CSRFProtect(app)
    headers.install(app, settings.https)
    languages.install(app, settings.language, settings.https)
    figures.install(app)
    errors.install(app)
    for view in (claim, sign_in, now, history, sharing, grant):
        app.register_blueprint(view.pages)
    return app
