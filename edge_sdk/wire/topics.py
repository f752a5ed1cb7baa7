"""Topics: `edge/v1/{fleet}/{device}/{up|down}/{channel}`, of fixed depth.

One rule of access keeps each device to its own branch: the broker puts the identity of the client's certificate in the
place of the device (`pattern readwrite edge/v1/FLEET/%u/#` in Mosquitto).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

from edge_sdk.errors import InputError
from edge_sdk.files import is_safe_name

Up = Literal["status", "reported", "results", "events", "metrics", "diagnostics", "ask", "get", "command"]
Down = Literal["desired", "command", "ack", "block"]
Direction = Literal["up", "down"]
_ROOT = ("edge", "v1")
_CHANNELS: dict[str, frozenset[str]] = {"up": frozenset(get_args(Up)), "down": frozenset(get_args(Down))}


@dataclass(frozen=True, slots=True)
class Place:
    """One device of one fleet.

    Attributes:
        fleet: Name of the fleet: letters, digits, `.`, `_`, `-`.
        device: Name of the device, the common name of its certificate: the same letters.
    """

    fleet: str
    device: str

    def __post_init__(self) -> None:
        """Check the names.

        Raises:
            InputError: One could not be a part of a topic, or a file name.
        """
        for field, name in (("fleet", self.fleet), ("device", self.device)):
            if not is_safe_name(name):
                raise InputError(f"{field}: expected letters, digits, '.', '_', '-', got {name[:80]!r}")

    def up(self, channel: Up) -> str:
        """Return the topic on which the device speaks."""
        return "/".join((*_ROOT, self.fleet, self.device, "up", channel))

    def down(self, channel: Down) -> str:
        """Return the topic on which it is spoken to."""
        return "/".join((*_ROOT, self.fleet, self.device, "down", channel))

    @property
    def all_down(self) -> str:
        """The pattern of all that the device is told."""
        return "/".join((*_ROOT, self.fleet, self.device, "down", "+"))


@dataclass(frozen=True, slots=True)
class Channel:
    """A topic, taken apart.

    Attributes:
        place: Whose it is.
        direction: `up` from the device, `down` to it.
        name: What is spoken of.

    Example:
        >>> Channel.parse("edge/v1/plant/press-4/up/results").name
        'results'
    """

    place: Place
    direction: Direction
    name: str

    @classmethod
    def parse(cls, topic: str) -> Channel:
        """Take a topic apart.

        Raises:
            InputError: It is none of ours.
        """
        parts = topic.split("/")
        if len(parts) != len(_ROOT) + 4 or tuple(parts[:2]) != _ROOT or parts[5] not in _CHANNELS.get(parts[4], ()):
            raise InputError(f"{topic[:200]!r}: expected edge/v1/FLEET/DEVICE/up|down/CHANNEL")
        return cls(Place(parts[2], parts[3]), cast(Direction, parts[4]), parts[5])


def all_up(fleet: str, channel: Up) -> str:
    """Return the pattern of what all devices of a fleet say on a channel."""
    return "/".join((*_ROOT, fleet, "+", "up", channel))
