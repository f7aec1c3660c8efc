"""The page: where the owner claims the gateway, reads its history, grants and withdraws.

app         the parts, joined                    server     waitress, in threads of its own
sessions    who is signed in, in memory only     gate       which page needs what
throttle    guesses get slower                   headers    what every answer carries
claim, sign_in, now, history, sharing, grant     one module a view
chart, figures, languages, sentences             how things are drawn, written and said
"""

from gateway.page.app import create_app
from gateway.page.server import PageServer
from gateway.page.services import Services
from gateway.page.setup_code import SetupCode

__all__ = ["PageServer", "Services", "SetupCode", "create_app"]
