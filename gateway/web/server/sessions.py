"""Sessions: a table in memory; the owner's browser holds a random token, the table only its hash.

A signed-in session holds the open history. It ends after 15 idle minutes, after 12 hours, at
sign-out, and with the daemon; what has ended is forgotten, also when nobody asks for it again.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, cast

from flask import Flask, Request, Response
from flask import session as flask_session
from flask.sessions import SecureCookieSessionInterface, SessionInterface, SessionMixin
from itsdangerous import BadSignature

from gateway.operations import OpenHistory

IDLE = timedelta(minutes=15)
LONGEST = timedelta(hours=12)
_TOKEN_BYTES = 32
_MOST_OWNERS = 16


class Session(dict[str, Any], SessionMixin):
    """One visitor's. `history` is there from sign-in to sign-out, or until its keys are forgotten."""

    def __init__(self, now: datetime) -> None:
        super().__init__()
        self.token = secrets.token_urlsafe(_TOKEN_BYTES)
        self.began_at = now
        self.active_at = now
        self.history: OpenHistory | None = None
        self.ended = False
        self.successor: Session | None = None
        self.new = True
        self.carried: dict[str, Any] = {}

    @property
    def signed_in(self) -> bool:
        return self.history is not None and self.history.is_open

    def sign_in(self, history: OpenHistory, now: datetime) -> None:
        """Another session follows this one: with another token, and nothing taken along.

        A token that someone planted in the browser before is worth nothing after it.
        """
        self.sign_out()
        self.successor = Session(now)
        self.successor.history = history

    def sign_out(self) -> None:
        """Forget the open history and everything else."""
        self.clear()
        if self.history is not None:
            self.history.close()
        self.history = None
        self.ended = True

    def is_over(self, now: datetime) -> bool:
        """Only a signed-in session idles out: a sign-in form left open does no harm."""
        if self.history is not None and not self.history.is_open:
            return True  # password or keys were changed elsewhere
        idle = self.signed_in and now - self.active_at >= IDLE
        return self.ended or idle or now - self.began_at >= LONGEST


class SessionTable:
    """The owner's sessions that last. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._owners: OrderedDict[bytes, Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._owners)

    def find(self, token: str) -> Session | None:
        key = _key(token)
        with self._lock:
            session = self._owners.get(key)
            if session is None or session.is_over(self.clock()):
                self._forget(key)
                return None
            session.new = False
            return session

    def keep(self, session: Session) -> None:
        with self._lock:
            self._owners[_key(session.token)] = session
            while len(self._owners) > _MOST_OWNERS:
                _, oldest = self._owners.popitem(last=False)
                oldest.sign_out()

    def drop(self, session: Session) -> None:
        with self._lock:
            self._forget(_key(session.token))

    def sweep(self) -> None:
        """Forget what is over, so that no key stays in memory."""
        now = self.clock()
        with self._lock:
            for key in [key for key, session in self._owners.items() if session.is_over(now)]:
                self._forget(key)

    def _forget(self, key: bytes) -> None:
        session = self._owners.pop(key, None)
        if session is not None:
            session.sign_out()


class TableSessions(SessionInterface):
    """Flask's sessions: the owner's in the table, a visitor's in its own cookie.

    What a visitor has before it signs in (the secret of its forms, a message) it carries itself, signed: a
    flood of visitors fills nothing here, and takes nothing from another.
    """

    def __init__(self, table: SessionTable, cookie: str, https: bool) -> None:
        self.table = table
        self.cookie = cookie
        self.https = https
        self._signing = SecureCookieSessionInterface()

    def open_session(self, app: Flask, request: Request) -> Session:
        sent = request.cookies.get(self.cookie, "")
        found = self.table.find(sent) if sent else None
        return self._visitor(app, sent) if found is None else found

    def _visitor(self, app: Flask, sent: str) -> Session:
        session = Session(self.table.clock())
        with suppress(BadSignature):
            session.update(self._serializer(app).loads(sent, max_age=int(LONGEST.total_seconds())))
        session.carried = dict(session)
        return session

    def _serializer(self, app: Flask) -> Any:
        return self._signing.get_signing_serializer(app)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        ended = cast(Session, session)
        lasting = ended.successor if ended.ended else ended
        if ended.ended:
            self.table.drop(ended)
        if lasting is None:
            response.delete_cookie(self.cookie, secure=self.https, httponly=True, samesite="Strict")
        elif lasting.signed_in:
            self.table.keep(lasting)
            if lasting.new:
                self._set_cookie(response, lasting.token)
        elif lasting and dict(lasting) != lasting.carried:
            self._set_cookie(response, self._serializer(app).dumps(dict(lasting)))

    def _set_cookie(self, response: Response, value: str) -> None:
        response.set_cookie(self.cookie, value, secure=self.https, httponly=True, samesite="Strict")


def visitor() -> Session:
    """The session of this request."""
    return cast(Session, flask_session._get_current_object())  # type: ignore[attr-defined]


class SignedOut(Exception):
    """The owner's session ended while this request was being answered."""


def opened() -> OpenHistory:
    """The open history of this request's owner. Raises SignedOut."""
    history = visitor().history
    if history is None or not history.is_open:
        raise SignedOut
    return history


def _key(token: str) -> bytes:
    # Tokens are random and long: a plain hash cannot be turned back, and a copy of the table signs nobody in.
    return hashlib.sha256(token.encode()).digest()
