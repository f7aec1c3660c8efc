"""One MQTT v5 connection, made for one purpose and thrown away when it ends.

A lost connection is never revived: paho would send again what was waiting in it, without asking
whether it may still go. Reconnecting is making a new one.
"""

from __future__ import annotations

import queue
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.errors import BrokerUnavailable

_KEEPALIVE_S = 30
_GOODBYE_WITHIN_S = 5.0
_NO_LINGER = struct.pack("ii", 1, 0)
_NO_TOPIC = "p1/nothing"
LONGEST_EXPIRY_S = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Login:
    """Where the broker is, and as whom to connect."""

    host: str
    port: int
    username: str
    password: str


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker is to say when the connection is lost."""

    topic: str
    payload: bytes


class Connection:
    """A connection that is being made, stands, or has ended.

    paho calls back in its own thread, with its own locks held: nothing of ours is called from
    there but `on_message`. What else happened is asked for.
    """

    def __init__(
        self,
        login: Login,
        *,
        will: Will | None = None,
        on_message: Callable[[str, bytes], None] | None = None,
    ) -> None:
        self._login = login
        self._answered = threading.Event()
        self._connected = False
        self._left = False
        self._pending: set[int] = set()
        self._opening = threading.Thread(target=self._open, name="broker connect")
        self._to_acknowledge: mqtt.MQTTMessageInfo | None = None
        self._acknowledged: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.ended: str | None = None
        """Why it ended; None while it is being made or stands."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5, reconnect_on_failure=False)
        client.username_pw_set(login.username, login.password)
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=True)
        client.on_connect = self._connack
        client.on_disconnect = lambda _c, _u, _f, reason, _p: self._end(f"hung up ({reason})")
        if on_message is not None:
            client.on_message = lambda _c, _u, message: on_message(message.topic, bytes(message.payload))
        client.on_publish = lambda _c, _u, mid, _r, _p: self._acknowledged.put(mid)
        client.on_unsubscribe = lambda _c, _u, mid, _r, _p: self._acknowledged.put(mid)
        self._client = client

    @property
    def connected(self) -> bool:
        return self._connected and self.ended is None

    def acknowledged(self) -> list[int]:
        """The ids of the messages that the broker has taken since this was last asked."""
        taken = [self._acknowledged.get() for _ in range(self._acknowledged.qsize())]
        self._pending.difference_update(taken)
        return taken

    @property
    def settled(self) -> bool:
        """Whether the broker has taken all that was sent with an acknowledgement, as last asked."""
        return not self._pending

    def open(self) -> None:
        """Begin to connect."""
        self._opening.start()

    def _open(self) -> None:
        try:
            self._client.connect(self._login.host, self._login.port, keepalive=_KEEPALIVE_S)
        except OSError as error:
            self._end(f"does not answer ({error.strerror or error})")
        else:
            self._client.loop_start()
            if self._left:  # before there was a socket to say it on
                self.abort()

    def wait(self, timeout_s: float) -> None:
        """Wait until connected. Raises BrokerUnavailable."""
        self._answered.wait(timeout_s)
        if not self.connected:
            raise BrokerUnavailable(self.complaint())

    def complaint(self) -> str:
        """What is wrong with the broker, as a sentence."""
        where = f"{self._login.host}:{self._login.port}"
        return f"the MQTT broker at {where} {self.ended or 'does not answer'}"

    def publish(
        self, topic: str, payload: bytes, *, qos: int, expiry_s: int | None = None, retain: bool = False
    ) -> mqtt.MQTTMessageInfo:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if expiry_s is not None:
            properties.MessageExpiryInterval = max(1, min(expiry_s, LONGEST_EXPIRY_S))
        receipt = self._client.publish(topic, payload, qos=qos, retain=retain, properties=properties)
        if qos:
            self._to_acknowledge = receipt
            self._pending.add(receipt.mid)
        return receipt

    def round_trip(self) -> int:
        """Ask for an answer that can only come once all that was sent before has been taken.

        Returns an id that `acknowledged` will name. A live message goes without an acknowledgement of
        its own, so that the broker queues none for a recipient that is away.
        """
        mid = self._client.unsubscribe(_NO_TOPIC)[1] or 0
        self._pending.add(mid)
        return mid

    def subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, qos=1)

    def abort(self) -> None:
        """End the connection now, without a goodbye: what the broker has not read yet is discarded.

        An orderly end would deliver first what still lies in the buffers of both sides.
        """
        self._left = True
        line = self._client.socket()
        if isinstance(line, socket.socket):
            with suppress(OSError):
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
                line.close()
        self._client.disconnect()  # wakes paho's thread, which finds its socket closed
        self._end("was left")

    def leave(self) -> None:
        """Say goodbye behind what was published so far; the connection then ends by itself."""
        threading.Thread(target=self._leave, name="broker goodbye").start()

    def close(self) -> None:
        """Leave, and wait for the end. Not from within a callback."""
        self._leave()
        if self._opening.ident is not None:
            self._opening.join()
        self._client.loop_stop()

    def _leave(self) -> None:
        # Mosquitto drops what it has not read yet when it cannot acknowledge any more: a retained
        # topic that was to be cleared would stay.
        if not self.connected or not self._all_taken():
            self.abort()
            return
        self._left = True
        self._client.disconnect()

    def _all_taken(self) -> bool:
        """Wait a while until the broker has acknowledged the last message; whether it did."""
        if self._to_acknowledge is None:
            return True
        with suppress(RuntimeError, ValueError):
            self._to_acknowledge.wait_for_publish(_GOODBYE_WITHIN_S)
            return self._to_acknowledge.is_published()
        return False

    def _connack(self, _client: Any, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._end(f"refuses the gateway ({reason})")
        self._connected = not reason.is_failure
        self._answered.set()

    def _end(self, reason: str) -> None:
        self.ended = self.ended or reason
        # Without these, client and connection no longer hold each other: its sockets close now.
        self._client.on_connect = self._client.on_disconnect = None
        self._client.on_message = self._client.on_publish = self._client.on_unsubscribe = None
        self._answered.set()
