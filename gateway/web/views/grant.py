"""Granting: first what, then the notice in plain words, then the consent; the credentials once.

What is granted is what the notice on the screen said: another notice in between undoes the button.
"""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from gateway.errors import ConsentError, TransportUnavailable
from gateway.operations import (
    CATEGORY_NAMES,
    GRANULARITY_NAMES,
    WITHDRAWAL,
    Notice,
    inferences,
)
from gateway.web.languages import language
from gateway.web.sentences import sentence
from gateway.web.server.sessions import visitor
from gateway.web.services import here
from gateway.web.views import consent_form
from gateway.web.views.consent_form import CHOICES, USUAL_INTERVAL_S, Wish
from gateway.web.views.sharing import shared_names

pages = Blueprint("grant", __name__, url_prefix="/sharing/new")

_WISH, _SHOWN = "wish", "notice as shown"


@pages.get("")
def form() -> AnyResponse:
    if here().sharing.fault is not None:
        return redirect(url_for("sharing.page"), 303)
    return _form()


@pages.post("")
def check() -> AnyResponse:
    wish, problems = consent_form.read(request.form, here().clock(), here().zone)
    if wish is None:
        return _form(problems, 400)
    visitor()[_WISH] = wish
    return redirect(url_for("grant.notice"), 303)


@pages.get("/notice")
def notice() -> AnyResponse:
    wish: Wish | None = visitor().get(_WISH)
    if wish is None:
        return redirect(url_for("grant.form"), 303)
    try:
        return _notice(wish)
    except ConsentError as error:
        flash(sentence(error))
        return redirect(url_for("grant.form"), 303)


@pages.post("/consent")
def consent() -> AnyResponse:
    wish: Wish | None = visitor().get(_WISH)
    shown: Notice | None = visitor().get(_SHOWN)
    if wish is None or shown is None or request.form.get("wish") != wish.id:
        flash(_("Another form was opened in between: nothing was granted. Read the notice again."))
        return redirect(url_for("grant.form"), 303)
    try:
        terms = wish.terms(here().clock(), shown)
        granted = here().sharing.grant(terms, method="page")
    except (TransportUnavailable, ConsentError) as error:
        problem = _("Nothing was granted.") + " " + sentence(error)
        return _notice(wish, problem, 503 if isinstance(error, TransportUnavailable) else 400)
    visitor().pop(_WISH, None)
    visitor().pop(_SHOWN, None)
    return make_response(render_template("granted.html", granted=granted, names=_field_names()))


def _field_names() -> dict[str, str]:
    """What the fields of credentials are called; another one is shown by its own name."""
    return {
        "host": _("Host"),
        "port": _("Port"),
        "username": _("Username"),
        "password": _("Password"),
        "topic": _("Topic"),
    }


def _form(problems: dict[str, str] | None = None, status: int = 200) -> Response:
    now, zone = here().clock(), here().zone
    text = render_template(
        "grant.html",
        problems=problems or {},
        typed=request.form,
        categories={
            category: (
                gettext(CATEGORY_NAMES[category]),
                [(g, gettext(GRANULARITY_NAMES[g])) for g in choices],
            )
            for category, choices in CHOICES.items()
        },
        usual_interval_s=USUAL_INTERVAL_S,
        usual_last_day=consent_form.usual_last_day(now, zone),
        latest_day=consent_form.latest_day(now, zone),
        today=here().today(),
    )
    return make_response(text, status)


def _notice(wish: Wish, problem: str | None = None, status: int = 200) -> Response:
    """Show the notice, and remember the very words."""
    now = here().clock()
    shown = wish.notice(now, language(), gettext)
    terms = wish.terms(now, shown)
    visitor()[_SHOWN] = shown
    text = render_template(
        "notice.html",
        wish=wish,
        terms=terms,
        problem=problem,
        shared=shared_names(terms),
        inferences=[gettext(told) for told in inferences(terms)],
        withdrawal=gettext(WITHDRAWAL),
    )
    return make_response(text, status)
