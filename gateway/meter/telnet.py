"""Telnet, undone: some serial servers wrap the meter's bytes in it (RFC 854), and then each 0xFF comes twice.

Pure: bytes in; the meter's bytes and the replies to the server out. How the bytes were divided into chunks
makes no difference.

A stream counts as telnet only when it begins with a well-formed negotiation of an option that servers use.
The bytes of an encrypted meter hold every sequence sooner or later, so nothing later in the stream counts.
A raw stream that was joined in mid-telegram may still begin that way, once in about 600,000 connections:
it shows itself by the first 0xFF that no command follows, and passes unchanged from there on.

The one option that is wanted is BINARY (RFC 856): a server that refuses it sends CR as CR NUL, as RFC 854 has
it. One that does not answer knows no such rule (pyserial's doubles 0xFF and leaves CR alone). All other
options are refused, RFC 2217's control of the port too: its subnegotiations are left out.
"""

from __future__ import annotations

from enum import Enum, auto

IAC = 0xFF
_DONT, _DO, _WONT, _WILL = 0xFE, 0xFD, 0xFC, 0xFB
_SB, _SE = 0xFA, 0xF0
_FIRST_COMMAND = 0xEC  # RFC 1184: end of file
_CR, _NUL = 0x0D, 0x00
_BINARY = 0
# BINARY, ECHO, SUPPRESS-GO-AHEAD, STATUS, TERMINAL-TYPE, NAWS, LINEMODE and COM-PORT-OPTION.
_USUAL_OPTIONS = frozenset({_BINARY, 1, 3, 5, 24, 31, 34, 44})
_REFUSALS = {_WILL: _DONT, _DO: _WONT}


class _State(Enum):
    BEGINNING = auto()  # not known yet whether this is telnet
    RAW = auto()
    TEXT = auto()
    COMMAND = auto()  # behind an IAC
    OPTION = auto()  # behind IAC and one of WILL, WONT, DO, DONT
    PARAMETERS = auto()  # of a subnegotiation
    PARAMETER_COMMAND = auto()  # behind an IAC among them


class Telnet:
    """What comes on one connection, from its first byte on."""

    def __init__(self) -> None:
        self._state = _State.BEGINNING
        self._beginning = b""
        self._verb = 0
        self._binary = True
        self._after_cr = False
        self._answered: set[tuple[int, int]] = set()

    @property
    def is_spoken(self) -> bool:
        return self._state not in (_State.BEGINNING, _State.RAW)

    def feed(self, chunk: bytes) -> tuple[bytes, bytes]:
        """Return the meter's bytes, and what to reply to the server."""
        content, replies = bytearray(), bytearray()
        if self._state is _State.BEGINNING:
            chunk = self._begin(chunk)
            if self.is_spoken:
                replies += self._answer(_WILL, _BINARY)
        position = 0
        while position < len(chunk):
            if self._state is _State.RAW:
                content += chunk[position:]
                break
            if self._state is _State.TEXT:
                position = self._text(chunk, position, content)
            else:
                self._command(chunk[position], content, replies)
                position += 1
        return bytes(content), bytes(replies)

    def _begin(self, chunk: bytes) -> bytes:
        """The bytes to go on with, once it is known what they are; b"" before that."""
        self._beginning += chunk
        begun = self._beginning
        fits = (
            begun[:1] in (b"", bytes([IAC]))
            and (len(begun) < 2 or begun[1] in (_WILL, _WONT, _DO, _DONT))
            and (len(begun) < 3 or begun[2] in _USUAL_OPTIONS)
        )
        if fits and len(begun) < 3:
            return b""
        self._state = _State.TEXT if fits else _State.RAW
        self._beginning = b""
        return begun

    def _text(self, chunk: bytes, position: int, content: bytearray) -> int:
        """Take the text up to the next command; return where that goes on."""
        end = chunk.find(IAC, position)
        text = chunk[position : len(chunk) if end < 0 else end]
        if text:
            content += text if self._binary else self._lines(text)
        if end < 0:
            return len(chunk)
        self._state = _State.COMMAND
        return end + 1

    def _lines(self, text: bytes) -> bytes:
        """The text, with CR for each CR NUL."""
        if self._after_cr and text[0] == _NUL:
            text = text[1:]
            self._after_cr = False
        self._after_cr = text[-1] == _CR if text else False
        return text.replace(b"\r\0", b"\r")

    def _command(self, byte: int, content: bytearray, replies: bytearray) -> None:
        match self._state:
            case _State.COMMAND:
                self._begin_command(byte, content)
            case _State.OPTION:
                replies += self._negotiated(byte)
                self._state = _State.TEXT
            case _State.PARAMETERS:
                if byte == IAC:
                    self._state = _State.PARAMETER_COMMAND
            case _State.PARAMETER_COMMAND:
                following = {IAC: _State.PARAMETERS, _SE: _State.TEXT}
                self._state = following.get(byte, _State.RAW)

    def _begin_command(self, byte: int, content: bytearray) -> None:
        if byte in (_WILL, _WONT, _DO, _DONT):
            self._verb = byte
            self._state = _State.OPTION
        elif byte == _SB:
            self._state = _State.PARAMETERS
        elif byte >= _FIRST_COMMAND:
            self._state = _State.TEXT
            if byte == IAC:
                self._after_cr = False
                content.append(IAC)
        else:
            # No telnet after all, or a server that does not double 0xFF.
            self._state = _State.RAW
            content += bytes([IAC, byte])

    def _negotiated(self, option: int) -> bytes:
        if option == _BINARY and self._verb in (_WILL, _WONT):
            self._binary = self._verb == _WILL
            self._after_cr = False
        return self._answer(self._verb, option)

    def _answer(self, verb: int, option: int) -> bytes:
        """Each demand is answered once, so that the replies have an end whatever the server sends."""
        answer = _DO if (verb, option) == (_WILL, _BINARY) else _REFUSALS.get(verb)
        if answer is None or (verb, option) in self._answered:
            return b""
        self._answered.add((verb, option))
        return bytes([IAC, answer, option])
