"""The claim: the first visitor with the setup code becomes the owner and chooses the password.

The recovery code is in this one answer and nowhere else.
"""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from gateway.errors import AlreadyClaimed, PasswordTooCommon, PasswordTooShort, SetupCodeWrong
from gateway.operations import SHORTEST_PASSWORD
from gateway.web.sentences import sentence, wait_sentence
from gateway.web.server.throttle import TooManyTries
from gateway.web.services import here, throttles

pages = Blueprint("claim", __name__)


@pages.get("/claim")
def form() -> Response:
    return _form()


@pages.post("/claim")
def claim() -> AnyResponse:
    password = request.form.get("password", "")
    problem = _slip(password, request.form.get("password_again", ""))
    if problem is not None:
        return _form(problem, 400)
    address = request.remote_addr or ""
    try:
        throttles().setup_code.attempt(address)
    except TooManyTries as tries:
        answer = _form(wait_sentence(tries), 429)
        answer.headers["Retry-After"] = str(tries.wait_s)
        return answer
    try:
        # Behind the setup code: a password is not judged in no time, and strangers may not ask for it.
        recovery_code = here().keys.claim(request.form.get("setup_code", ""), password)
    except SetupCodeWrong:
        return _form(_("That is not the setup code of this gateway."), 403)
    except AlreadyClaimed:
        throttles().setup_code.succeeded(address)
        return redirect(url_for("sign_in.form"), 303)
    except PasswordTooCommon as error:
        throttles().setup_code.succeeded(address)
        return _form(sentence(error), 400)
    throttles().setup_code.succeeded(address)
    return make_response(render_template("claimed.html", recovery_code=recovery_code))


def _slip(password: str, again: str) -> str | None:
    """What is wrong with the two fields as they were typed."""
    if len(password) < SHORTEST_PASSWORD:
        return sentence(PasswordTooShort(SHORTEST_PASSWORD))
    return None if password == again else str(_("The two passwords are not the same."))


def _form(problem: str | None = None, status: int = 200) -> Response:
    text = render_template(
        "claim.html",
        problem=problem,
        setup_code=request.form.get("setup_code", ""),
        shortest=SHORTEST_PASSWORD,
    )
    return make_response(text, status)
