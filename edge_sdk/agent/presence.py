"""What the fleet sees of this board: birth and last will, what is reported, where commands stand; all of it retained.

- Everything is said anew with each connection: a broker may have lost it.
- What is reported is sent when something of weight has changed, at most once a second, and again where the broker did
  not take it. Counts that grow all the time are sent along, else twice a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from edge_sdk.broker import Will
from edge_sdk.broker.happening import Acknowledged, Connected, Happening, Lost, Refused
from edge_sdk.wire import Place, encode
from edge_sdk.wire.messages import Ask, CommandStates, Reported, Status
from edge_sdk.wire.topics import Up

_LEAST_S, _COUNTS_S = 1.0, 30.0


class Publishes(Protocol):
    """The link, for who only speaks."""

    def publish(self, name: str, payload: bytes, *, retain: bool = False) -> int | None:
        """See `edge_sdk.broker.link.Link.publish`."""


def last_will(place: Place, boot: int) -> Will:
    """Return what the broker is to say when this board is gone without a word."""
    return Will(place.up("status"), encode(Status(online=False, boot=boot)))


class Presence:
    """What was said, and what is still to be said; used by one thread.

    Attributes:
        is_connected: Whether there is a connection now.
    """

    def __init__(self, link: Publishes, place: Place, *, boot: int, log: str, now_s: Callable[[], float]) -> None:
        """Say nothing yet.

        Args:
            link: Where it is said.
            place: Who we are.
            boot: How often the agent has started.
            log: The outbox that this board has.
            now_s: A monotonic clock, in seconds.
        """
        self._link, self._place, self._boot, self._log, self._now_s = link, place, boot, log, now_s
        self.is_connected = False
        self._said: dict[Up, bytes] = {}
        self._said_s: dict[Up, float] = {}
        self._on_their_way: dict[int, Up] = {}

    def hear(self, happening: Happening) -> None:
        """Take note of what happened on the link."""
        match happening:
            case Connected():
                self.is_connected = True
                for forgotten in (self._said, self._said_s, self._on_their_way):
                    forgotten.clear()
                self._say("status", encode(Status(online=True, boot=self._boot)))
                self._link.publish(self._place.up("ask"), encode(Ask(self._boot, self._log)))
            case Lost():
                self.is_connected = False
            case Acknowledged(number):
                self._on_their_way.pop(number, None)
            case Refused(number=number) if number in self._on_their_way:
                self._said.pop(self._on_their_way.pop(number), None)

    def show(self, reported: Reported, commands: CommandStates) -> None:
        """Say what has changed."""
        light = replace(reported, waiting={}, dropped={}, update=replace(reported.update, done_bytes=0))
        if self._now_s() - self._said_s.get("reported", 0.0) >= _COUNTS_S:
            self._said.pop("reported", None)
        self._show("reported", encode(reported), weight=encode(light))
        self._show("command", encode(commands))

    def part(self) -> None:
        """Say that this board goes, in peace."""
        if self.is_connected:
            self._link.publish(self._place.up("status"), encode(Status(online=False, boot=self._boot)), retain=True)

    def _show(self, channel: Up, payload: bytes, *, weight: bytes = b"") -> None:
        is_due = self._now_s() - self._said_s.get(channel, -_LEAST_S) >= _LEAST_S
        if self.is_connected and is_due and self._said.get(channel) != (weight or payload):
            self._say(channel, payload, weight=weight)

    def _say(self, channel: Up, payload: bytes, *, weight: bytes = b"") -> None:
        number = self._link.publish(self._place.up(channel), payload, retain=True)
        self._said_s[channel] = self._now_s()
        if number is not None:
            self._said[channel] = weight or payload
            self._on_their_way[number] = channel
