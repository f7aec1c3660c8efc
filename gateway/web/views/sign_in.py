"""Signing in is unlocking: meter number, password and device key open the history together.

The number comes from the live telegrams; only without a meter does the owner type it.
"""

from __future__ import annotations

import logging

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from gateway.errors import CannotUnlock, HistoryError
from gateway.operations import OpenHistory
from gateway.web.sentences import sentence, wait_sentence
from gateway.web.server.sessions import visitor
from gateway.web.server.throttle import TooManyTries
from gateway.web.server.turns import Turns
from gateway.web.services import browsers, here, throttles

pages = Blueprint("sign_in", __name__)

log = logging.getLogger(__name__)

_unlocking = Turns()


@pages.get("/sign-in")
def form() -> Response:
    return _form()


@pages.post("/sign-in")
def sign_in() -> AnyResponse:
    address, browser = request.remote_addr or "", browsers().lane(request)
    number = here().live.meter_number() or request.form.get("meter_number", "").strip()
    if not number:
        return _form(_("Type the number that stands on the front of the electricity meter."), 400)
    try:
        throttles().password.attempt(address, browser)
        with _unlocking.turn(known=browser is not None):
            history = here().keys.unlock(number, request.form.get("password", ""))
    except TooManyTries as tries:
        answer = _form(wait_sentence(tries), 429)
        answer.headers["Retry-After"] = str(tries.wait_s)
        return answer
    except CannotUnlock as error:
        return _form(sentence(error), 403)
    except HistoryError as error:
        return _form(sentence(error), 500)
    throttles().password.succeeded(address, browser)
    visitor().sign_in(history, here().clock())
    answer = _renewed(number, request.form.get("password", ""), history) or make_response(
        redirect(url_for("now.page"), 303)
    )
    browsers().mark(request, answer)
    return answer


def _renewed(number: str, password: str, acting: OpenHistory) -> Response | None:
    """The page with the new recovery code, when the keys were a year old and are renewed now.

    The password is at hand at this moment only. What fails is tried again at the next sign-in. All sessions
    but the one that begins here end.
    """
    if not here().keys.status().due:
        return None
    try:
        with _unlocking.turn(known=True):
            renewed = here().keys.renew(number, password, acting)
    except (HistoryError, TooManyTries) as error:
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
