"""Sharing: who receives what, what each was sent, and taking it back with one click."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, url_for
from flask_babel import gettext
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from gateway.errors import ConsentError
from gateway.operations import CATEGORY_NAMES, GRANULARITY_NAMES, Consent, State, Terms
from gateway.web.sentences import N_, sentence
from gateway.web.services import here

pages = Blueprint("sharing", __name__, url_prefix="/sharing")

_STATES = {
    State.REQUESTED: N_("not given yet"),
    State.GIVEN: N_("in force"),
    State.PAUSED: N_("paused"),
    State.WITHDRAWN: N_("withdrawn"),
    State.EXPIRED: N_("expired"),
    State.REFUSED: N_("not given"),
}
_EVENTS = {
    "requested": N_("requested"),
    "given": N_("given"),
    "paused": N_("paused"),
    "resumed": N_("resumed"),
    "withdrawn": N_("withdrawn"),
    "expired": N_("expired"),
    "cut off": N_("recipient cut off at the broker"),
}
_METHODS = {"page": N_("on the page"), "command": N_("by command"), "button": N_("with the button")}


@dataclass(frozen=True, slots=True)
class Shown:
    """A consent as the owner sees it."""

    consent: Consent
    state: State
    state_name: str
    shared: list[tuple[str, str]]
    last_sent: datetime | None
    being_cut_off: bool

    @property
    def lasts(self) -> bool:
        return self.state in (State.GIVEN, State.PAUSED)


def shared_names(terms: Terms) -> list[tuple[str, str]]:
    """What is shared and how fine, in the owner's language."""
    return [
        (gettext(CATEGORY_NAMES[category]), gettext(GRANULARITY_NAMES[granularity]))
        for category, granularity in terms.grants.items()
    ]


@pages.get("/")
def page() -> str:
    sharing = here().sharing
    shown = [_shown(consent) for consent in sharing.consents()]
    return render_template(
        "sharing.html",
        lasting=[one for one in shown if one.lasts],
        ended=[one for one in shown if not one.lasts],
        fault=None if sharing.fault is None else sentence(sharing.fault),
        clock_doubt=None if sharing.clock_doubt is None else sentence(sharing.clock_doubt),
        stopped=sharing.stopped,
    )


@pages.get("/<consent_id>")
def detail(consent_id: str) -> str:
    consent = _found(consent_id)
    days: dict[str, list[tuple[str, int]]] = {}
    for sent in here().sharing.sent(consent_id):
        days.setdefault(sent.day.isoformat(), []).append(
            (gettext(CATEGORY_NAMES[sent.category]), sent.messages)
        )
    gaps = here().sharing.gaps(consent_id)
    return render_template("consent.html", shown=_shown(consent), days=days, gaps=gaps)


@pages.post("/<consent_id>/withdraw")
def withdraw(consent_id: str) -> AnyResponse:
    if not _shown(_found(consent_id)).lasts:
        flash(_("This consent has ended already."))
        return redirect(url_for("sharing.detail", consent_id=consent_id), 303)
    return _done(lambda: _withdrawn(consent_id), url_for("sharing.detail", consent_id=consent_id))


def _withdrawn(consent_id: str) -> str:
    """Withdraw, and say what is done and what is still being tried."""
    if not here().sharing.withdraw(consent_id, method="page").cut_off:
        told = _(
            "Withdrawn. Nothing is sent from here any more. The message broker does not answer: cutting the"
            " recipient off is tried again until it is done, and this page then says so."
        )
    else:
        told = _("Withdrawn. Nothing is sent to this recipient any more, and it is cut off.")
    return str(told)


@pages.post("/stop")
def stop() -> AnyResponse:
    def act() -> str:
        here().sharing.stop(method="page")
        return str(_("Sharing is stopped. Nobody receives anything until you start it again."))

    return _done(act, url_for("sharing.page"))


@pages.post("/start")
def start() -> AnyResponse:
    def act() -> str:
        here().sharing.start(method="page")
        return str(_("Sharing is started again."))

    return _done(act, url_for("sharing.page"))


@pages.post("/accept")
def accept() -> AnyResponse:
    def act() -> str:
        here().sharing.accept(method="page")
        return str(_("Accepted. Sharing is stopped: look at your consents, then start it again."))

    return _done(act, url_for("sharing.page"))


@pages.get("/<consent_id>/receipt")
def receipt(consent_id: str) -> str:
    consent = _found(consent_id)
    events = [
        (entry.at, gettext(_EVENTS.get(entry.event, entry.event)), _method(entry.facts.get("method")))
        for entry in here().sharing.entries(consent_id)
    ]
    return render_template(
        "receipt.html",
        shown=_shown(consent),
        receipt=here().sharing.receipt(consent_id),
        events=events,
    )


@pages.get("/<consent_id>/receipt.json")
def receipt_json(consent_id: str) -> Response:
    _found(consent_id)
    text = json.dumps(here().sharing.receipt(consent_id), indent=2, ensure_ascii=False)
    answer = make_response(text + "\n")
    answer.mimetype = "application/json"
    answer.headers["Content-Disposition"] = f'attachment; filename="receipt-{consent_id}.json"'
    return answer


def _done(act: Callable[[], str], back: str) -> AnyResponse:
    """Carry out what the owner asked, tell how it went, and show the page that it concerns."""
    try:
        told = act()
    except ConsentError as error:
        told = sentence(error)
    flash(told)
    return redirect(back, 303)


def _found(consent_id: str) -> Consent:
    try:
        return here().sharing.consent(consent_id)
    except ConsentError:
        abort(404)


def _shown(consent: Consent) -> Shown:
    state = consent.state_at(here().clock())
    return Shown(
        consent=consent,
        state=state,
        state_name=gettext(_STATES[state]),
        shared=shared_names(consent.terms),
        last_sent=here().sharing.last_sent(consent.id),
        being_cut_off=here().sharing.is_being_cut_off(consent.id),
    )


def _method(method: str | None) -> str:
    return "" if method is None else gettext(_METHODS.get(method, method))
