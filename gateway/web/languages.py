"""Languages: the owner's choice, else the browser's, else the setting's.

The choice lies in a cookie that says "nl" or "en" and nothing else.
"""

from __future__ import annotations

from datetime import tzinfo

from flask import Blueprint, Flask, abort, current_app, redirect, request
from flask_babel import Babel, get_locale
from werkzeug.wrappers import Response

from gateway.config import LANGUAGES
from gateway.web.services import here

COOKIE = "p1-gateway-language"
_A_YEAR_S = 31_536_000
_NAMES = {"nl": "Nederlands", "en": "English"}

pages = Blueprint("languages", __name__)


def install(app: Flask, usual: str, https: bool) -> None:
    app.config["LANGUAGE"] = usual
    app.config["LANGUAGE_COOKIE_SECURE"] = https
    Babel(app, default_locale="en", locale_selector=_chosen, timezone_selector=_zone)
    app.register_blueprint(pages)
    app.jinja_env.globals["language"] = language
    app.jinja_env.globals["languages"] = _NAMES


def language() -> str:
    """The language of this answer."""
    locale = get_locale()
    return "en" if locale is None else str(locale.language)


@pages.post("/language")
def choose() -> Response:
    wanted = request.form.get("language", "")
    if wanted not in LANGUAGES:
        abort(400)
    response = redirect(_path_here(request.form.get("back", "/")), 303)
    response.set_cookie(
        COOKIE,
        wanted,
        max_age=_A_YEAR_S,
        secure=current_app.config["LANGUAGE_COOKIE_SECURE"],
        httponly=True,
        samesite="Strict",
    )
    return response


def _chosen() -> str:
    chosen = request.cookies.get(COOKIE)
    if chosen in LANGUAGES:
        return chosen
    usual: str = current_app.config["LANGUAGE"]
    return request.accept_languages.best_match(LANGUAGES) or usual


def _zone() -> tzinfo:
    return here().zone


def _path_here(back: str) -> str:
    """The path, if it is one of this page's own; else the first page."""
    elsewhere = not back.startswith("/") or back[1:2] in ("/", "\\") or not back.isprintable()
    return "/" if elsewhere else back
