"""Answers to what cannot be served: a plain sentence and a way on, in the page's own clothes."""

from __future__ import annotations

import logging

from flask import Flask, Response, make_response, render_template, request
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError, SecurityError

log = logging.getLogger(__name__)


def install(app: Flask) -> None:
    app.register_error_handler(SecurityError, _foreign_host)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(HTTPException, _sentence)


def _foreign_host(_error: SecurityError) -> Response:
    # No template: under a host that is not ours no address can be made.
    sentence = _(
        "This gateway does not answer under this name. Use its own address, or add the name to"
        " trusted_hosts in its configuration."
    )
    return Response(sentence + "\n", 400, mimetype="text/plain")


def _stale_form(_error: CSRFError) -> Response:
    sentence = _("This form was no longer valid, and nothing was done. Open the page again and retry.")
    return _page(sentence, 400)


def _sentence(error: HTTPException) -> Response:
    sentences = {
        404: _("There is no such page."),
        405: _("This address does not work that way."),
        413: _("That is more than this page takes."),
        500: _("Something went wrong on the gateway. Its log says what."),
    }
    code = error.code or 500
    if isinstance(error, InternalServerError):
        log.error("a page could not be shown: %s %s", request.method, request.path)
    if error.response is not None:
        return make_response(error.response)
    return _page(sentences.get(code) or _("The gateway could not understand this request."), code)


def _page(sentence: str, code: int) -> Response:
    return make_response(render_template("error.html", sentence=sentence), code)
