"""The demo: a simulated meter, Mosquitto and the gateway on this machine, with a history to look at.

Everything is real but the meter. What the demo must find again (its passwords!) lies in a file of
its own beside the gateway's data folder: a real gateway keeps no such file.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from gateway.clock import GatewayClock, utc_now
from gateway.config import (
    BrokerConfig,
    Config,
    HistoryConfig,
    MeterConfig,
    PageConfig,
    PanelConfig,
)
from gateway.consent import (
    Category,
    Granularity,
    Notice,
    Terms,
    notice_text,
)
from gateway.daemon import Daemon
from gateway.errors import GatewayError
from gateway.folder import open_folder
from gateway.history import Batch, SealedHistory
from gateway.sharing import USUAL_FORMAT, USUAL_TRANSPORT, Credentials
from gateway.sharing.transports.mqtt import Mosquitto, own_secrets, provision
from gateway.simulator import Household, SimulatedMeter

DAYS = 731  # 24 months
TRACE_DAYS = timedelta(days=40)
USUAL_PAGE_PORT = 8080
_QUARTER = timedelta(minutes=15)
_TRACE_STEP = timedelta(minutes=1)
_LINE_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class DemoFacts:
    """What a second start must know of the first."""

    seed: int
    installed: str
    password: str
    recovery_code: str
    filled: bool = False
    broker_port: int = 0
    consent_id: str = ""

    @classmethod
    def load(cls, path: Path) -> Self | None:
        try:
            return cls(**json.loads(path.read_text()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError):
            raise GatewayError(f"{path} cannot be read: remove {path.parent} to begin anew") from None

    def save(self, path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(self), file)


class Demo:
    """The demo in its folder."""

    def __init__(self, folder: Path, page_port: int, days: int = DAYS) -> None:
        """`days` of history are made at the first start. Raises GatewayError when the port is taken."""
        self._folder = folder
        if not _is_free(page_port):
            raise GatewayError(f"port {page_port} is in use: choose another one with --port")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._facts_path = folder / "demo.json"
        self.config_path = folder / "gateway.toml"
        self._line = folder / "meter"
        found = DemoFacts.load(self._facts_path)
        if found is None or not found.filled:
            found = self._begin(timedelta(days=days))
        # The same port again, if it can be had: a recipient may have noted it.
        port = found.broker_port if found.broker_port and _is_free(found.broker_port) else _free_port()
        self.facts = replace(found, broker_port=port)
        self.config = Config(
            meter=MeterConfig(source=str(self._line)),
            history=HistoryConfig(data_dir=folder / "gateway", device_key=folder / "device.key"),
            broker=BrokerConfig(port=port),
            page=PageConfig(port=page_port),
            panel=PanelConfig(enabled=False),
        )
        self._write_config()

    @property
    def first_start(self) -> bool:
        return not self.facts.filled

    @property
    def recipient_folder(self) -> Path:
        """Holds mosquitto_sub's options, so that the password is no argument."""
        return self._folder / "recipient"

    def fill(self, progress: Callable[[float], None]) -> None:
        """Claim the gateway and make 24 months of history. `progress` hears the part done, 0 to 1."""
        history = open_folder(self.config).history
        code = history.claim(self.facts.password)
        fill_history(
            history, self._meter(), datetime.fromisoformat(self.facts.installed), utc_now(), progress
        )
        self._note(recovery_code=code, filled=True)

    def run(self, on_ready: Callable[[bool], None]) -> bool:
        """Run until stopped. False when a part of it failed.

        `on_ready` hears whether the demo's consent is valid.
        """
        paths = open_folder(self.config)
        own = own_secrets(paths.hidden)
        port = self.config.broker.port
        broker = Mosquitto(provision(paths.broker, own, port), port)
        try:
            meter = self._start_meter()
            try:
                # Its meter goes by this machine's clock: there is no other to compare it with.
                daemon = Daemon(self.config, GatewayClock(synchronised=lambda: True))
                daemon.stop_on_signals()
                return daemon.run(lambda: self._ready(daemon, on_ready))
            finally:
                meter.terminate()
                meter.wait()
        finally:
            broker.stop()

    def _begin(self, history: timedelta) -> DemoFacts:
        """A first start, or another one after a first that was interrupted."""
        shutil.rmtree(self._folder / "gateway", ignore_errors=True)
        (self._folder / "device.key").unlink(missing_ok=True)
        facts = DemoFacts(
            seed=secrets.randbelow(10_000),
            installed=(utc_now() - history).isoformat(),
            password="-".join(secrets.token_hex(2) for _ in range(4)),
            recovery_code="",
        )
        facts.save(self._facts_path)
        return facts

    def _note(self, **changed: object) -> None:
        self.facts = replace(self.facts, **changed)  # type: ignore[arg-type]
        self.facts.save(self._facts_path)

    def _meter(self) -> SimulatedMeter:
        return SimulatedMeter(Household(self.facts.seed), datetime.fromisoformat(self.facts.installed))

    def _start_meter(self) -> subprocess.Popen[bytes]:
        """The simulated meter, in a process of its own as a real one would be."""
        self._line.unlink(missing_ok=True)
        options = ["--quiet", "--seed", str(self.facts.seed), "--installed", self.facts.installed]
        command = [sys.executable, "-m", "gateway", "simulate", *options, "--pty", str(self._line)]
        meter = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + _LINE_WITHIN_S
        while not self._line.exists():
            if meter.poll() is not None or time.monotonic() > deadline:
                meter.kill()
                meter.wait()
                raise GatewayError("the simulated meter did not start")
            time.sleep(0.05)
        return meter

    def _ready(self, daemon: Daemon, on_ready: Callable[[bool], None]) -> None:
        """Grant the demo's consent at the first start; one that was withdrawn stays withdrawn."""
        if not self.facts.consent_id:
            granted = daemon.sharing.grant(demo_terms(utc_now()), "demo")
            self._write_recipient(granted.credentials)
            self._note(consent_id=granted.consent.id)
        else:
            self._write_port()
        self.facts.save(self._facts_path)
        on_ready(any(consent.id == self.facts.consent_id for consent in daemon.ledger.valid(utc_now())))

    def _write_recipient(self, credentials: Credentials) -> None:
        self.recipient_folder.mkdir(exist_ok=True, mode=0o700)
        if credentials.example is not None:
            _write(self.recipient_folder / credentials.example.program, credentials.example.text + "\n")

    def _write_port(self) -> None:
        path = self.recipient_folder / "mosquitto_sub"
        lines = path.read_text().splitlines()
        kept = [f"-p {self.facts.broker_port}" if line.startswith("-p ") else line for line in lines]
        _write(path, "\n".join(kept) + "\n")

    def _write_config(self) -> None:
        config = self.config
        _write(
            self.config_path,
            "# The demo's configuration, made anew at each start.\n"
            f"[meter]\nsource = {json.dumps(config.meter.source)}\n"
            f"[history]\ndata_dir = {json.dumps(str(config.history.data_dir))}\n"
            f"device_key = {json.dumps(str(config.history.device_key))}\n"
            f"[broker]\nport = {config.broker.port}\n"
            f"[page]\nport = {config.page.port}\n"
            "[panel]\nenabled = false\n",
        )


def demo_terms(now: datetime) -> Terms:
    """The one consent of the demo: power every five seconds, registers each quarter hour."""
    terms = Terms(
        recipient="Demo energy app",
        purpose="show how sharing works",
        grants={
            Category.POWER: Granularity.LIVE,
            Category.ELECTRICITY: Granularity.QUARTER,
            Category.GAS: Granularity.HOUR,
        },
        valid_from=now,
        valid_until=now + timedelta(days=365),
        notice=Notice("", "en"),
        format=USUAL_FORMAT,
        transport=USUAL_TRANSPORT,
        live_interval_s=5,
    )
    return replace(terms, notice=Notice(notice_text(terms), "en"))


def fill_history(
    history: SealedHistory,
    meter: SimulatedMeter,
    first: datetime,
    last: datetime,
    progress: Callable[[float], None],
) -> None:
    """Record what the meter would have said from `first` to `last`; a commit for each day.

    Profile rows for all of it; a trace, with a reading each minute, for the last 40 days.
    """
    writer = history.open_writer()
    batches: list[Batch] = []
    trace_from = last - TRACE_DAYS
    at = datetime.fromtimestamp(first.timestamp() // 900 * 900, UTC)

    def keep(batch: Batch) -> None:
        batches.append(batch if at >= trace_from else replace(batch, trace=()))

    recorder = history.recorder(keep, timedelta(days=1))
    committed = at
    try:
        while at < last:
            recorder.record(meter.reading_at(at))
            if at - committed >= timedelta(days=1) and batches:
                writer.write(*batches)
                batches.clear()
                committed = at
                progress((at - first) / (last - first))
            at += _QUARTER if at < trace_from else _TRACE_STEP
        recorder.flush(at)
        writer.write(*batches)
    finally:
        writer.close()
    progress(1.0)


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
