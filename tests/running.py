"""A gateway that really runs: its own process, a real Mosquitto, and a meter that the test feeds."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from gateway.clock import SETTLED_AFTER_S, GatewayClock
from gateway.config import Config, parse
from gateway.control import ask
from gateway.errors import DaemonUnavailable
from gateway.folder.data_folder import control_socket, open_folder
from gateway.history import OpenHistory, SealedHistory
from gateway.history.keys.keyring import COST_IN_TESTS
from gateway.operations import Gateway, to_json
from gateway.sharing.transports.mqtt import BrokerSecrets, Mosquitto, provision
from tests.ports import free_port

PASSWORD = "correct horse battery"
COMMAND = [sys.executable, "-m", "gateway"]


def until(true: Callable[[], Any], seconds: float = 20) -> Any:
    """Wait for something to become true; return it."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        if time.monotonic() > deadline:
            raise TimeoutError("it did not happen in time")
        time.sleep(0.02)
    return found


Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Machine:
    """A computer's clock: what it shows, whether a time server set it, and how long the computer is on."""

    def __init__(self, true: datetime) -> None:
        self.true = true
        self.offset = timedelta(0)
        self.synchronised = False
        self._started = true

    def system(self) -> datetime:
        return self.true + self.offset

    def uptime(self) -> float:
        return (self.true - self._started).total_seconds()

    def pass_by(self, time: timedelta) -> None:
        self.true += time

    def restart(self, off: timedelta) -> None:
        """The power is gone for so long."""
        self.true += off
        self._started = self.true

    def clock(self) -> GatewayClock:
        return GatewayClock(self.system, self.uptime, lambda: self.synchronised)

    def settled_clock(self) -> GatewayClock:
        """One that is believed since the machine has been on for a while."""
        found = self.clock()
        self.pass_by(timedelta(seconds=SETTLED_AFTER_S + 1))
        return found


class FedMeter:
    """A P1 reader on TCP whose telegrams the test sends; it waits for whoever connects."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._line: socket.socket | None = None

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self._listening.getsockname()[1]}"

    def accept(self) -> None:
        """Take the gateway's next connection in the place of the last."""
        self.hang_up()
        self._listening.settimeout(20)
        self._line, _ = self._listening.accept()

    def send(self, sent: bytes) -> None:
        """Send; bytes for a gateway that is gone are lost, as on a wire."""
        if self._line is None:
            self.accept()
        assert self._line is not None
        with contextlib.suppress(OSError):
            self._line.sendall(sent)

    def hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def close(self) -> None:
        self.hang_up()
        self._listening.close()


class RunningGateway:
    """`p1-gateway run` in a folder, started and killed at will. `source` is the meter's address."""

    def __init__(self, folder: Path, source: str, *, broker: bool = True) -> None:
        self.broker_port = free_port()
        self.page_port = free_port()
        self.config_path = folder / "gateway.toml"
        self.config_path.write_text(
            f'[meter]\nsource = "{source}"\n'
            f'[history]\ndata_dir = "{folder / "data"}"\ndevice_key = "{folder / "device.key"}"\n'
            f"[broker]\nport = {self.broker_port}\n[page]\nport = {self.page_port}\n"
            "[panel]\nenabled = false\n"
        )
        self.config: Config = parse(self.config_path.read_text())
        self.log_path = folder / "log"
        self._control = control_socket(self.config.history.data_dir)
        self._process: subprocess.Popen[bytes] | None = None
        paths = open_folder(self.config)
        self.history = SealedHistory(
            paths.history_path,
            paths.keys,
            self.config.history.zone,
            COST_IN_TESTS,
        )
        self._mosquitto: Mosquitto | None = None
        if broker:
            own = BrokerSecrets.load_or_create(paths.hidden("broker"))
            files = provision(paths.broker, own, self.broker_port)
            self._broker_files = files
            self._mosquitto = Mosquitto(files, self.broker_port)

    def start(self) -> int:
        """Start it and wait until it answers; returns its process id."""
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*COMMAND, "run", "--config", str(self.config_path)], stdin=subprocess.DEVNULL, stderr=log
            )
        until(self._answers)
        return self._process.pid

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def broker_uid(self) -> int:
        assert self._mosquitto is not None
        return Path(f"/proc/{self._mosquitto.pid}").stat().st_uid

    @contextlib.contextmanager
    def broker_hanging(self) -> Iterator[None]:
        """Its kernel goes on taking connections and bytes; it reads none of them."""
        assert self._mosquitto is not None
        os.kill(self._mosquitto.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._mosquitto.pid, signal.SIGCONT)

    def kill(self) -> None:
        """As a power cut would, but for the page cache."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        """As systemd would; returns the exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(20)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()
        if self._mosquitto is not None:
            self._mosquitto.stop()

    @contextlib.contextmanager
    def broker_stopped(self) -> Iterator[Path]:
        """While its files are changed: gives the one in which it remembers its clients."""
        assert self._mosquitto is not None
        self._mosquitto.stop()
        yield self._broker_files.with_name("dynamic-security.json")
        self._mosquitto = Mosquitto(self._broker_files, self.broker_port)

    def ask(
        self,
        operation: Callable[Concatenate[Any, Parameters], Result],
        *_: Parameters.args,
        **facts: Parameters.kwargs,
    ) -> Result:
        return ask(self._control, operation, *_, **facts)

    def status(self) -> dict[str, Any]:
        """As `p1-gateway status --json` prints it."""
        found: dict[str, Any] = to_json(self.ask(Gateway.status))
        return found

    def command(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Another `p1-gateway` command on the same configuration."""
        return subprocess.run(
            [*COMMAND, *words, "--config", str(self.config_path)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def reopen(self) -> None:
        """Look at the folder anew: another history was put there."""
        paths = open_folder(self.config)
        self.history = SealedHistory(
            paths.history_path,
            paths.keys,
            self.config.history.zone,
            COST_IN_TESTS,
        )

    def unlock(self, number: str, password: str = PASSWORD) -> OpenHistory:
        return self.history.unlock(number, password)

    def log(self) -> str:
        return self.log_path.read_text()

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the gateway did not start: {self.log()}")
        try:
            self.status()
        except DaemonUnavailable:
            return False
        return True


class Visitor:
    """A browser with its cookies, on the running gateway's page."""

    def __init__(self, port: int) -> None:
        self._page = f"http://127.0.0.1:{port}"
        self._browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        self._browser.addheaders = [("Accept-Language", "en")]
        self._token = ""

    def get(self, path: str, **fields: str) -> str:
        posted = urllib.parse.urlencode(fields).encode() if fields else None
        with self._browser.open(self._page + path, posted) as answer:
            text: str = answer.read().decode()
        found = re.search(r'name="csrf_token" value="([^"]+)"', text)
        self._token = found[1] if found else self._token
        return text

    def post(self, path: str, **fields: str) -> str:
        """The page that is shown after it."""
        self.get("/sign-in" if path == "/sign-in" else "/sharing/")
        return self.get(path, csrf_token=self._token, **fields)


class Recipient:
    """mosquitto_sub, as a recipient would run it. `messages`: when each came, its topic, its payload."""

    def __init__(self, port: int, username: str, password: str, topic: str, folder: Path) -> None:
        options = folder / f"sub-{username}" / "mosquitto_sub"
        options.parent.mkdir(exist_ok=True)
        options.write_text(f"-h 127.0.0.1\n-p {port}\n-u {username}\n-P {password}\n-V 5\n-v\n-t {topic}\n")
        self._process = subprocess.Popen(
            ["mosquitto_sub"],
            env={**os.environ, "XDG_CONFIG_HOME": str(options.parent)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.messages: list[tuple[float, str, str]] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def of(self, topic: str) -> list[tuple[float, dict[str, Any]]]:
        """What came on one topic: when, and the message."""
        return [(at, json.loads(payload)) for at, on, payload in list(self.messages) if on == topic]

    def wait_until_gone(self, seconds: float) -> float:
        """Wait until the broker has hung up; returns the moment."""
        self._process.wait(seconds)
        return time.monotonic()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                topic, _, payload = line.rstrip("\n").partition(" ")
                self.messages.append((time.monotonic(), topic, payload))
