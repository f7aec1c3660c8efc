"""Signing in is unlocking: meter number, password and device key open the history together.

The number comes from the live telegrams; only without a meter does the owner type it.
"""

from __future__ import annotations

import logging
import threading

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from gateway.errors import CannotUnlock, HistoryError
from gateway.history import OpenHistory
from gateway.page.sentences import sentence, wait_sentence
from gateway.page.services import here, throttles
from gateway.page.sessions import visitor
from gateway.page.throttle import TooManyTries

pages = Blueprint("sign_in", __name__)

log = logging.getLogger(__name__)

# Each unlock takes 64 MiB on purpose (Argon2id): a small computer does them one after another.
_unlocking = threading.Lock()


@pages.get("/sign-in")
def form() -> Response:
    return _form()


@pages.post("/sign-in")
def sign_in() -> AnyResponse:
    address = request.remote_addr or ""
    number = here().live.meter_number() or request.form.get("meter_number", "").strip()
    if not number:
        return _form(_("Type the number that stands on the front of the electricity meter."), 400)
    try:
        throttles().password.attempt(address)
        with _unlocking:
            history = here().history.unlock(number, request.form.get("password", ""))
    except TooManyTries as tries:
        answer = _form(wait_sentence(tries), 429)
        answer.headers["Retry-After"] = str(tries.wait_s)
        return answer
    except CannotUnlock as error:
        return _form(sentence(error), 403)
    except HistoryError as error:
        return _form(sentence(error), 500)
    throttles().password.succeeded(address)
    visitor().sign_in(history, here().clock())
    return _renewed(number, request.form.get("password", ""), history) or redirect(url_for("now.page"), 303)


def _renewed(number: str, password: str, acting: OpenHistory) -> Response | None:
    """The page with the new recovery code, when the keys were a year old and are renewed now.

    The password is at hand at this moment only. What fails is tried again at the next sign-in. All sessions
    but the one that begins here end.
    """
    now = here().clock().timestamp()
    if not here().history.renewal_is_due(now):
        return None
    try:
        with _unlocking:
            renewed = here().history.renew(number, password, now, acting=acting)
    except HistoryError as error:
        log.warning("%s", error)
        return None
    return make_response(render_template("renewed.html", renewed=renewed))


@pages.post("/sign-out")
def sign_out() -> AnyResponse:
    visitor().sign_out()
    return redirect(url_for("sign_in.form"), 303)


def _form(problem: str | None = None, status: int = 200) -> Response:
    text = render_template("sign_in.html", problem=problem, asks_number=here().live.meter_number() is None)
    return make_response(text, status)
