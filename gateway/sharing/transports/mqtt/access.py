"""Access: who may enter the managed broker, through Mosquitto's dynamic security.

Every recipient gets its own username, password and topics; what is not allowed is denied. The
administrator connects only for an act of the owner and goes away again.
"""

from __future__ import annotations

import json
import logging
import queue
import secrets
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from gateway.errors import BrokerUnavailable
from gateway.sharing.formats import Message
from gateway.sharing.transports.mqtt.connection import Connection, Login
from gateway.sharing.transports.transport import Credentials, Example, Served

log = logging.getLogger(__name__)

STATUS_TOPIC = "p1/status"
CONTROL_TOPIC = "$CONTROL/dynamic-security/v1"
ADMINISTRATOR = "p1-administrator"
PUBLISHER = "p1-publisher"
NOTE_ROLE = "p1-checkpoint"
_ANSWER_WITHIN_S = 5.0
_PASSWORD_BYTES = 18
_ALREADY_SO = ("Client not found", "Role not found", "Group not found", "ACL with this topic already exists")
_OWN = "p1-"
"""How the names of the gateway's own clients and roles begin; a recipient's never do."""

_OWN_TOPICS = "p1/"

Rule = tuple[str, str]
"""What is allowed, and on which topics."""

ADMINISTRATOR_RULES: Sequence[Rule] = (
    ("publishClientSend", CONTROL_TOPIC),
    ("subscribeLiteral", f"{CONTROL_TOPIC}/response"),
    ("publishClientReceive", f"{CONTROL_TOPIC}/response"),
    # To clear what is retained for a recipient that goes. It may change every rule: less would bind nobody.
    ("publishClientSend", "#"),
)
PUBLISHER_RULES: Sequence[Rule] = (("publishClientSend", f"{_OWN_TOPICS}#"),)
DEFAULT_ACCESS: Mapping[str, bool] = {
    "publishClientSend": False,
    "publishClientReceive": False,
    "subscribe": False,
    "unsubscribe": True,
}
"""What is allowed to who has no rule for it."""


def acls(rules: Sequence[Rule]) -> list[dict[str, Any]]:
    """Rules as dynamic security writes them."""
    return [{"acltype": kind, "topic": topic, "priority": 0, "allow": True} for kind, topic in rules]


def recipient_role(consent_id: str) -> str:
    return f"recipient-{consent_id}"


def recipient_rules(served: Served) -> Sequence[Rule]:
    """A recipient sees the topics of its format, and whether the gateway is there; it may say its birth."""
    rules: list[Rule] = []
    for topic in served.format.topics(served.consent):
        rules += [("subscribePattern", topic), ("publishClientReceive", topic)]
    rules += [("subscribeLiteral", STATUS_TOPIC), ("publishClientReceive", STATUS_TOPIC)]
    return rules + [("publishClientSend", birth.topic) for birth in served.format.births]


def publisher_rules(lasting: Iterable[Served]) -> Sequence[Rule]:
    """The gateway publishes below its own topics, and where these formats have a place of their own."""
    rules = [*PUBLISHER_RULES]
    for served in lasting:
        topics = served.format.topics(served.consent)
        rules += [("publishClientSend", topic) for topic in topics if not topic.startswith(_OWN_TOPICS)]
        for birth in served.format.births:
            rules += [("subscribeLiteral", birth.topic), ("publishClientReceive", birth.topic)]
    return list(dict.fromkeys(rules))


def credentials_of(host: str, port: int, served: Served, password: str) -> Credentials:
    """What the recipient of a consent needs, and how to try it."""
    username, topics = served.consent.id, served.format.topics(served.consent)
    lines = [f"-h {host}", f"-p {port}", "-V mqttv5", f"-u {username}", f"-P {password}"]
    lines += [*(f"-t {topic}" for topic in topics), "-v"]
    return Credentials(
        {"host": host, "port": port, "username": username, "password": password, "topic": " ".join(topics)},
        frozenset({"password"}),
        Example("mosquitto_sub", "~/.config/mosquitto_sub", "\n".join(lines)),
    )


class ManagedAccess:
    """The doors of the gateway's own Mosquitto."""

    def __init__(self, host: str, port: int, administrator_password: str) -> None:
        self._login = Login(host, port, ADMINISTRATOR, administrator_password)
        # A second connection of the administrator would end the first: client ids are the usernames.
        self._one_at_a_time = threading.Lock()

    def admit(self, served: Served) -> Credentials:
        """Make a client that sees its own topics and nothing else. Raises BrokerUnavailable."""
        consent, role = served.consent, recipient_role(served.consent.id)
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
        with self._administrator() as command:
            for rule in acls([rule for rule in publisher_rules([served]) if rule not in PUBLISHER_RULES]):
                command({"command": "addRoleACL", "rolename": PUBLISHER, **rule})  # it has to connect anew
            command({"command": "createRole", "rolename": role, "acls": acls(recipient_rules(served))})
            command(
                {
                    "command": "createClient",
                    "username": consent.id,
                    "password": password,
                    "roles": [{"rolename": role, "priority": 0}],
                }
            )
        return credentials_of(self._login.host, self._login.port, served, password)

    def suspend(self, served: Served) -> None:
        """Clear the recipient's topics and shut it out; it is disconnected. Raises BrokerUnavailable."""
        with self._administrator(clear=_cleared(served)) as command:
            command({"command": "disableClient", "username": served.consent.id})

    def resume(self, served: Served) -> None:
        """Let it in again. Raises BrokerUnavailable."""
        with self._administrator() as command:
            command({"command": "enableClient", "username": served.consent.id})

    def cut_off(self, served: Served) -> None:
        """Clear the recipient's topics, empty its session, then delete it. Raises BrokerUnavailable."""
        consent = served.consent
        # In this order: a client that is gone could not be told that its topics are empty.
        with self._administrator(clear=_cleared(served)) as command:
            self._empty_session(command, consent.id)
            command({"command": "deleteClient", "username": consent.id})
            command({"command": "deleteRole", "rolename": recipient_role(consent.id)})

    def _empty_session(self, command: _Command, username: str) -> None:
        """Drop what the broker queued for a recipient that is away, and end its connection if it is not.

        Deleting a client leaves its session where it is. A session is replaced by a new, clean one of the
        same client id, which is the username: so the gateway connects in the recipient's place once.
        """
        password = secrets.token_urlsafe(24)
        known = command({"command": "setClientPassword", "username": username, "password": password})
        if known is None:
            return
        login = Login(self._login.host, self._login.port, username, password)
        successor = Connection(login)
        successor.open()
        try:
            successor.wait(_ANSWER_WITHIN_S)
        finally:
            successor.close()

    def compare(self, lasting: Sequence[Served], paused: Collection[str] = ()) -> list[str]:
        """Make the broker's clients and roles exactly those of these consents.

        Whoever else could enter is removed, and a recipient's rules are made what its consent allows. Returns
        the ids of the consents that the broker does not know: only their recipients had the passwords, so
        they cannot be made anew. Raises BrokerUnavailable.
        """
        rules = {recipient_role(served.consent.id): recipient_rules(served) for served in lasting}
        rules |= {ADMINISTRATOR: ADMINISTRATOR_RULES, PUBLISHER: publisher_rules(lasting)}
        roles = {served.consent.id: recipient_role(served.consent.id) for served in lasting}
        roles |= {ADMINISTRATOR: ADMINISTRATOR, PUBLISHER: PUBLISHER}
        with self._administrator() as command:
            clients = {found["username"]: found for found in command.all("Clients")}
            # Mosquitto 2.0.11 ends when a client's password is set whose role was deleted: clients first.
            for username, found in clients.items():
                if username not in roles:
                    self._empty_session(command, username)
                    _correct(command, {"command": "deleteClient", "username": username})
                    continue
                if [given["rolename"] for given in found.get("roles", ())] != [roles[username]]:
                    given = [{"rolename": roles[username], "priority": 0}]
                    _correct(command, {"command": "modifyClient", "username": username, "roles": given})
                if bool(found.get("disabled")) != (username in paused):
                    change = "disableClient" if username in paused else "enableClient"
                    _correct(command, {"command": change, "username": username})
            for group in command.all("Groups"):
                _correct(command, {"command": "deleteGroup", "groupname": group["groupname"]})
            for role in command.all("Roles"):
                _compare_role(command, role, rules)
            _compare_default(command)
        return [served.consent.id for served in lasting if served.consent.id not in clients]

    def note(self) -> str | None:
        """The words that `put_note` left, None when there are none. Raises BrokerUnavailable."""
        with self._administrator() as command:
            return _described(command({"command": "getRole", "rolename": NOTE_ROLE}))

    def put_note(self, text: str) -> None:
        """Leave a few words with the broker, in a role that nobody has. Raises BrokerUnavailable."""
        with self._administrator() as command:
            known = command({"command": "getRole", "rolename": NOTE_ROLE})
            change = "modifyRole" if known else "createRole"
            command({"command": change, "rolename": NOTE_ROLE, "textdescription": text})

    @contextmanager
    def _administrator(self, clear: Sequence[Message] = ()) -> Iterator[_Command]:
        answers: queue.Queue[bytes] = queue.Queue()
        with self._one_at_a_time:
            connection = Connection(self._login, on_message=lambda _topic, payload: answers.put(payload))
            connection.open()
            try:
                connection.wait(_ANSWER_WITHIN_S)
                connection.subscribe(f"{CONTROL_TOPIC}/response")
                for message in clear:
                    _sent(connection, message.topic, message.payload, retain=message.retained)
                yield _Command(connection, answers)
            finally:
                connection.close()


class _Command:
    """Sends one command and waits for its answer."""

    def __init__(self, connection: Connection, answers: queue.Queue[bytes]) -> None:
        self._connection = connection
        self._answers = answers

    def __call__(self, command: dict[str, Any]) -> dict[str, Any] | None:
        """What the broker answers; None when what should go, or change, is not there."""
        _sent(self._connection, CONTROL_TOPIC, json.dumps({"commands": [command]}).encode())
        try:
            answer: dict[str, Any] = json.loads(self._answers.get(timeout=_ANSWER_WITHIN_S))["responses"][0]
        except (queue.Empty, ValueError, KeyError, IndexError):
            raise BrokerUnavailable("the MQTT broker does not answer its administrator") from None
        error = answer.get("error")
        if error and error not in _ALREADY_SO:
            raise BrokerUnavailable(f"the MQTT broker refuses {command['command']}: {error}")
        return None if error else answer.get("data", {})

    def all(self, kind: str) -> list[dict[str, Any]]:
        """All the broker's clients, roles or groups."""
        listed = self({"command": f"list{kind}", "verbose": True}) or {}
        found: list[dict[str, Any]] = listed.get(kind.lower(), [])
        return found


def _cleared(served: Served) -> Sequence[Message]:
    return served.format.farewell(served.consent)


def _compare_role(command: _Command, found: dict[str, Any], rules: Mapping[str, Sequence[Rule]]) -> None:
    name = found["rolename"]
    if name not in rules:
        if not name.startswith(_OWN):  # one of the gateway's own gives nobody anything: no client has it
            _correct(command, {"command": "deleteRole", "rolename": name})
    elif _allowed(found.get("acls", ())) != _allowed(acls(rules[name])):
        _correct(command, {"command": "modifyRole", "rolename": name, "acls": acls(rules[name])})


def _compare_default(command: _Command) -> None:
    stated = (command({"command": "getDefaultACLAccess"}) or {}).get("acls", ())
    if {rule["acltype"]: rule["allow"] for rule in stated} != DEFAULT_ACCESS:
        default = [{"acltype": kind, "allow": allow} for kind, allow in DEFAULT_ACCESS.items()]
        _correct(command, {"command": "setDefaultACLAccess", "acls": default})


def _allowed(rules: Sequence[dict[str, Any]]) -> list[tuple[str, str, bool]]:
    return sorted((rule["acltype"], rule["topic"], rule["allow"]) for rule in rules)


def _correct(command: _Command, correction: dict[str, Any]) -> None:
    log.warning("the MQTT broker did not stand as the register of consents: %s", correction["command"])
    command(correction)


def _described(answer: dict[str, Any] | None) -> str | None:
    text = (answer or {}).get("role", {}).get("textdescription")
    return str(text) if text else None


def _sent(connection: Connection, topic: str, payload: bytes, *, retain: bool = False) -> None:
    receipt = connection.publish(topic, payload, qos=1, retain=retain)
    with suppress(RuntimeError, ValueError):
        receipt.wait_for_publish(_ANSWER_WITHIN_S)
    if not receipt.is_published():
        raise BrokerUnavailable("the MQTT broker does not take the gateway's messages")
