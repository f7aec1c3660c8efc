"""The command that reads telegrams."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import BinaryIO

import click

from gateway import config
from gateway.clock import utc_now
from gateway.errors import TelegramError
from gateway.meter import read_key
from gateway.p1 import (
    Decoder,
    Decryptor,
    Frame,
    Framer,
    MeterClock,
    MeterKey,
)
from gateway.p1.reading import as_json

_CHUNK = 64 * 1024


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--key-file", default="", metavar="FILE", help="The meter's key, as meter.key_file has it.")
@click.option("--key", metavar="HEX", help="The meter's key itself: for trying out, since others may see it.")
@click.option(
    "--authentication-key", metavar="HEX", default="", help="With --key, where it is not Luxembourg's."
)
@click.option("--timezone", default=config.HistoryConfig().timezone, show_default=True, help="The home's.")
def decode(file: BinaryIO, key_file: str, key: str | None, authentication_key: str, timezone: str) -> None:
    """Read telegrams from FILE or standard input; print each as a JSON object on a line.

    What is rejected is told on stderr, and makes the exit status 1.
    """
    if authentication_key and not key:
        raise click.UsageError("--authentication-key goes with --key")
    meter_key = MeterKey.parse(key, authentication_key) if key else read_key(key_file)
    framer = Framer(Decryptor(meter_key))
    decoder = Decoder(MeterClock(config.HistoryConfig(timezone=timezone).zone))
    rejected = 0
    for found in _found(file, framer):
        try:
            if isinstance(found, TelegramError):
                raise found
            click.echo(json.dumps(as_json(decoder.decode(found, utc_now())), ensure_ascii=False))
        except TelegramError as error:
            rejected += 1
            click.echo(f"rejected: {error}", err=True)
    if framer.noise:
        noun = "byte" if framer.noise == 1 else "bytes"
        click.echo(f"{framer.noise} {noun} belonged to no telegram", err=True)
    sys.exit(1 if rejected else 0)


def _found(file: BinaryIO, framer: Framer) -> Iterator[Frame | TelegramError]:
    read = getattr(file, "read1", file.read)  # read1 gives what is there: decode also follows a live line
    while chunk := read(_CHUNK):
        yield from framer.feed(chunk)
    unfinished = framer.cut()
    if unfinished is not None:
        yield unfinished
