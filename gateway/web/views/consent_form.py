"""The grant form: what the owner typed to a wish, or to what is wrong with it, field by field.

Nothing is chosen beforehand: a category that the owner does not touch is not shared.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask_babel import gettext as _

from gateway.operations import (
    LONGEST,
    LONGEST_INTERVAL_S,
    LONGEST_NAME,
    LONGEST_PURPOSE,
    USUAL,
    USUAL_FORMAT,
    USUAL_TRANSPORT,
    Category,
    Granularity,
    Notice,
    Terms,
    midnight,
    notice_text,
)

_ROWS = (Granularity.DAY, Granularity.HOUR, Granularity.QUARTER)
CHOICES: Mapping[Category, tuple[Granularity, ...]] = {
    # Phases are in live readings only, and an average needs a period: the rest can be both.
    category: {Category.PHASES: (Granularity.LIVE,), Category.DEMAND: _ROWS}.get(category, tuple(Granularity))
    for category in Category
}
USUAL_INTERVAL_S = 10


@dataclass(frozen=True, slots=True)
class Wish:
    """What the owner wants to share; `id` ties the consent to the very notice that was shown."""

    recipient: str
    purpose: str
    grants: Mapping[Category, Granularity]
    live_interval_s: int
    until: datetime
    id: str = field(default_factory=secrets.token_hex)

    @property
    def live(self) -> bool:
        return Granularity.LIVE in self.grants.values()

    def terms(self, now: datetime, notice: Notice) -> Terms:
        """The terms from now on. Raises ConsentError."""
        return Terms(
            recipient=self.recipient,
            purpose=self.purpose,
            grants=self.grants,
            valid_from=now,
            valid_until=self.until,
            notice=notice,
            format=USUAL_FORMAT,
            transport=USUAL_TRANSPORT,
            live_interval_s=self.live_interval_s,
        )

    def notice(self, now: datetime, language: str, translate: Callable[[str], str]) -> Notice:
        """What the owner is told, in this language. Raises ConsentError."""
        return Notice(notice_text(self.terms(now, Notice("", language)), translate), language)


def usual_last_day(now: datetime, zone: ZoneInfo) -> date:
    return (now + USUAL).astimezone(zone).date()


def latest_day(now: datetime, zone: ZoneInfo) -> date:
    """The last day that a consent can cover whole."""
    return (now + LONGEST).astimezone(zone).date() - timedelta(days=1)


def read(form: Mapping[str, str], now: datetime, zone: ZoneInfo) -> tuple[Wish | None, dict[str, str]]:
    """The wish, or the problems by the name of their field."""
    problems: dict[str, str] = {}
    recipient = _words(form, "recipient", LONGEST_NAME, problems)
    purpose = _words(form, "purpose", LONGEST_PURPOSE, problems)
    grants = _grants(form, problems)
    interval = _interval(form, grants, problems)
    last = _last_day(form, now, zone, problems)
    if problems or last is None:
        return None, problems
    return Wish(recipient, purpose, grants, interval, midnight(last + timedelta(days=1), zone)), {}


def _words(form: Mapping[str, str], name: str, longest: int, problems: dict[str, str]) -> str:
    words = " ".join(form.get(name, "").split())
    if not words:
        problems[name] = _("Fill this in.")
    elif len(words) > longest:
        problems[name] = _("This is longer than %(longest)s characters.", longest=longest)
    elif not words.isprintable():
        problems[name] = _("This contains characters that cannot be printed.")
    return words


def _grants(form: Mapping[str, str], problems: dict[str, str]) -> dict[Category, Granularity]:
    chosen = {category: form.get(f"category_{category}", "") for category in Category}
    grants = {category: Granularity(how) for category, how in chosen.items() if how in CHOICES[category]}
    others = {how for category, how in grants.items() if category is not Category.IDENTITY}
    if not others:
        problems["grants"] = _("Choose at least one kind of reading to share.")
    elif Category.IDENTITY in grants and grants[Category.IDENTITY] not in others:
        problems["grants"] = _(
            "Meter numbers go along with readings: choose a detail at which you share something else too."
        )
    return grants


def _interval(
    form: Mapping[str, str], grants: Mapping[Category, Granularity], problems: dict[str, str]
) -> int:
    if Granularity.LIVE not in grants.values():
        return USUAL_INTERVAL_S
    typed = form.get("live_interval_s", "").strip()
    seconds = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 6 else 0
    if not 1 <= seconds <= LONGEST_INTERVAL_S:
        problems["live_interval_s"] = _(
            "Type a number of seconds from 1 to %(longest)s.", longest=LONGEST_INTERVAL_S
        )
    return seconds


def _last_day(
    form: Mapping[str, str], now: datetime, zone: ZoneInfo, problems: dict[str, str]
) -> date | None:
    try:
        last = date.fromisoformat(form.get("last_day", ""))
    except ValueError:
        problems["last_day"] = _("Choose a day.")
        return None
    if last < now.astimezone(zone).date():
        problems["last_day"] = _("This day has passed already.")
    elif last > latest_day(now, zone):
        problems["last_day"] = _("A consent lasts at most 24 months: choose an earlier day.")
    return last
