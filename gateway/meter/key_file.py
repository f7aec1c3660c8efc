"""The key of a meter that encrypts, out of the file in which its owner put it."""

from __future__ import annotations

from pathlib import Path

from gateway.errors import KeyFileUnusable, MeterKeyUnusable, UnsafeFile
from gateway.files import OTHERS, check_reach
from gateway.p1.cipher import MeterKey

_LONGEST_FILE = 4096


def read_key(written: str) -> MeterKey | None:
    """The key in the file of this path; None where no path is written.

    Blank lines and what stands behind a # are passed over. The first line is the encryption key, the
    second, where there is one, the authentication key. Raises KeyFileUnusable.
    """
    if not written:
        return None
    lines = [line.split("#", 1)[0].strip() for line in _text(written).splitlines()]
    keys = [line for line in lines if line]
    if not 1 <= len(keys) <= 2:
        raise KeyFileUnusable(
            f"the meter's key file {written} must hold one line with the encryption key, and a second one"
            " with the authentication key where the grid operator gives one"
        )
    try:
        return MeterKey.parse(*keys)
    except MeterKeyUnusable as error:
        raise KeyFileUnusable(f"{error}: correct {written}") from None


def _text(written: str) -> str:
    try:
        path = Path(written).expanduser()
        with path.open("rb") as file:
            # Its group may: root owns it, and the gateway's group reads it.
            check_reach(Path(written), file.fileno(), OTHERS)
            return file.read(_LONGEST_FILE).decode("ascii")
    except UnsafeFile as error:
        raise KeyFileUnusable(f"the meter's key is no secret: {error}") from None
    except OSError as error:
        raise KeyFileUnusable(
            f"the meter's key file {written} cannot be read ({error.strerror}): check meter.key_file"
        ) from None
    except (UnicodeDecodeError, RuntimeError):  # RuntimeError: the ~ of a user that does not exist
        raise KeyFileUnusable(f"the meter's key file {written} is not a text file") from None
