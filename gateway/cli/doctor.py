"""`p1-gateway doctor`: what is wrong between the meter and the gateway, in plain words.

It looks and changes nothing. What it prints carries no reading, number or key: it may be passed on.
"""

from __future__ import annotations

import json
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import click

from gateway import errors
from gateway.cli.options import (
    CONFIG_PATH,
    ask,
    config_option,
    configured,
    json_option,
)
from gateway.cli.output import terminal
from gateway.clock import utc_now
from gateway.config import AUTO, MeterConfig
from gateway.errors import (
    ConfigError,
    DaemonUnavailable,
    GatewayError,
    KeyFileUnusable,
    MeterUnavailable,
    SeveralPorts,
)
from gateway.live import kind_of as name_of
from gateway.meter import read_key
from gateway.meter.damage import Cause
from gateway.meter.diagnosis import Expected, has_beginning, judge
from gateway.meter.findings import (
    DAMAGE,
    SILENCE,
    Finding,
    Grade,
    damage_remedy,
    finding_of,
)
from gateway.meter.listening import Listener
from gateway.meter.ports import DEV, the_port
from gateway.meter.source import SourceKind, kind_of
from gateway.operations import Gateway, Status
from gateway.p1 import MeterClock

_WIDTH = 100
_INDENT = 22
_COLOURS = {Grade.GOOD: "green", Grade.NOTE: "yellow", Grade.WRONG: "red"}
_MUCH_DAMAGE = 0.01
_ACCEPT = (
    "Find out who had access to the card of the gateway, then accept the files as they are:"
    " p1-gateway consent accept."
)
_LISTEN_ALONE = (
    "If this does not help, stop the gateway (sudo systemctl stop p1-gateway), run the doctor again so that "
    "it can listen itself, and start the gateway afterwards."
)
_FAULTS = {
    name_of(fault): fault
    for fault in vars(errors).values()
    if isinstance(fault, type) and issubclass(fault, GatewayError)
}


@click.command()
@config_option
@json_option
@click.option(
    "--seconds",
    type=click.FloatRange(min=1, max=600),
    default=15.0,
    show_default=True,
    help="How long to listen at each speed.",
)
@click.option("--dev", type=click.Path(path_type=Path), default=DEV, hidden=True)  # a machine of a test's
def doctor(config_path: Path | None, as_json_text: bool, seconds: float, dev: Path) -> None:
    """Say what is wrong between the meter and the gateway, and what to do about it."""
    found = []
    for finding in _examined(config_path, seconds, dev):
        found.append(finding)
        if not as_json_text:
            _print(finding)
    well = all(finding.grade is not Grade.WRONG for finding in found)
    if as_json_text:
        click.echo(json.dumps({"ok": well, "findings": [_as_json(finding) for finding in found]}))
    else:
        click.echo("\nAll is well." if well else "\nSomething is wrong: see above what to do.")
    sys.exit(0 if well else 1)


def _examined(config_path: Path | None, seconds: float, dev: Path) -> Iterator[Finding]:
    """One thing after the other, up to the first that makes the next ones pointless."""
    try:
        settings = configured(config_path)
    except ConfigError as error:
        yield _wrong("configuration", error)
        return
    used = config_path or (CONFIG_PATH if CONFIG_PATH.exists() else None)
    where = f"{used} can be read." if used else f"There is no {CONFIG_PATH}: every setting has its default."
    yield Finding("configuration", Grade.GOOD, where)
    expected = Expected(
        clock=MeterClock(settings.history.zone, settings.meter.winter_time_only),
        number=settings.meter.number.strip() or None,
    )
    try:
        expected = replace(expected, key=read_key(settings.meter.key_file))
    except KeyFileUnusable as error:
        yield _wrong("key", error)
    try:
        status = ask(config_path, Gateway.status)
    except DaemonUnavailable as error:
        yield Finding("gateway", Grade.NOTE, f"{_capital(error)}. The doctor listens itself.")
        yield from _line(settings.meter, expected, seconds, dev)
    else:
        yield from judge_status(status, kind_of(settings.meter.source))


def _line(meter: MeterConfig, expected: Expected, seconds: float, dev: Path) -> Iterator[Finding]:
    address = meter.source
    try:
        if address == AUTO:
            address = str(the_port(dev).path)
            yield Finding("port", Grade.GOOD, f"The one serial port is {address}.")
        listener = Listener(expected, seconds, time.monotonic, _progress())
        sample = listener.listen(address, meter.serial)
    except SeveralPorts as error:
        lines = "".join(f'\nsource = "{path}"' for path in error.ports)
        yield _wrong("port", error, f"Write one of these lines under [meter]:{lines}")
        return
    except (MeterUnavailable, ConfigError) as error:
        yield _wrong("port", error)
        return
    if meter.source != AUTO:
        yield Finding("port", Grade.GOOD, f"{address} can be read.")
    if sample.sent:
        yield Finding("bytes", Grade.GOOD, f"{len(sample.sent)} bytes came.")
    found = judge(sample.sent, expected, utc_now(), kind_of(address))
    if has_beginning(sample.sent) and sample.setting is not None:
        yield _speed(sample.setting, meter.serial)
    yield from found


def _speed(setting: str, configured_setting: str) -> Finding:
    if configured_setting in (AUTO, setting):
        return Finding("speed", Grade.GOOD, f"The meter is understood at {setting}.")
    return Finding(
        "speed",
        Grade.WRONG,
        f"The meter is understood at {setting}, but {configured_setting} is configured.",
        f'Write serial = "auto" under [meter], or "{setting}".',
    )


def judge_status(status: Status, kind: SourceKind) -> list[Finding]:
    """What a running gateway says about itself. It has the port: nobody else can listen at it."""
    found = [Finding("gateway", Grade.GOOD, "The gateway is running; it was asked.")]
    fault = _fault(status, kind)
    if status.meter != "receiving":
        cause = fault or SILENCE[kind]
        sentence = f" {fault.sentence}" if fault else ""
        found.append(
            Finding(
                "telegrams",
                Grade.WRONG,
                f"The gateway receives nothing from the meter.{sentence}",
                f"{cause.remedy or SILENCE[kind].remedy} {_LISTEN_ALONE}",
            )
        )
    else:
        came = f"Telegrams arrive: {status.telegrams} since it was started."
        found.append(Finding("telegrams", Grade.GOOD, came))
        if fault and fault.subject != "damage":  # how much is damaged is told below
            found.append(
                Finding("fault", Grade.WRONG, f"But something is wrong. {fault.sentence}", fault.remedy)
            )
    return [*found, *_altered(status), *_damage(status, kind)]


def _altered(status: Status) -> Iterator[Finding]:
    for subject, fault in (("consents", status.ledger_fault), ("history", status.history_fault)):
        if fault:
            yield Finding(subject, Grade.WRONG, f"{_capital(fault)}.", _ACCEPT)


def _fault(status: Status, kind: SourceKind) -> Finding | None:
    """The last thing that went wrong, in the words that the doctor has for what it finds itself."""
    if not status.fault:
        return None
    known = _FAULTS.get(status.fault_kind or "")
    # Every other sentence says behind its colon what to do.
    sentence, _, remedy = str(status.fault).partition(": ")
    return (known and finding_of(known, kind)) or Finding(
        "fault", Grade.WRONG, f"{_capital(sentence)}.", remedy and f"{_capital(remedy)}."
    )


def _damage(status: Status, kind: SourceKind) -> Iterator[Finding]:
    damaged = sum(status.faults.get(name_of(fault), 0) for fault in DAMAGE)
    if damaged:
        much = damaged > _MUCH_DAMAGE * (status.telegrams + damaged)
        yield Finding(
            "damage",
            Grade.WRONG if much else Grade.NOTE,
            f"{damaged} telegrams arrived damaged.",
            damage_remedy(Cause.UNKNOWN, kind) if much else "One now and then does no harm.",
        )


# --- saying it -----------------------------------------------------------------------------------


def _wrong(subject: str, error: GatewayError, remedy: str = "") -> Finding:
    return Finding(subject, Grade.WRONG, f"{_capital(error)}.", remedy)


def _capital(sentence: object) -> str:
    text = str(sentence)
    return text[:1].upper() + text[1:]


def _as_json(finding: Finding) -> dict[str, str]:
    return {
        "subject": finding.subject,
        "grade": finding.grade.value,
        "sentence": finding.sentence,
        "remedy": finding.remedy,
    }


def _print(finding: Finding) -> None:
    mark = click.style(f"{finding.grade.value:<6}", fg=_COLOURS[finding.grade])
    lines = _wrapped(finding.sentence) + (_wrapped(finding.remedy) if finding.remedy else [])
    click.echo(mark, nl=False, file=terminal(sys.stdout))
    click.echo(f" {finding.subject:<14} {lines[0]}")
    for line in lines[1:]:
        click.echo(" " * _INDENT + line)


def _wrapped(text: str) -> list[str]:
    """Lines of a readable width. A line to be copied stays whole."""
    return [
        line
        for part in text.splitlines()
        for line in textwrap.wrap(part, _WIDTH - _INDENT, break_long_words=False, break_on_hyphens=False)
    ]


def _progress() -> Callable[[str, int, int], None]:
    """Tell how the listening goes, on a terminal; a script is told nothing."""
    shown = sys.stderr.isatty()

    def told(setting: str, seconds: int, count: int) -> None:
        if shown:
            # Wiped away again: the findings stand in its place.
            click.echo(f"listening at {setting}: {seconds} s, {count} bytes", err=True, nl=False)
            click.echo("\r\033[K", file=terminal(sys.stderr), nl=False)

    return told
