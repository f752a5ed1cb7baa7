"""What happens on a link, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker has let us in, and all subscriptions stand.

    Attributes:
        max_packet_bytes: The largest packet that the broker takes, of its own word; ours where it says none.
        version: What is spoken: 5 or 3.1.1.
    """

    max_packet_bytes: int
    version: str


@dataclass(frozen=True, slots=True)
class Lost:
    """There is no connection: it broke, or could not be made. What was not acknowledged is given up.

    Attributes:
        reason: Why, in the broker's words or the system's.
        unacknowledged: What had been published and was not acknowledged.
    """

    reason: str
    unacknowledged: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker has taken a message; that says nothing about whoever it is for.

    Attributes:
        number: What `publish` returned.
    """

    number: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The broker refuses a message or a subscription; the connection goes on.

    Attributes:
        what: Topic of the message, or pattern of the subscription.
        reason: Why, in its words.
        number: What `publish` returned; 0 for a subscription.
    """

    what: str
    reason: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Received:
    """A message came. The broker sends only so many that are not accepted yet, and then waits.

    Attributes:
        topic: On which topic.
        payload: Its bytes.
        is_retained: Whether the broker had kept it from before.
        accept: To be called when it is stored, or of no use.
    """

    topic: str
    payload: bytes
    is_retained: bool
    accept: Callable[[], None]


Happening = Connected | Lost | Acknowledged | Refused | Received
