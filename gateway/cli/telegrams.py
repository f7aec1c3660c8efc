"""Commands that make telegrams and read them."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import click

from gateway import config
from gateway.cli.options import parsed_time
from gateway.daemon import utc_now
from gateway.errors import GatewayError, TelegramError
from gateway.meter import read_key
from gateway.p1 import Decoder, Decryptor, Frame, Framer, MeterClock, MeterKey
from gateway.p1.reading import as_json
from gateway.simulator import Household, SimulatedMeter
from gateway.simulator import line as simulated_line

_CHUNK = 64 * 1024


@click.command()
@click.option("--seed", default=1, show_default=True, help="The same seed is the same household.")
@click.option("--start", "start_text", metavar="TIME", help="The first telegram's time.  [default: now]")
@click.option("--installed", metavar="TIME", help="When the meter was installed.  [default: a year before]")
@click.option("--speed", default=1.0, show_default=True, help="Times true time; 0 is as fast as possible.")
@click.option("--count", type=click.IntRange(min=1), help="Stop after so many telegrams.")
@click.option("--pty", type=click.Path(path_type=Path), metavar="LINK", help="A serial port, named LINK.")
@click.option("--tcp", metavar="HOST:PORT", help="Serve any number of readers over TCP.")
@click.option("--stdout", is_flag=True, help="Write the telegrams to standard output.")
def simulate(
    seed: int,
    start_text: str | None,
    installed: str | None,
    speed: float,
    count: int | None,
    pty: Path | None,
    tcp: str | None,
    stdout: bool,
) -> None:
    """Be a smart meter: write telegrams like a household's, each second."""
    if sum(map(bool, (pty, tcp, stdout))) != 1:
        raise click.UsageError("choose one of --pty, --tcp and --stdout")
    if speed < 0:
        raise click.UsageError("--speed must be 0 or more")
    start = parsed_time(start_text) if start_text else utc_now()
    origin = parsed_time(installed) if installed else start - timedelta(days=365)
    if origin > start:
        raise click.UsageError("the meter cannot be installed after the first telegram")
    meter = SimulatedMeter(Household(seed), origin)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with contextlib.closing(_line(pty, tcp)) as line:
        simulated_line.run(meter, line, start, wait=stop.wait, clock=time.monotonic, speed=speed, count=count)


def _line(pty: Path | None, tcp: str | None) -> simulated_line.Line:
    try:
        if pty is not None:
            return simulated_line.PtyLine(pty)
        if tcp is not None:
            host, _, port = tcp.rpartition(":")
            if not host or not port.isdecimal():
                raise click.UsageError("--tcp wants HOST:PORT, such as 127.0.0.1:2001")
            return simulated_line.TcpLine(host.strip("[]"), int(port))
    except (OSError, OverflowError) as error:
        raise GatewayError(f"the line cannot be opened: {error}") from None
    return simulated_line.StreamLine(sys.stdout.buffer)


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
