"""The command that is a smart meter, or many: for this gateway, and for developers of other P1 software."""

from __future__ import annotations

import json
import math
import signal
import sys
import threading
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

import click

from gateway.cli.grouped import GroupedCommand
from gateway.cli.options import json_option, parsed_time
from gateway.cli.simulator_tables import as_tables, listed
from gateway.clock import utc_now
from gateway.errors import ConfigError, MeterKeyUnusable
from gateway.meter import read_key
from gateway.p1 import MeterKey
from gateway.simulator.dialects import DIALECTS, Dialect
from gateway.simulator.faults import Wish
from gateway.simulator.fleet import (
    Connection,
    Fleet,
    Kind,
    homes_in_turn,
    tcp_lines,
)
from gateway.simulator.homes import HOMES, Home
from gateway.simulator.line import (
    PATIENCE_S,
    PtyLine,
    RecordedLine,
    StreamLine,
    TcpLine,
    appended,
)
from gateway.simulator.meter import DEVELOPMENT_KEY
from gateway.simulator.readers import hints
from gateway.simulator.sending import Line, Pace

_USUAL_METER, _USUAL_HOME = "nl-dsmr5", "solar"
_ALSO_CALLED = {"nl-dsmr2": "nl-dsmr22"}
# A telegram writes its year in two digits.
_EARLIEST, _LATEST = datetime(2000, 1, 2, tzinfo=UTC), datetime(2099, 12, 30, tzinfo=UTC)
# Each day since the installation is counted before the first telegram: half a second for these. The month's
# end and peak before the running one are among them.
_USUAL_AGE = timedelta(days=62)

_GROUPS = {
    "The meter and its home": ("meter", "home", "seed", "installed", "key_file", "key", "authentication_key"),
    "Where its telegrams go (choose one)": ("pty", "tcp", "stdout", "file"),
    "Time": ("start", "period", "speed", "count"),
    "What goes wrong": ("faults", "report"),
    "Captures and many meters": ("record", "meters"),
}
_EXAMPLES = """\b
Examples:
  A serial port, for any program that reads one:
    p1-gateway simulate --pty /tmp/p1
  An encrypted meter of Luxembourg, for several readers over the network:
    p1-gateway simulate --meter lu-smarty --tcp 127.0.0.1:2001
  A day of telegrams in a file, as fast as possible and always the same:
    p1-gateway simulate --start 2026-01-15 --speed 0 --count 86400 --file day.p1
  One telegram in twenty damaged, and a power failure of five minutes after the first one:
    p1-gateway simulate --fault flipped-bits=0.05 --fault power-failure@+60/300 --pty /tmp/p1
  200 homes, on the ports 2001 to 2200:
    p1-gateway simulate --meters 200 --tcp 127.0.0.1:2001
"""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the options say."""

    meter: str
    home: str | None
    seed: int
    installed: str | None
    key_file: str
    key: str | None
    authentication_key: str
    pty: Path | None
    tcp: str | None
    stdout: bool
    file: Path | None
    start: str | None
    period: int | None
    speed: float
    count: int | None
    faults: tuple[str, ...]
    report: TextIO | None
    record: Path | None
    meters: int
    quiet: bool

    @property
    def dialect(self) -> Dialect:
        return DIALECTS[_ALSO_CALLED.get(self.meter, self.meter)]

    @property
    def pace(self) -> Pace:
        return Pace.of_line(self.period or self.dialect.period_s, self.speed, self.dialect.serial)


@click.command(cls=GroupedCommand, groups=_GROUPS, epilog=_EXAMPLES)
@click.option(
    "--meter",
    type=click.Choice([*DIALECTS, *_ALSO_CALLED]),
    default=_USUAL_METER,
    show_default=True,
    metavar="NAME",
    help="Which meter it is: --list shows them.",
)
@click.option(
    "--home",
    type=click.Choice(list(HOMES)),
    metavar="NAME",
    help=f"Which home it is in: --list shows them.  [default: {_USUAL_HOME}; with --meters, each in turn]",
)
@click.option(
    "--seed", default=1, show_default=True, metavar="N", help="The same seed is the same household."
)
@click.option(
    "--installed",
    metavar="TIME",
    help="When the meter was installed; a year takes some seconds to count, and then tells of more months."
    "  [default: two months before the start; with --meters, that day]",
)
@click.option(
    "--key-file",
    default="",
    metavar="FILE",
    help="The key of a meter that encrypts, as meter.key_file has it.",
)
@click.option("--key", metavar="HEX", help="That key itself: for trying out, since others may see it.")
@click.option(
    "--authentication-key", metavar="HEX", default="", help="With --key, where it is not Luxembourg's."
)
@click.option("--pty", type=click.Path(path_type=Path), metavar="LINK", help="A serial port, named LINK.")
@click.option("--tcp", metavar="HOST:PORT", help="Any number of readers over TCP.")
@click.option("--stdout", is_flag=True, help="Standard output.")
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The end of FILE, which may also be a named pipe or a serial port.",
)
@click.option(
    "--start", metavar="TIME", help='The first telegram\'s time, such as "2026-01-15 18:00".  [default: now]'
)
@click.option("--period", type=click.IntRange(1, 3600), help="Between telegrams.  [default: the meter's]")
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    metavar="X",
    help="Times true time; 0 is as fast as possible. At 1, bytes come as slowly as on the meter's line.",
)
@click.option(
    "--count", type=click.IntRange(min=1), metavar="N", help="Stop after so many telegrams (of each meter)."
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="FAULT",
    help="NAME=RATE: by chance, a share of telegrams, or times a day for what happens in the meter."
    " NAME@TIME: once; +60 is a minute after the start. Either may end in /SECONDS, how long it lasts."
    " Give it several times for several faults; --list shows them. The same seed gives the same faults.",
)
@click.option(
    "--report",
    type=click.File("w", lazy=False),
    metavar="FILE",
    help="At the end, write what was sent and which faults happened there, as JSON.",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Add every byte that is sent to FILE too: a capture, to decode and to replay."
    " With --meters, one for each port: FILE-PORT.",
)
@click.option(
    "--meters",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="N meters, on the port of --tcp and those after it, with N seeds from --seed on.",
)
@click.option("--list", "list_them", is_flag=True, help="Show all meters, homes and faults, and end.")
@json_option
@click.option("--quiet", is_flag=True, help="Say nothing on standard error but errors.")
def simulate(list_them: bool, as_json_text: bool, **options: Any) -> None:
    """Be a smart meter: send telegrams of a made-up household, as a real meter's P1 port does.

    It needs no gateway: any software that reads P1 telegrams can read these. Their header says that
    they are simulated.
    """
    if list_them:
        click.echo(json.dumps(listed(), indent=2) if as_json_text else as_tables(listed()))
        return
    if as_json_text:
        raise click.UsageError("--json goes with --list; for what was sent there is --report FILE")
    wanted = _Wanted(**options)
    _check(wanted)
    start = _time(wanted.start, "--start") if wanted.start else utc_now()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    key = _key(wanted)
    with ExitStack() as opened:
        fleet = _fleet(wanted, start, key, opened)
        if not wanted.quiet:
            click.echo(_greeting(wanted, fleet, key), err=True)
            for hint in _hints(wanted, fleet):
                click.echo(hint, err=True)
        for connection in fleet.connections:
            connection.make_ready(start)
        # A meter's clock shows the time, and getting ready took some.
        start = start if wanted.start else utc_now()
        fleet.run(start, wanted.pace, stop.wait, time.monotonic, wanted.count)
    _say_what_happened(wanted, fleet, start)


def _check(wanted: _Wanted) -> None:
    """Raises UsageError for options that do not go together."""
    if sum(map(bool, (wanted.pty, wanted.tcp, wanted.stdout, wanted.file))) != 1:
        raise click.UsageError("choose one of --pty, --tcp, --stdout and --file")
    if wanted.meters > 1 and not wanted.tcp:
        raise click.UsageError("--meters goes with --tcp: each meter has a port of its own")
    if not math.isfinite(wanted.speed):
        raise click.UsageError("--speed must be a number, 0 or more")
    if wanted.authentication_key and not wanted.key:
        raise click.UsageError("--authentication-key goes with --key")
    if wanted.key and wanted.key_file:
        raise click.UsageError("choose one of --key and --key-file")
    if (wanted.key or wanted.key_file) and not wanted.dialect.encrypted:
        raise click.UsageError(f"the meter {wanted.dialect.name} does not encrypt: leave its key out")


def _time(text: str, option: str) -> datetime:
    at = parsed_time(text)
    if not _EARLIEST <= at <= _LATEST:
        raise click.UsageError(f"{option} must be a time from 2000 to 2099, as a telegram can tell it")
    return at


def _key(wanted: _Wanted) -> MeterKey | None:
    """The key that is asked for; None: the simulator's own."""
    if not wanted.key:
        return read_key(wanted.key_file)
    try:
        return MeterKey.parse(wanted.key, wanted.authentication_key)
    except MeterKeyUnusable as error:
        raise click.UsageError(str(error)) from None


def _fleet(wanted: _Wanted, start: datetime, key: MeterKey | None, opened: ExitStack) -> Fleet:
    """The meters that are asked for, on their lines, which are closed with `opened`."""
    usual = start if wanted.meters > 1 else max(start - _USUAL_AGE, _EARLIEST)
    installed = _time(wanted.installed, "--installed") if wanted.installed else usual
    if installed > start:
        raise click.UsageError("the meter cannot be installed after the first telegram")
    try:
        wishes = tuple(Wish.parse(text, start) for text in wanted.faults)
        kind = Kind(wanted.dialect, installed, key, wishes)
        connections = [Connection(kind, seed, home) for seed, home in _homes(wanted)]
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
    return Fleet(connections, _lines(wanted, opened))


def _homes(wanted: _Wanted) -> list[tuple[int, Home]]:
    if wanted.home is None and wanted.meters > 1:
        return homes_in_turn(wanted.dialect, wanted.meters, wanted.seed)
    home = HOMES[wanted.home or _USUAL_HOME]
    return [(wanted.seed + n, home) for n in range(wanted.meters)]


def _lines(wanted: _Wanted, opened: ExitStack) -> list[tuple[str, Line]]:
    """Where each meter is read, and its line."""
    if wanted.tcp is None:
        address, line = _one_line(wanted, opened)
        return [(address, _recorded(line, wanted.record, opened))]
    host, port = _host_and_port(wanted.tcp)
    # One slow reader must not delay the other meters; at full speed, readers set the pace.
    patience_s = 0.0 if wanted.meters > 1 and wanted.speed else PATIENCE_S
    lines = tcp_lines(host.strip("[]"), port, wanted.meters, patience_s)
    for line in lines:
        opened.enter_context(closing(line))
    return [(f"tcp://{host}:{line.port}", _recorded(line, _capture(wanted, line), opened)) for line in lines]


def _one_line(wanted: _Wanted, opened: ExitStack) -> tuple[str, Line]:
    if wanted.pty is not None:
        return str(wanted.pty), opened.enter_context(closing(PtyLine(wanted.pty)))
    if wanted.file is not None:
        return str(wanted.file), StreamLine(opened.enter_context(appended(wanted.file)))
    return "standard output", StreamLine(sys.stdout.buffer)


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise click.UsageError("--tcp wants HOST:PORT, such as 127.0.0.1:2001")
    return host, int(port)


def _capture(wanted: _Wanted, line: TcpLine) -> Path | None:
    if wanted.record is None or wanted.meters == 1:
        return wanted.record
    return wanted.record.with_name(f"{wanted.record.name}-{line.port}")


def _recorded(line: Line, capture: Path | None, opened: ExitStack) -> Line:
    return line if capture is None else RecordedLine(line, opened.enter_context(appended(capture)))


def _greeting(wanted: _Wanted, fleet: Fleet, key: MeterKey | None) -> str:
    """One line that says what runs where; for a meter that encrypts, also what its reader needs."""
    first, last = fleet.connections[0], fleet.connections[-1]
    homes = {one.home.title for one in fleet.connections}
    home = homes.pop() if len(homes) == 1 else f"{len(homes)} kinds of home in turn"
    if first is last:
        who, where = f"{home}, seed {first.seed}", fleet.addresses[0]
    else:
        who = f"{wanted.meters} meters, {home}, seeds {first.seed} to {last.seed}"
        where = f"{fleet.addresses[0]} to {fleet.addresses[-1]}"
    period = wanted.pace.period_s
    each = "a telegram each second" if period == 1 else f"a telegram every {period} seconds"
    if wanted.speed != 1:
        each += f", at {wanted.speed:g} times true speed" if wanted.speed else ", as fast as possible"
    greeting = f"{wanted.dialect.name}, {who}: {where}, {each}; Ctrl+C stops it"
    if not wanted.dialect.encrypted or key is not None:
        return greeting
    # Everybody has this one: it stands in the source.
    return f"""{greeting}
Its telegrams are encrypted, with the simulator's own key. Give your reader
  the encryption key      {DEVELOPMENT_KEY.encryption.hex().upper()}
  the authentication key  {DEVELOPMENT_KEY.authentication.hex().upper()}
(this gateway: a line each in a file that only its user can read, named by key_file under [meter])"""


def _hints(wanted: _Wanted, fleet: Fleet) -> list[str]:
    """What well-known readers must be told of this meter; of many meters, and in a pipe, nothing."""
    kind = next((name for name in ("pty", "tcp", "file") if getattr(wanted, name)), "")
    if not kind or wanted.meters > 1:
        return []
    return list(hints(wanted.dialect, fleet.connections[0].channels, kind))


def _say_what_happened(wanted: _Wanted, fleet: Fleet, start: datetime) -> None:
    injected = dict(sorted(fleet.injected.items()))
    if wanted.faults and not wanted.quiet:
        counts = ", ".join(f"{name} {count}" for name, count in injected.items()) or "none"
        click.echo(f"{fleet.telegrams} telegrams sent; faults: {counts}", err=True)
    if wanted.report is not None:
        json.dump(
            {
                "meter": wanted.dialect.name,
                "start": start.isoformat(),
                "period_s": wanted.pace.period_s,
                "speed": wanted.speed,
                "telegrams": fleet.telegrams,
                "faults": injected,
                "meters": fleet.report(),
            },
            wanted.report,
            indent=2,
        )
        wanted.report.write("\n")
