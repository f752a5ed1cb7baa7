"""The only room that talks MQTT: topics and bytes, over paho.

- paho's thread puts messages into a queue with a bound and returns; what finds no room is counted.
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
        try:
            self._client.connect(topic.host, topic.port, _KEEPALIVE_S)
        except OSError as exc:
            raise UnavailableError(f"{topic}: expected a broker, got {exc}") from exc
        self._client.loop_start()
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
