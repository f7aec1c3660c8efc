"""The setup code: proves, once, that who claims the gateway can see the gateway itself.

The installer prints it; it lies in a file for its owner only and is gone after the claim.
"""

from __future__ import annotations

import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

# Base32 without the signs that are easily taken for another: 0 and O, 1 and I and L, 8 and B, U and V.
_SIGNS = "2345679ACDEFGHJKMNPQRSTWXYZ"
_GROUP = 4
_GROUPS = 2


class SetupCode:
    """Two groups of four signs in a file: 27^8 codes, and the page slows down who guesses."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ensure(self) -> str:
        """The code; made when there is none yet."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        code = "-".join("".join(secrets.choice(_SIGNS) for _ in range(_GROUP)) for _ in range(_GROUPS))
        with suppress(FileExistsError):
            # O_EXCL: two that start at the same time end up with one code.
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(code + "\n")
        return self._path.read_text(encoding="ascii").strip()

    def matches(self, typed: str) -> bool:
        """Whether this is the code; small letters, spaces and dashes do not matter."""
        try:
            code = _bare(self._path.read_text(encoding="ascii"))
        except FileNotFoundError:
            return False
        return bool(code) and hmac.compare_digest(_bare(typed).encode(), code.encode())

    def spend(self) -> None:
        """The gateway has its owner: the code is of no more use."""
        self._path.unlink(missing_ok=True)


def _bare(code: str) -> str:
    return "".join(sign for sign in code.upper() if sign.isalnum())
