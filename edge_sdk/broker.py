"""The only room that talks MQTT: topics and bytes, over paho.

- paho's thread puts messages into a queue with a bound and returns; what finds no room is counted.
- What is published counts as taken when the broker has acknowledged it; a few may be on their way, others wait.
- A connection that breaks is made again by paho, after 1 to 30 s; the topic is subscribed to each time.
- What a broker had kept from before (retained messages) is passed over: it is not new.
- Credentials and certificates come from a file, never from an address.
"""

from __future__ import annotations

import queue
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_sdk import files, records
from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError, UnavailableError

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

_ADDRESS = re.compile(r"(mqtts?)://(?:[^/?@]*(@))?(\[[^\]]+\]|[^/:?@]+)(?::([0-9]{1,5}))?/([^?]+)")
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_ANSWER_S = 5.0
_KEEPALIVE_S = 20
_WINDOW = 20
"""How many messages may wait for the broker's acknowledgement."""
_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Access:
    """Who we are to a broker, and whom we believe: a TOML file.

    Attributes:
        user: Name; empty for none.
        password: Of the user.
        ca: File of the certificates that may sign the broker's; empty takes those of the system. For `mqtts://`.
        certificate: File of our own certificate; empty for none.
        key: File of its key.
    """

    user: str = ""
    password: str = ""
    ca: str = ""
    certificate: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of a broker.

    Attributes:
        host: Name or number of the broker.
        port: Its port.
        name: The topic, or a pattern with `+` and `#`.
        is_encrypted: Whether the broker speaks TLS.
    """

    host: str
    port: int
    name: str
    is_encrypted: bool = False

    @classmethod
    def parse(cls, uri: str) -> Topic:
        """Read an address such as `mqtt://host:1883/plant/press/4`.

        Raises:
            InputError: It is none, or has a name or password in it.
        """
        match = _ADDRESS.fullmatch(uri)
        if match is None:
            raise InputError(f"{uri.rpartition('@')[2]}: expected mqtt://HOST/TOPIC or mqtts://HOST/TOPIC")
        scheme, secret, host, port, name = match.groups()
        if secret:
            raise InputError(
                f"{scheme}://{host}/{name}: expected no name and password in the address", hint="say access=FILE.toml"
            )
        return cls(host.strip("[]"), int(port or _PORTS[scheme]), name, is_encrypted=scheme == "mqtts")

    def __str__(self) -> str:
        return f"{'mqtts' if self.is_encrypted else 'mqtt'}://{self.host}:{self.port}/{self.name}"


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


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us when we are gone, and keeps for those who come later.

    Attributes:
        name: On which topic.
        payload: Its bytes.
    """

    name: str
    payload: bytes


def read_access(path: Path) -> Access:
    """Read who we are to a broker.

    Raises:
        InputError: The file is not there, or each mistake in it by its place.
    """
    return records.read_toml(Access, files.read_bytes(path, max_bytes=_MAX_BYTES), where=str(path))


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
        self._client = _client(topic, access or Access())
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        _connect(self._client, topic)
        if not self._answered.wait(_ANSWER_S) or self._refusal:
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
        self._client = _client(topic, access or Access())
        if will is not None:
            self._client.will_set(will.name, will.payload, qos=1, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        _connect(self._client, topic)
        with self._changed:
            self._changed.wait_for(lambda: self._is_connected or self._refusal, _ANSWER_S)
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
            self._changed.wait_for(lambda: not self._unacknowledged, _ANSWER_S)
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


def _connect(client: Client, topic: Topic) -> None:
    try:
        client.connect(topic.host, topic.port, _KEEPALIVE_S)
    except OSError as exc:
        raise UnavailableError(f"{topic}: expected a broker, got {exc}") from exc
    client.loop_start()


def _client(topic: Topic, access: Access) -> Client:
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    client = Client(CallbackAPIVersion.VERSION2)
    client.reconnect_delay_set(1, 30)
    if access.user:
        client.username_pw_set(access.user, access.password)
    if topic.is_encrypted:
        try:
            client.tls_set(access.ca or None, access.certificate or None, access.key or None)
        except (OSError, ValueError) as exc:
            wanted = ", ".join(filter(None, (access.ca, access.certificate, access.key))) or "certificates"
            raise InputError(f"{topic}: expected {wanted}, got {exc}") from exc
    return client
