"""The page: where the owner claims the gateway, reads its history, grants and withdraws.

server   what every request goes through     views   one module a view     charts   how figures are drawn
services     what the views work with        languages, sentences          in which words
"""

from gateway.web.server.app import create_app
from gateway.web.server.serving import PageServer
from gateway.web.services import Services
from gateway.web.setup_code import SetupCode

__all__ = ["PageServer", "Services", "SetupCode", "create_app"]
