"""One connection of a link: a client of paho that lives as long as its socket, driven by our own loop.

paho's documented calls for other loops are used (`loop_read`, `loop_write`, `loop_misc`); its callbacks only put what
happened into a list. A client is never connected twice: its flags and queues outlive a connection, and
cannot be believed after it (docs/decisions/0039-broker-link.md).
"""

from __future__ import annotations

import selectors
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import TYPE_CHECKING, Any

from edge_sdk.broker.access import encryption
from edge_sdk.broker.address import Broker
from edge_sdk.broker.happening import Acknowledged, Connected, Happening, Received, Refused
from edge_sdk.broker.record import LinkOptions, Outgoing
from edge_sdk.broker.wake import Wake
from edge_sdk.clock import monotonic_ns

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

_CONNECT_S = 10.0
_TURN_S = 1.0
_WINDOW = 20
_HEAD_BYTES = 16
"""What a PUBLISH has beside its topic and payload: fixed header, lengths, packet identifier, an empty property list."""
_UNSUPPORTED_VERSION = 0x84
_QUOTA_PACKETS = 64
_ERROR = 0x08
"""paho's LogLevel.MQTT_LOG_ERR."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a broker takes.

    Attributes:
        max_packet_bytes: The largest packet.
    """

    max_packet_bytes: int

    def packet_bytes(self, name: str, payload: bytes) -> int:
        """Return how large the packet of a message is, at most."""
        return len(name.encode()) + len(payload) + _HEAD_BYTES


class Connection:
    """From connecting to the end; used by one thread, except that messages may be accepted from any.

    Attributes:
        reason: Why it broke; empty while it has not.
        was_let_in: Whether the broker let us in.
        refuses_version: Whether the broker may not speak this version of MQTT.
    """

    def __init__(self, broker: Broker, options: LinkOptions, *, speaks_5: bool) -> None:
        self._broker, self._options, self._speaks_5 = broker, options, speaks_5
        self._client: Client | None = None
        self._happenings: list[Happening] = []
        self._in_flight: dict[int, Outgoing] = {}
        self._accepted: deque[tuple[int, int]] = deque()
        self._subscribing: dict[int, str] = {}
        self._window, self._max_packet_bytes = _WINDOW, options.max_packet_bytes
        self._wake: Wake | None = None
        self._deadline_ns = 0
        self._trouble = ""
        self.reason, self.was_let_in, self.refuses_version = "", False, False

    @property
    def is_broken(self) -> bool:
        """Whether it has come to its end."""
        return bool(self.reason)

    @property
    def has_room(self) -> bool:
        """Whether a message may be sent now."""
        return self.was_let_in and not self._subscribing and len(self._in_flight) < self._window

    @property
    def unacknowledged(self) -> tuple[int, ...]:
        """Numbers of the messages that were sent and not acknowledged."""
        return tuple(message.number for message in self._in_flight.values())

    def open(self) -> None:
        """Connect.

        Raises:
            OSError: The broker cannot be reached, or its certificate is not one that we believe.
            InputError: A certificate of ours cannot be read.
        """
        self._client = client = self._new_client()
        if self._broker.is_encrypted:
            client.tls_set_context(encryption(self._options.access, where=str(self._broker)))
        client.connect_timeout = _CONNECT_S
        self._deadline_ns = monotonic_ns() + int(2 * _CONNECT_S * 1e9)
        settings = {"clean_start": True, "properties": _connect_properties(self._options)} if self._speaks_5 else {}
        client.connect(self._broker.host, self._broker.port, self._options.keepalive_s, **settings)
        socket: Any = client.socket()
        if socket is not None:
            socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)  # small packets one after another, each waited for
        self.refuses_version = True  # unless it answers

    def turn(self, wake: Wake, *, reads: bool) -> None:
        """Wait until there is something to do, at most for a second, and do it.

        Args:
            wake: What ends the waiting.
            reads: Whether messages may come in.

        Raises:
            Exception: Whatever paho makes of what came; the connection is of no use any more.
        """
        client, self._wake = self._require_client(), wake
        self._accept(client)
        socket = client.socket()
        if socket is None:
            self._break("the connection was closed")
            return
        events = (selectors.EVENT_READ if reads else 0) | (selectors.EVENT_WRITE if client.want_write() else 0)
        ready = wake.wait(socket.fileno(), events, timeout_s=_TURN_S)
        if ready & selectors.EVENT_READ:
            self._read(client)
        if ready & selectors.EVENT_WRITE or client.want_write():
            client.loop_write()
        client.loop_misc()
        if not self.was_let_in and monotonic_ns() > self._deadline_ns:
            self._break("no answer to the request to connect")

    def publish(self, message: Outgoing) -> None:
        """Send a message."""
        info = self._require_client().publish(message.name, message.payload, qos=1, retain=message.retain)
        self._in_flight[info.mid] = message

    def take_happenings(self) -> list[Happening]:
        """Return what happened since the last time."""
        happened, self._happenings = self._happenings, []
        return happened

    def close(self) -> None:
        """Disconnect; closing twice is harmless."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):  # it may be in any state; its socket closes with it
                client.disconnect()
                client.loop_write()
            with suppress(Exception):
                socket = client.socket()
                if socket is not None:
                    socket.close()

    def _require_client(self) -> Client:
        if self._client is None:
            raise OSError("the connection is closed")
        return self._client

    def _new_client(self) -> Client:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

        options = self._options
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=options.client_id,
            protocol=MQTTProtocolVersion.MQTTv5 if self._speaks_5 else MQTTProtocolVersion.MQTTv311,
            clean_session=None if self._speaks_5 else True,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.max_inflight_messages_set(_WINDOW)
        if options.access.user:
            client.username_pw_set(options.access.user, options.access.password)
        if options.will is not None:
            client.will_set(options.will.name, options.will.payload, qos=1, retain=True)
        client.on_log = self._on_log
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def _read(self, client: Client) -> None:
        """Read what has come; what TLS has already decrypted would not wake us again."""
        client.loop_read()
        while (socket := client.socket()) is not None and getattr(socket, "pending", int)():
            client.loop_read()

    def _accept(self, client: Client) -> None:
        while self._accepted:
            client.ack(*self._accepted.popleft())

    def _break(self, reason: str) -> None:
        self.reason = self.reason or reason

    def _on_connect(self, client: Client, _data: Any, _flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self.refuses_version = reason.value == _UNSUPPORTED_VERSION
            self._break(str(reason))
            return
        self.refuses_version, self.was_let_in = False, True
        self._window = min(_WINDOW, getattr(properties, "ReceiveMaximum", _WINDOW))
        self._max_packet_bytes = min(self._max_packet_bytes, getattr(properties, "MaximumPacketSize", 1 << 28))
        for pattern in self._options.subscriptions:
            _, mid = client.subscribe(pattern, qos=1)
            self._subscribing[mid or 0] = pattern
        self._tell_if_connected()

    def _on_subscribe(self, _client: Client, _data: Any, mid: int, reasons: list[Any], _properties: Any) -> None:
        pattern = self._subscribing.pop(mid, "")
        if reasons and reasons[0].is_failure:
            self._happenings.append(Refused(pattern, str(reasons[0])))
        self._tell_if_connected()

    def _tell_if_connected(self) -> None:
        if not self._subscribing:
            self._happenings.append(Connected(self._max_packet_bytes, "5" if self._speaks_5 else "3.1.1"))

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._break(self._trouble or str(reason))

    def _on_log(self, _client: Client, _data: Any, level: int, text: str) -> None:
        """Keep what paho says of the socket alone in its log: TLS tells there why a certificate is refused."""
        if level == _ERROR:
            self._trouble = text

    def _on_publish(self, _client: Client, _data: Any, mid: int, reason: Any, _properties: Any) -> None:
        message = self._in_flight.pop(mid, None)
        if message is None:
            return
        if reason.is_failure:
            self._happenings.append(Refused(message.name, str(reason), message.number))
        else:
            self._happenings.append(Acknowledged(message.number))

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        mid, qos = message.mid, message.qos

        def accept() -> None:
            self._accepted.append((mid, qos))
            if self._wake is not None:
                self._wake.up()

        self._happenings.append(Received(message.topic, bytes(message.payload), bool(message.retain), accept))


def _connect_properties(options: LinkOptions) -> Any:
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.ReceiveMaximum = _QUOTA_PACKETS
    properties.MaximumPacketSize = options.max_packet_bytes
    return properties
