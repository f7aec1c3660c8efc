"""The managed broker: Mosquitto with dynamic security, its files and, in the demo, its process.

The first configuration is written here, not by Mosquitto's own tool: that one lets its
administrator read everything and every client receive. Persistence is off, so that no message
ever reaches the disk.
"""

from __future__ import annotations

import base64
import getpass
import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from gateway.broker.access import (
    ADMINISTRATOR,
    ADMINISTRATOR_RULES,
    PUBLISHER,
    PUBLISHER_RULES,
    Rule,
    acls,
)
from gateway.consent.ledger import Slot
from gateway.errors import BrokerUnavailable

# The gateway's passwords are random: a slow hash would add nothing.
_ITERATIONS = 10_000
_PLUGIN = "mosquitto_dynamic_security.so"
_PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/bin", "/opt/homebrew/sbin")
_START_WITHIN_S = 10.0
_STOP_WITHIN_S = 10.0

_CONFIGURATION = """\
# Made by p1-gateway. Only this machine can connect, and only with a password.
per_listener_settings false
listener {port} 127.0.0.1
allow_anonymous false
plugin {plugin}
plugin_opt_config_file {dynamic_security}
# Nothing that is sent may reach the disk.
persistence false
queue_qos0_messages false
max_queued_messages 1000
log_dest stderr
log_type error
log_type warning
user {user}
"""


@dataclass(frozen=True, slots=True)
class BrokerSecrets:
    """The passwords of the gateway's own two clients."""

    publisher: str
    administrator: str

    @classmethod
    def load_or_create(cls, slot: Slot) -> Self:
        stored = slot.load()
        if stored is not None:
            return cls(**json.loads(stored))
        made = cls(secrets.token_urlsafe(24), secrets.token_urlsafe(24))
        slot.save(json.dumps(asdict(made)).encode())
        return made


def provision(folder: Path, own: BrokerSecrets, port: int) -> Path:
    """Write the broker's files; recipients that it already knows are kept. Returns its configuration.

    Not while the broker runs: the dynamic security file is then its own.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    dynamic_security = folder / "dynamic-security.json"
    kept: dict[str, Any] = {}
    if dynamic_security.exists():
        try:
            kept = json.loads(dynamic_security.read_text())
        except ValueError:
            raise BrokerUnavailable(
                f"{dynamic_security} is damaged: remove it, and give the consents anew"
            ) from None
    ours = (ADMINISTRATOR, PUBLISHER)
    clients = [client for client in kept.get("clients", []) if client["username"] not in ours]
    roles = [role for role in kept.get("roles", []) if role["rolename"] not in ours]
    clients += [_client(ADMINISTRATOR, own.administrator), _client(PUBLISHER, own.publisher)]
    roles += [_role(ADMINISTRATOR, ADMINISTRATOR_RULES), _role(PUBLISHER, PUBLISHER_RULES)]
    access = {"publishClientSend": False, "publishClientReceive": False, "subscribe": False}
    _write(
        dynamic_security,
        json.dumps(
            {
                "clients": clients,
                "groups": [],
                "roles": roles,
                "defaultACLAccess": access | {"unsubscribe": True},
            }
        ),
    )
    configuration = folder / "mosquitto.conf"
    text = _CONFIGURATION.format(
        port=port, plugin=_plugin(), dynamic_security=dynamic_security, user=getpass.getuser()
    )
    _write(configuration, text)
    return configuration


class Mosquitto:
    """A running Mosquitto of our own. What it complains of stands in `mosquitto.log` beside its files."""

    def __init__(self, configuration: Path, port: int) -> None:
        """Start it and wait until it answers. Raises BrokerUnavailable."""
        if _answers(port):
            raise BrokerUnavailable(f"another program already uses port {port}")
        self._log = configuration.with_name("mosquitto.log")
        _write(self._log, "")
        with self._log.open("wb") as complaints:
            # A session of its own: Ctrl+C is for the gateway, which then says goodbye to its broker.
            self._process = subprocess.Popen(
                [_program(), "-c", str(configuration)],
                stdin=subprocess.DEVNULL,
                stderr=complaints,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_WITHIN_S
        while not _answers(port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                said = self._log.read_text(errors="replace").strip().splitlines()
                raise BrokerUnavailable("Mosquitto did not start" + (f": {said[-1]}" if said else ""))
            time.sleep(0.02)

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _client(username: str, password: str) -> dict[str, Any]:
    salt = secrets.token_bytes(12)
    derived = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return {
        "username": username,
        "password": base64.b64encode(derived).decode(),
        "salt": base64.b64encode(salt).decode(),
        "iterations": _ITERATIONS,
        "roles": [{"rolename": username}],
    }


def _role(name: str, rules: tuple[Rule, ...] | Any) -> dict[str, Any]:
    return {"rolename": name, "acls": acls(rules)}


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def _program() -> str:
    found = shutil.which("mosquitto", path=os.pathsep.join([os.environ.get("PATH", ""), *_PLACES]))
    if found is None:
        raise BrokerUnavailable("Mosquitto is not installed: apt install mosquitto")
    return found


def _plugin() -> Path:
    for folder in (Path("/usr/lib"), Path("/usr/local/lib")):
        for found in (*folder.glob(f"*/{_PLUGIN}"), *folder.glob(_PLUGIN)):
            return found
    raise BrokerUnavailable("Mosquitto's dynamic security plugin is not installed: apt install mosquitto")


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
