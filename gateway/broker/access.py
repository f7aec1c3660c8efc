"""Access: who may enter the managed broker, through Mosquitto's dynamic security.

Every recipient gets its own username, password and topics; what is not allowed is denied. The
administrator connects only for an act of the owner and goes away again.
"""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from gateway.broker.connection import Connection, Login
from gateway.consent import Consent, Credentials
from gateway.errors import BrokerUnavailable

STATUS_TOPIC = "p1/status"
CONTROL_TOPIC = "$CONTROL/dynamic-security/v1"
ADMINISTRATOR = "p1-administrator"
PUBLISHER = "p1-publisher"
NOTE_ROLE = "p1-checkpoint"
_ANSWER_WITHIN_S = 5.0
_ALREADY_GONE = ("Client not found", "Role not found")

Rule = tuple[str, str]
"""What is allowed, and on which topics."""

ADMINISTRATOR_RULES: Sequence[Rule] = (
    ("publishClientSend", CONTROL_TOPIC),
    ("subscribeLiteral", f"{CONTROL_TOPIC}/response"),
    ("publishClientReceive", f"{CONTROL_TOPIC}/response"),
    ("publishClientSend", "p1/#"),  # to clear what is retained for a recipient that goes
)
PUBLISHER_RULES: Sequence[Rule] = (("publishClientSend", "p1/#"),)


def consent_topic(consent: Consent) -> str:
    """The one retained topic of a recipient: what it may have, and until when."""
    return f"{consent.topic_prefix}/consent"


def acls(rules: Sequence[Rule]) -> list[dict[str, Any]]:
    """Rules as dynamic security writes them."""
    return [{"acltype": kind, "topic": topic, "priority": 0, "allow": True} for kind, topic in rules]


class ManagedAccess:
    """The doors of the gateway's own Mosquitto."""

    def __init__(self, host: str, port: int, administrator_password: str) -> None:
        self._login = Login(host, port, ADMINISTRATOR, administrator_password)

    def admit(self, consent: Consent, password: str) -> Credentials:
        """Make a client that sees its own topics and nothing else. Raises BrokerUnavailable."""
        topics = f"{consent.topic_prefix}/#"
        rules = (
            ("subscribePattern", topics),
            ("publishClientReceive", topics),
            ("subscribeLiteral", STATUS_TOPIC),
            ("publishClientReceive", STATUS_TOPIC),
        )
        role = f"recipient-{consent.id}"
        with self._administrator() as command:
            command({"command": "createRole", "rolename": role, "acls": acls(rules)})
            command(
                {
                    "command": "createClient",
                    "username": consent.id,
                    "password": password,
                    "roles": [{"rolename": role, "priority": 0}],
                }
            )
        return Credentials(self._login.host, self._login.port, consent.id, password, topics)

    def cut_off(self, consent: Consent) -> None:
        """Clear the recipient's topics, then delete it, which disconnects it. Raises BrokerUnavailable."""
        # In this order: a client that is gone could not be told that its topics are empty.
        with self._administrator(clear=consent_topic(consent)) as command:
            command({"command": "deleteClient", "username": consent.id})
            command({"command": "deleteRole", "rolename": f"recipient-{consent.id}"})

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
    def _administrator(self, clear: str | None = None) -> Iterator[_Command]:
        answers: queue.Queue[bytes] = queue.Queue()
        connection = Connection(self._login, on_message=answers.put)
        connection.open()
        try:
            connection.wait(_ANSWER_WITHIN_S)
            connection.subscribe(f"{CONTROL_TOPIC}/response")
            if clear is not None:
                _sent(connection, clear, b"", retain=True)
            yield _Command(connection, answers)
        finally:
            connection.close()


class _Command:
    """Sends one command and waits for its answer."""

    def __init__(self, connection: Connection, answers: queue.Queue[bytes]) -> None:
        self._connection = connection
        self._answers = answers

    def __call__(self, command: dict[str, Any]) -> dict[str, Any]:
        """What the broker answers with; nothing where there is no such client or role."""
        _sent(self._connection, CONTROL_TOPIC, json.dumps({"commands": [command]}).encode())
        try:
            answer = json.loads(self._answers.get(timeout=_ANSWER_WITHIN_S))["responses"][0]
        except (queue.Empty, ValueError, KeyError, IndexError):
            raise BrokerUnavailable("the MQTT broker does not answer its administrator") from None
        error = answer.get("error")
        if error and error not in _ALREADY_GONE:
            raise BrokerUnavailable(f"the MQTT broker refuses {command['command']}: {error}")
        return dict(answer.get("data", {}))


def _described(answer: dict[str, Any]) -> str | None:
    text = answer.get("role", {}).get("textdescription")
    return str(text) if text else None


def _sent(connection: Connection, topic: str, payload: bytes, *, retain: bool = False) -> None:
    receipt = connection.publish(topic, payload, qos=1, retain=retain)
    with suppress(RuntimeError, ValueError):
        receipt.wait_for_publish(_ANSWER_WITHIN_S)
    if not receipt.is_published():
        raise BrokerUnavailable("the MQTT broker does not take the gateway's messages")
