"""Foreign text made printable: no control character of it reaches a terminal or the journal.

Names of meters, ports, files and hosts come from elsewhere. An escape sequence in one of them could
repaint a terminal, a line break could forge a line of the journal, and marks of direction show
words in another order than they are in.
"""

from __future__ import annotations

import re

# All of Unicode's categories Cc, Cf, Cs, Zl and Zp but for the line break and the tab. "\r\n" ends lines too.
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff0-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
    "|\r(?!\n)"
)


def printable(text: str) -> str:
    """The text with its control characters written out, as \\u001b; line breaks and tabs stay.

    Within a string of JSON, what is written out still means the same character.
    """
    return _CONTROL.sub(_written_out, text)


def one_line(text: str) -> str:
    """As `printable`, and in one line: what ends a line is written out, too."""
    return printable(text).replace("\r", "\\r").replace("\n", "\\n")


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)  # as JSON writes it
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
