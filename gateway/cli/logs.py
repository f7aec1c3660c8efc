"""What the long-running commands log, to stderr."""

from __future__ import annotations

import logging
import sys

from gateway.cli.output import OneLine


def log_to_stderr(level: str) -> None:
    printing = logging.StreamHandler(sys.stderr)
    printing.setFormatter(OneLine("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[printing])
    # They tell each request and each connection; what matters is told by us.
    for quiet in ("waitress", "werkzeug", "paho"):
        logging.getLogger(quiet).setLevel(logging.ERROR)
