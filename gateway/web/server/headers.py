"""The headers of every answer: nothing from elsewhere, nothing inline, nothing kept by the browser."""

from __future__ import annotations

from flask import Flask, Response, request

_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
_FEATURES = ("camera", "geolocation", "microphone", "payment", "usb", "serial", "bluetooth", "midi")
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _FEATURES),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_A_YEAR_S = 31_536_000


def install(app: Flask, https: bool) -> None:
    @app.after_request
    def add(response: Response) -> Response:
        response.headers.update(HEADERS)
        if https:
            response.headers["Strict-Transport-Security"] = f"max-age={_A_YEAR_S}"
        if request.endpoint != "static":
            response.headers["Cache-Control"] = "no-store"
        return response
