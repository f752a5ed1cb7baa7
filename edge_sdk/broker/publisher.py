"""Messages of one program to one broker, each at least once while it is reached."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from edge_sdk.broker.access import Access
from edge_sdk.broker.address import Topic, Will
from edge_sdk.broker.client import ANSWER_S, connect, new_client
from edge_sdk.errors import UnavailableError

if TYPE_CHECKING:
    from paho.mqtt.client import Client

_WINDOW = 20
"""How many messages may wait for the broker's acknowledgement."""


class Publisher:
    """Publishes to a broker, each message at least once; used from one thread."""

    def __init__(self, topic: Topic, *, access: Access | None = None, will: Will | None = None) -> None:
        """Connect.

        Args:
            topic: Where the broker is; what messages call it.
            access: Who we are.
            will: What the broker says for us when we are gone without a word.

        Raises:
            InputError: A certificate cannot be read.
            UnavailableError: The broker is not there, or refuses us.
        """
        self._topic = topic
        self._is_connected, self._refusal, self._unacknowledged = False, "", 0
        self._changed = threading.Condition()
        self._client = new_client(topic, access or Access())
        if will is not None:
            self._client.will_set(will.name, will.payload, qos=1, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        connect(self._client, topic)
        with self._changed:
            self._changed.wait_for(lambda: self._is_connected or self._refusal, ANSWER_S)
        if not self._is_connected:
            self._leave()
            raise UnavailableError(f"{topic}: expected a broker that lets us in, got {self._refusal or 'no answer'}")

    def publish(self, name: str, payload: bytes, *, retain: bool = False, timeout_s: float) -> None:
        """Publish a message; wait until it may be sent.

        Args:
            name: The topic.
            payload: Its bytes.
            retain: Whether the broker keeps it for those who come later.
            timeout_s: How long to wait for a connection, and for others to be acknowledged.

        Raises:
            UnavailableError: It could not be sent in time; it never will be.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_connected and self._unacknowledged < _WINDOW, timeout_s):
                got = "no acknowledgement of others" if self._is_connected else "no connection"
                raise UnavailableError(f"{self._topic}: expected to publish within {timeout_s:g} s, got {got}")
            self._unacknowledged += 1
        self._client.publish(name, payload, qos=1, retain=retain)

    def close(self) -> None:
        """Wait until all is acknowledged, and disconnect; closing twice is harmless.

        Raises:
            UnavailableError: Something was not acknowledged in time.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._unacknowledged, ANSWER_S)
            left, self._unacknowledged = self._unacknowledged, 0
        self._leave()
        if left:
            raise UnavailableError(f"{self._topic}: expected all messages to be acknowledged, got {left} that are not")

    def _leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        with self._changed:
            self._is_connected = not reason.is_failure
            self._refusal = str(reason) if reason.is_failure else ""
            self._changed.notify_all()

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, _reason: Any, _properties: Any) -> None:
        with self._changed:
            self._is_connected = False

    def _on_publish(self, _client: Client, _data: Any, _mid: int, _reason: Any, _properties: Any) -> None:
        with self._changed:
            self._unacknowledged -= 1
            self._changed.notify_all()
