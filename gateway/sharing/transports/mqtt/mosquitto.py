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
import pwd
import secrets
import shutil
import socket
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Self

from gateway.errors import BrokerUnavailable
from gateway.files import Slot
from gateway.sharing.transports.mqtt.access import (
    ADMINISTRATOR,
    ADMINISTRATOR_RULES,
    DEFAULT_ACCESS,
    PUBLISHER,
    PUBLISHER_RULES,
    Rule,
    acls,
)

# The gateway's passwords are random: a slow hash would add nothing.
_ITERATIONS = 10_000
_PLUGIN = "mosquitto_dynamic_security.so"
_PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/bin", "/opt/homebrew/sbin")
_START_WITHIN_S = 10.0
_STOP_WITHIN_S = 10.0
_MOST_CONNECTIONS = 200
_ROOT = 0
_BROKERS_USER = "mosquitto"

_CONFIGURATION = """\
# Made by p1-gateway. Only this machine can connect, and only with a password.
per_listener_settings false
listener {port} 127.0.0.1
allow_anonymous false
plugin {plugin}
# Named from the broker's own folder: the folders above it need not be open to the broker's user.
plugin_opt_config_file {dynamic_security}
# Nothing that is sent may reach the disk.
persistence false
queue_qos0_messages false
# A client id is the username: nobody ends another's connection by taking its id, and each recipient has one
# connection and one session.
use_username_as_clientid true
max_connections {most_connections}
persistent_client_expiration 1d
max_inflight_messages 20
max_queued_messages 1000
max_queued_bytes 1000000
max_packet_size 100000
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

    Not while the broker runs: the dynamic security file is then its own. The broker never runs as root:
    what root provides belongs to the user that the broker's package made. Raises BrokerUnavailable.
    """
    owner = _owner()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if owner is not None:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
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
    rules = {"clients": clients, "groups": [], "roles": roles, "defaultACLAccess": dict(DEFAULT_ACCESS)}
    _write(dynamic_security, json.dumps(rules), owner)
    configuration = folder / "mosquitto.conf"
    text = _CONFIGURATION.format(
        port=port,
        plugin=_plugin(),
        dynamic_security=dynamic_security.name,
        most_connections=_MOST_CONNECTIONS,
        user=getpass.getuser() if owner is None else owner.pw_name,
    )
    _write(configuration, text, owner)
    return configuration


class Mosquitto:
    """A running Mosquitto of our own. What it complains of stands in `mosquitto.log` beside its files."""

    def __init__(self, configuration: Path, port: int) -> None:
        """Start it and wait until it answers. Raises BrokerUnavailable."""
        if _answers(port):
            raise BrokerUnavailable(f"another program already uses port {port}")
        owner = _owner()
        self._log = configuration.with_name("mosquitto.log")
        # A session of its own: Ctrl+C is for the gateway, which then says goodbye to its broker.
        with _opened(self._log, owner) as complaints:
            self._process = subprocess.Popen(
                [_program(), "-c", configuration.name],
                cwd=configuration.parent,
                stdin=subprocess.DEVNULL,
                stderr=complaints,
                start_new_session=True,
                **({} if owner is None else _as_user(owner)),
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


def _owner() -> pwd.struct_passwd | None:
    """Whose the broker's files and process are, where they are not to be of who runs this.

    Raises BrokerUnavailable for root on a machine without a user for the broker.
    """
    if os.geteuid() != _ROOT:
        return None
    try:
        return pwd.getpwnam(_BROKERS_USER)
    except KeyError:
        raise BrokerUnavailable(
            f"Mosquitto never runs as root, and there is no user {_BROKERS_USER}: apt install mosquitto, or"
            " start the gateway as another user"
        ) from None


def _as_user(owner: pwd.struct_passwd) -> dict[str, Any]:
    return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}


def _opened(path: Path, owner: pwd.struct_passwd | None) -> IO[str]:
    """A file of the broker's, empty, for its user only."""
    # No link is followed: the folder is the broker's, and who writes here may be root.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        raise BrokerUnavailable(f"{path} cannot be written: {error.strerror}") from None
    if owner is not None:
        os.fchown(descriptor, owner.pw_uid, owner.pw_gid)
    return os.fdopen(descriptor, "w")


def _write(path: Path, text: str, owner: pwd.struct_passwd | None) -> None:
    with _opened(path, owner) as file:
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
