"""Connections that paho keeps by a thread of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_sdk.broker.access import Access, encryption
from edge_sdk.broker.address import Topic
from edge_sdk.errors import UnavailableError

if TYPE_CHECKING:
    from paho.mqtt.client import Client

ANSWER_S = 5.0
_KEEPALIVE_S = 20


def connect(client: Client, topic: Topic) -> None:
    """Connect, and let paho's thread go on.

    Raises:
        UnavailableError: The broker is not there.
    """
    try:
        client.connect(topic.host, topic.port, _KEEPALIVE_S)
    except OSError as exc:
        raise UnavailableError(f"{topic}: expected a broker, got {exc}") from exc
    client.loop_start()


def new_client(topic: Topic, access: Access) -> Client:
    """Return a client that is not connected yet.

    Raises:
        InputError: A certificate cannot be read.
    """
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    client = Client(CallbackAPIVersion.VERSION2)
    client.reconnect_delay_set(1, 30)
    if access.user:
        client.username_pw_set(access.user, access.password)
    if topic.is_encrypted:
        client.tls_set_context(encryption(access, where=str(topic)))
    return client
