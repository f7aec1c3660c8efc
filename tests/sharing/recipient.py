"""A recipient: a real MQTT v5 client that remembers what it was told, and when it was cut off."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

WITHIN_S = 10.0


def until(true: Callable[[], Any], seconds: float = WITHIN_S) -> Any:
    """Wait for something to become true; return it."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
    return found


@dataclass(frozen=True)
class Message:
    topic: str
    payload: bytes
    qos: int
    retained: bool
    expiry_s: int | None

    @property
    def fields(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.payload)
        return found


class Recipient:
    """Connects at once; `refusal` says why it could not."""

    def __init__(self, port: int, username: str | None, password: str | None) -> None:
        self.messages: list[Message] = []
        self.refusal: str | None = None
        self.cut_off_at: float | None = None
        self._answered = threading.Event()
        self._granted: dict[int, int] = {}
        self._published: dict[int, int] = {}
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5, reconnect_on_failure=False)
        if username is not None:
            client.username_pw_set(username, password)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = self._arrived
        client.on_subscribe = lambda _c, _u, mid, codes, _p: self._granted.update({mid: codes[0].value})
        client.on_publish = lambda _c, _u, mid, code, _p: self._published.update({mid: code.value})
        self._client = client
        client.connect("127.0.0.1", port)
        client.loop_start()
        assert self._answered.wait(WITHIN_S)

    def subscribe(self, topic: str) -> bool:
        """Whether the broker allows it."""
        mid = self._client.subscribe(topic, qos=1)[1]
        assert mid is not None
        until(lambda: mid in self._granted)
        return self._granted[mid] < 0x80

    def publish(self, topic: str, payload: bytes) -> bool:
        """Whether the broker takes it."""
        mid = self._client.publish(topic, payload, qos=1).mid
        until(lambda: mid in self._published)
        return self._published[mid] < 0x80

    def on(self, ending: str) -> list[Message]:
        """The messages so far on topics with this ending."""
        return [message for message in self.messages if message.topic.endswith(ending)]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, _client: Any, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.refusal = str(reason) if reason.is_failure else None
        self._answered.set()

    def _disconnected(
        self, _client: Any, _userdata: Any, _flags: Any, _reason: Any, _properties: Any
    ) -> None:
        self.cut_off_at = time.monotonic()
        self._answered.set()

    def _arrived(self, _client: Any, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        expiry = getattr(message.properties, "MessageExpiryInterval", None)
        self.messages.append(
            Message(message.topic, bytes(message.payload), message.qos, bool(message.retain), expiry)
        )
