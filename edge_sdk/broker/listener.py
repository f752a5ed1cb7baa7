"""A subscription of one program to one topic.

- paho's thread puts messages into a queue with a bound and returns; what finds no room is counted.
- A connection that breaks is made again by paho, after 1 to 30 s; the topic is subscribed to each time.
- What a broker had kept from before (retained messages) is passed over: it is not new.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_sdk.broker.access import Access
from edge_sdk.broker.address import Topic
from edge_sdk.broker.client import ANSWER_S, connect, new_client
from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import UnavailableError

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage


@dataclass(frozen=True, slots=True)
class Message:
    """What came.

    Attributes:
        topic: On which topic.
        payload: Its bytes.
        arrived_ns: When it came here, of CLOCK_MONOTONIC.
        dropped: Messages that were dropped since the one before, because nobody took them.
    """

    topic: str
    payload: bytes
    arrived_ns: int
    dropped: int = 0


class Listener:
    """A subscription; messages are taken by one thread.

    Attributes:
        dropped: Messages that found no room since the last one was taken.
    """

    def __init__(self, topic: Topic, *, access: Access | None = None, max_messages: int = 1000) -> None:
        """Connect and subscribe.

        Args:
            topic: What to listen to.
            access: Who we are.
            max_messages: How many wait at most.

        Raises:
            InputError: A certificate cannot be read.
            UnavailableError: The broker is not there, or refuses us or the topic.
        """
        self._topic = topic
        self._messages: queue.Queue[tuple[str, bytes, int]] = queue.Queue(max_messages)
        self.dropped = 0
        self._answered, self._refusal = threading.Event(), ""
        self._client = new_client(topic, access or Access())
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        connect(self._client, topic)
        if not self._answered.wait(ANSWER_S) or self._refusal:
            self.close()
            raise UnavailableError(f"{topic}: expected a subscription, got {self._refusal or 'no answer'}")

    def receive(self, *, timeout_s: float) -> Message | None:
        """Return the next message, or None if none comes in time."""
        try:
            name, payload, arrived_ns = self._messages.get(timeout=timeout_s)
        except queue.Empty:
            return None
        dropped, self.dropped = self.dropped, 0
        return Message(name, payload, arrived_ns, dropped)

    def close(self) -> None:
        """Disconnect; closing twice is harmless."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._answer(str(reason))
        else:
            client.subscribe(self._topic.name, qos=1)

    def _on_subscribe(self, _client: Client, _data: Any, _mid: int, reasons: list[Any], _properties: Any) -> None:
        self._answer(str(reasons[0]) if reasons[0].is_failure else "")

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        if message.retain:
            return
        try:
            self._messages.put_nowait((message.topic, bytes(message.payload), monotonic_ns()))
        except queue.Full:
            self.dropped += 1

    def _answer(self, refusal: str) -> None:
        self._refusal = refusal
        self._answered.set()
