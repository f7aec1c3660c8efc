"""A small browser over Flask's test client: it takes the CSRF token from the page that it sees."""

from __future__ import annotations

import re
from html import unescape

from flask import Flask
from werkzeug.test import TestResponse

from gateway.web.server import known_browsers
from tests.web.home import BROWSER_KEY, PASSWORD

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Browser:
    """One browser with its cookies. Redirects are not followed: they are part of what is tested."""

    def __init__(self, app: Flask, address: str = "192.168.1.7", base: str = "http://localhost") -> None:
        self.app = app
        self.client = app.test_client()
        self._address = {"REMOTE_ADDR": address}
        self._base = base
        self.token = ""

    def get(self, path: str, **headers: str) -> TestResponse:
        answer = self.client.get(
            path, headers=headers, environ_base=self._address, base_url=self._base, buffered=True
        )
        return self._seen(answer)

    def post(self, path: str, **fields: str) -> TestResponse:
        return self.post_without_token(path, csrf_token=self.token, **fields)

    def post_without_token(self, path: str, **fields: str) -> TestResponse:
        answer = self.client.post(
            path, data=fields, environ_base=self._address, base_url=self._base, buffered=True
        )
        return self._seen(answer)

    def sign_in(self, password: str = PASSWORD, **fields: str) -> TestResponse:
        self.get("/sign-in")
        answer = self.post("/sign-in", password=password, **fields)
        if answer.status_code == 303:
            self.get("/sharing/")  # any page, for the new session's token
        return answer

    def cookie_name(self, of: str = "session") -> str:
        """Its whole name: this gateway's own."""
        https = self._base.startswith("https")
        return known_browsers.cookie_name(of, BROWSER_KEY, https)

    def cookie(self, of: str = "session") -> str | None:
        cookie = self.client.get_cookie(self.cookie_name(of))
        return None if cookie is None else cookie.value

    def _seen(self, answer: TestResponse) -> TestResponse:
        found = _TOKEN.search(answer.text)
        if found:
            self.token = unescape(found[1])
        return answer
