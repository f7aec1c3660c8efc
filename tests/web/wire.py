"""A browser over real sockets, from an address of its own on loopback, with its cookies and forms."""

from __future__ import annotations

import http.client
import re
import urllib.parse
from dataclasses import dataclass
from html import unescape
from http.cookies import SimpleCookie

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    location: str | None
    retry_after_s: int
    text: str


class WireBrowser:
    """One request, one connection; redirects are not followed."""

    def __init__(self, port: int, address: str = "127.0.0.1", timeout_s: float = 10) -> None:
        self._port = port
        self._address = address
        self._timeout_s = timeout_s
        self.cookies: dict[str, str] = {}
        self.token = ""

    def get(self, path: str) -> Answer:
        return self._ask("GET", path, None)

    def post(self, path: str, **fields: str) -> Answer:
        return self._ask("POST", path, urllib.parse.urlencode({"csrf_token": self.token, **fields}))

    def sign_in(self, password: str, number: str) -> Answer:
        self.get("/sign-in")
        answer = self.post("/sign-in", password=password, meter_number=number)
        if answer.status == 303:
            self.get("/sharing/")  # any page, for the new session's token
        return answer

    def _ask(self, method: str, path: str, body: str | None) -> Answer:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._port, timeout=self._timeout_s, source_address=(self._address, 0)
        )
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        self._take_cookies(answer.headers.get_all("Set-Cookie") or [])
        found = _TOKEN.search(text)
        if found:
            self.token = unescape(found[1])
        wait_s = int(answer.headers.get("Retry-After", "0"))
        return Answer(answer.status, answer.headers.get("Location"), wait_s, text)

    def _take_cookies(self, lines: list[str]) -> None:
        for line in lines:
            for name, cookie in SimpleCookie(line).items():
                if cookie["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = cookie.value
