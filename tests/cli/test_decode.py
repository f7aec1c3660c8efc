"""`p1-gateway decode` on the worst line there is: meters of every kind in turn, and much goes wrong."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from gateway.p1 import Reading
from gateway.p1.cipher import HEADER
from gateway.p1.reading import as_json
from gateway.simulator.dialects import DIALECTS, DSMR_5, Dialect
from tests.p1.telegrams import AUTHENTICATION_KEY_HEX, KEY_HEX, reading_of, wire
from tests.running import COMMAND

TELEGRAMS = 500
START = datetime(2024, 10, 26, 23, tzinfo=UTC)  # clocks go back within the first hours
# One run reads all times with one home's clock: Finland's and Lithuania's are another's.
MIXED = [dialect for name, dialect in DIALECTS.items() if name not in ("fi-h1", "lt-eso")]
BEGINNING = re.compile(rb"/[A-Za-z]{3}|\xdb\x08")


@dataclass(frozen=True)
class Piece:
    """Bytes on the line; `reading` where they are a telegram as it was sent, None where it is damaged.

    `endless`: it lacks its end, and has no checksum that would tell.
    """

    sent: bytes
    reading: Reading | None
    endless: bool = False


def telegrams(chance: Random) -> Iterator[Piece]:
    """500 telegrams, one in four of them damaged; the last is whole and plain, so that all ends show."""
    piece = None
    for number in range(TELEGRAMS):
        last = number == TELEGRAMS - 1
        dialect = DSMR_5 if last else chance.choice(MIXED)
        reading = reading_of(dialect, number, at=START + timedelta(seconds=30 * number))
        sent = wire(dialect, reading, counter=number + 1)
        # Two in a row without an end would be a meter that never sends one: those are read.
        if last or (piece and piece.endless) or chance.random() > 0.25:
            piece = Piece(sent, reading)
        else:
            piece = Piece(damaged(dialect, sent, chance), None, endless=not dialect.checksum)
        yield piece


def damaged(dialect: Dialect, sent: bytes, chance: Random) -> bytes:
    """The telegram with what happens on a wire; its header stays, else it would be mere noise."""
    if dialect.encrypted:
        return chance.choice((flipped_in_frame, bytes_lost, cut))(sent, 14, len(sent), chance)
    first, end = sent.index(b"\n") + 1, sent.rindex(b"!")
    if not dialect.checksum:  # nothing can tell a changed digit there
        return chance.choice((cut(sent, first, end, chance), sent[:end]))
    return chance.choice((flipped, bytes_lost, cut))(sent, first, end, chance)


def flipped(sent: bytes, first: int, end: int, chance: Random) -> bytes:
    changed = bytearray(sent)
    changed[chance.randrange(first, end)] ^= 1 << chance.randrange(7)
    return bytes(changed)


def flipped_in_frame(sent: bytes, first: int, end: int, chance: Random) -> bytes:
    """Anywhere, as long as it still looks like a frame: also in its length, title or counter."""
    while HEADER.match(changed := flipped(sent, chance.choice((2, first)), end, chance)) is None:
        pass
    return changed


def bytes_lost(sent: bytes, first: int, end: int, chance: Random) -> bytes:
    at = chance.randrange(first, end - 1)
    return sent[:at] + sent[min(at + chance.choice((1, 1, 2, 16, 300)), end - 1) :]


def cut(sent: bytes, first: int, end: int, chance: Random) -> bytes:
    return sent[: chance.randrange(first, end)]


def noise(chance: Random, before: Piece, after: Piece) -> bytes:
    """Mostly nothing; else what a line delivers that is no telegram: none of it looks like a beginning."""
    kind = chance.randrange(10)
    if kind == 0:
        made = chance.randbytes(chance.randint(1, 60))
    elif kind == 1:
        made = chance.choice((b"\x00", b"\xff")) * chance.randint(1, 40)
    elif kind == 2:  # the end of a telegram whose beginning was missed
        made = after.sent[chance.randrange(len(after.sent) // 2, len(after.sent)) :]
    else:
        return b""
    # An end behind one half of a telegram without a checksum makes it whole: nothing can tell.
    return b"" if BEGINNING.search(made) or (before.endless and b"!" in made) else made


def stream(seed: int) -> tuple[bytes, list[Piece]]:
    chance = Random(seed)
    pieces = list(telegrams(chance))
    return b"".join(
        noise(chance, before, piece) + piece.sent for before, piece in pairwise([pieces[-1], *pieces])
    ), pieces


def as_printed(reading: Reading) -> dict[str, Any]:
    return without_receipt(json.loads(json.dumps(as_json(reading))))


def without_receipt(printed: dict[str, Any]) -> dict[str, Any]:
    """Meters without a clock get the time at which they are read: now."""
    return printed if printed["timed"] else {**printed, "at": None}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_of_a_mixed_stream_exactly_the_undamaged_telegrams_are_read(seed: int, tmp_path: Path) -> None:
    sent, pieces = stream(seed)
    capture = tmp_path / "capture"
    capture.write_bytes(sent)
    keys = ("--key", KEY_HEX, "--authentication-key", AUTHENTICATION_KEY_HEX)
    run = subprocess.run(
        [*COMMAND, "decode", str(capture), *keys], capture_output=True, text=True, timeout=120, check=False
    )
    whole = [as_printed(piece.reading) for piece in pieces if piece.reading]
    assert [without_receipt(json.loads(line)) for line in run.stdout.splitlines()] == whole
    rejected = [line for line in run.stderr.splitlines() if line.startswith("rejected: ")]
    assert len(rejected) == TELEGRAMS - len(whole) > 50
    assert run.stderr.splitlines()[len(rejected) :][0].endswith(" bytes belonged to no telegram")
    assert len(run.stderr.splitlines()) == len(rejected) + 1
    assert run.returncode == 1


def test_every_dialect_is_in_the_stream_whole_and_damaged() -> None:
    """Else the test above would say less than it seems to."""
    readings = [piece.reading for piece in stream(1)[1] if piece.reading]
    assert {reading.country for reading in readings} == {"NL", "BE", "LU", "AT", "SE", "HU", "CH", None}
    assert {reading.version for reading in readings} >= {None, "40", "42", "50", "50217", "50221"}
    assert {not reading.timed for reading in readings} == {True, False}
