"""How a link is kept, and what goes over it."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_sdk.broker.access import Access
from edge_sdk.broker.address import Will


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """How a link is kept.

    Attributes:
        client_id: Name of the client; another one of the same name throws this one out.
        subscriptions: Patterns of topics.
        access: Who we are.
        will: What the broker says for us when we are gone without a word.
        keepalive_s: A broker that is silent for so long, and does not answer a ping in as long again, is given up.
        max_packet_bytes: The largest packet that we send or take.
        longest_pause_s: The longest pause before connecting again.
    """

    client_id: str
    subscriptions: tuple[str, ...] = ()
    access: Access = field(default_factory=Access)
    will: Will | None = None
    keepalive_s: int = 20
    max_packet_bytes: int = (1 << 20) + (1 << 16)
    longest_pause_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way.

    Attributes:
        number: What `publish` returned.
        name: Its topic.
        payload: Its bytes.
        retain: Whether the broker keeps it.
    """

    number: int
    name: str
    payload: bytes
    retain: bool
