"""The page: where the owner claims the gateway, reads its history, grants and withdraws.

server   what every request goes through     views   one module a view     charts   how figures are drawn
services     what the views reach        languages, sentences          in which words
"""

from gateway.web.server.app import create_app
from gateway.web.server.serving import PageServer

__all__ = ["PageServer", "create_app"]
