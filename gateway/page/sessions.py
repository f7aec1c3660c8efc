"""Sessions: a table in memory; the visitor holds a random token, the table only its hash.

A signed-in session holds the open history. It ends after 15 idle minutes, after 12 hours, at
sign-out, and with the daemon; what has ended is forgotten, also when nobody asks for it again.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

from flask import Flask, Request, Response
from flask import session as flask_session
from flask.sessions import SessionInterface, SessionMixin

from gateway.history import OpenHistory

IDLE = timedelta(minutes=15)
LONGEST = timedelta(hours=12)
_TOKEN_BYTES = 32
_MOST_VISITORS = 256
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
    """The sessions that last. Safe to use from several threads.

    A flood of visitors pushes out visitors who did not sign in, never the owner.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._visitors: OrderedDict[bytes, Session] = OrderedDict()
        self._owners: OrderedDict[bytes, Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._visitors) + len(self._owners)

    def find(self, token: str) -> Session | None:
        key = _key(token)
        with self._lock:
            session = self._owners.get(key, self._visitors.get(key))
            if session is None or session.is_over(self.clock()):
                self._forget(key)
                return None
            if key in self._visitors:
                self._visitors.move_to_end(key)
            session.new = False
            return session

    def keep(self, session: Session) -> None:
        table, most = (self._owners, _MOST_OWNERS) if session.signed_in else (self._visitors, _MOST_VISITORS)
        with self._lock:
            table[_key(session.token)] = session
            while len(table) > most:
                _, oldest = table.popitem(last=False)
                oldest.sign_out()

    def drop(self, session: Session) -> None:
        with self._lock:
            self._forget(_key(session.token))

    def sweep(self) -> None:
        """Forget what is over, so that no key stays in memory."""
        now = self.clock()
        with self._lock:
            for table in (self._owners, self._visitors):
                for key in [key for key, session in table.items() if session.is_over(now)]:
                    self._forget(key)

    def _forget(self, key: bytes) -> None:
        for table in (self._owners, self._visitors):
            session = table.pop(key, None)
            if session is not None:
                session.sign_out()


class TableSessions(SessionInterface):
    """Flask's sessions, kept in the table."""

    def __init__(self, table: SessionTable, https: bool) -> None:
        self.table = table
        # The browser itself refuses a __Host- cookie that came over plain HTTP or from another host.
        self.cookie = "__Host-session" if https else "session"
        self.https = https

    def open_session(self, app: Flask, request: Request) -> Session:
        token = request.cookies.get(self.cookie)
        found = None if token is None else self.table.find(token)
        return Session(self.table.clock()) if found is None else found

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        ended = cast(Session, session)
        lasting = ended.successor if ended.ended else ended
        if ended.ended:
            self.table.drop(ended)
        if lasting is None:
            response.delete_cookie(self.cookie, secure=self.https, httponly=True, samesite="Strict")
        elif lasting.signed_in or lasting:
            self.table.keep(lasting)
            if lasting.new:
                response.set_cookie(
                    self.cookie, lasting.token, secure=self.https, httponly=True, samesite="Strict"
                )


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
