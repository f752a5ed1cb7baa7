"""Keeps what devices send, and tells each what it may forget: after it is on the disk, never before.

- What has come is kept together, by one sync; then broker and devices are told. A batch that comes twice, because its
  device was not told, changes nothing (`store`).
- Who sent it is what the topic says: the broker lets a device speak on its own branch alone.
- A message that is none is counted and done with. Where the disk takes nothing, nothing is accepted, and the broker
  stops sending: what is here is tried again each second, and more does not come.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Event
from typing import Protocol

from edge_sdk.broker.happening import Connected, Happening, Lost, Received, Refused
from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.fleet.store import Store, Taken
from edge_sdk.wire import Channel, Place, decode, encode
from edge_sdk.wire.messages import Ack, Ask, Batch
from edge_sdk.wire.topics import Up, all_up

_log = logging.getLogger(__name__)

CHANNELS: tuple[Up, ...] = ("results", "events", "metrics", "diagnostics", "ask")
_MAX_MESSAGES = 64
_MAX_BYTES = 8 << 20
_MAX_UNTOLD = 20_000
_TRY_AGAIN_S = 1.0
_FORGET_S = 60.0


class Line(Protocol):
    """The link to the broker, `edge_sdk.broker.link.Link`."""

    def publish(self, name: str, payload: bytes, *, retain: bool = False) -> int | None:
        """Give a message to be published; None if it was not taken."""

    def next(self, *, timeout_s: float) -> Happening | None:
        """Return what happened next; None if nothing did in time."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What came of all that came.

    Attributes:
        rows: Rows that are kept.
        repeated: Rows that had been kept before.
        missing: Rows that will never come, of their device's own word.
        early: Rows that came before others, and must come again.
        refused: Messages that are none.
    """

    rows: int = 0
    repeated: int = 0
    missing: int = 0
    early: int = 0
    refused: int = 0


class Ingest:
    """Between one link and one store; used by one thread.

    Attributes:
        counts: What came of all that came.
        is_connected: Whether there is a connection to the broker now.

    Example:
        >>> Ingest(store, link).run(is_over)  # doctest: +SKIP
    """

    def __init__(
        self, store: Store, line: Line, *, keep_s: float | None = None, unix_s: Callable[[], float] = time.time
    ) -> None:
        """Take a store and a link that is subscribed to `subscriptions`.

        Args:
            store: Where rows are kept.
            line: Where they come from.
            keep_s: How long they are kept, in seconds; None for ever.
            unix_s: What time it is.
        """
        self._store, self._line, self._keep_s, self._unix_s = store, line, keep_s, unix_s
        self._came: list[Received] = []
        self._untold: OrderedDict[tuple[Place, str], dict[str, int]] = OrderedDict()
        self._forget_ns = 0
        self.counts, self.is_connected = Counts(), False

    def run(self, is_over: Event) -> None:
        """Work until `is_over` is set."""
        while not is_over.is_set():
            try:
                self.turn()
            except UnavailableError as exc:
                _log.warning("%s", exc)
                is_over.wait(_TRY_AGAIN_S)

    def turn(self, *, timeout_s: float = 0.25) -> None:
        """Wait for something to come, keep all that has come, and tell whose it is.

        Raises:
            UnavailableError: It cannot be kept now; the next turn tries again.
        """
        self._gather(timeout_s)
        if self._came:
            self._keep()
            for received in self._came:
                received.accept()
            self._came = []
        self._tell()
        self._forget()

    def _gather(self, timeout_s: float) -> None:
        size_bytes = sum(len(received.payload) for received in self._came)
        while len(self._came) < _MAX_MESSAGES and size_bytes < _MAX_BYTES:
            happening = self._line.next(timeout_s=0.0 if self._came else timeout_s)
            match happening:
                case None:
                    return
                case Received():
                    self._came.append(happening)
                    size_bytes += len(happening.payload)
                case Connected():
                    self.is_connected = True
                case Lost(reason=reason):
                    self.is_connected = False
                    _log.info("no connection: %s", reason)
                case Refused(what=what, reason=reason):
                    _log.warning("%s: %s", what, reason)

    def _keep(self) -> None:
        batches, asked, refused = _sort(self._came)
        taken = self._store.take([(place.device, batch) for place, batch in batches], now_s=self._unix_s())
        for (place, batch), one in zip(batches, taken, strict=True):
            self._owe(place, batch.log, {batch.stream: one.next_seq})
        for place, ask in asked:
            if ask.log:
                self._owe(place, ask.log, self._store.next_seq(place.device, ask.log))
        self.counts = _add(self.counts, taken, refused)

    def _owe(self, place: Place, log: str, next_seq: dict[str, int]) -> None:
        """Have a device told; where too many wait for it, the oldest is not, and will send again."""
        self._untold[place, log] = {**self._untold.get((place, log), {}), **next_seq}
        if len(self._untold) > _MAX_UNTOLD:
            self._untold.popitem(last=False)

    def _tell(self) -> None:
        """Give the link what it has room for; without a connection there is nobody to be told."""
        while self._untold:
            (place, log), next_seq = next(iter(self._untold.items()))
            if self._line.publish(place.down("ack"), encode(Ack(log, next_seq))) is None:
                return
            del self._untold[place, log]

    def _forget(self) -> None:
        """Let old rows go, a part at a time, and look again in a minute when there are none."""
        if self._keep_s is None or monotonic_ns() < self._forget_ns:
            return
        gone = self._store.forget(before_unix_s=self._unix_s() - self._keep_s)
        self._forget_ns = 0 if gone else monotonic_ns() + int(_FORGET_S * 1e9)


def subscriptions(fleet: str) -> tuple[str, ...]:
    """Return the topics that an ingest hears."""
    return tuple(all_up(fleet, channel) for channel in CHANNELS)


def _sort(came: list[Received]) -> tuple[list[tuple[Place, Batch]], list[tuple[Place, Ask]], int]:
    """Return batches and questions, and how many messages are neither."""
    batches, asked, refused = [], [], 0
    for received in came:
        try:
            channel = Channel.parse(received.topic)
            if channel.name == "ask":
                asked.append((channel.place, decode(Ask, received.payload, where=received.topic)))
            else:
                batches.append((channel.place, _batch(channel, received)))
        except InputError as exc:
            refused += 1
            _log.warning("%s", exc)
    return batches, asked, refused


def _batch(channel: Channel, received: Received) -> Batch:
    batch = Batch.decode(received.payload, where=received.topic)
    if batch.stream != channel.name:
        raise InputError(f"{received.topic}: stream: expected {channel.name}, got {batch.stream}")
    return batch


def _add(counts: Counts, taken: tuple[Taken, ...], refused: int) -> Counts:
    return replace(
        counts,
        rows=counts.rows + sum(one.new for one in taken),
        repeated=counts.repeated + sum(one.repeated for one in taken),
        missing=counts.missing + sum(one.missing for one in taken),
        early=counts.early + sum(one.early for one in taken),
        refused=counts.refused + refused,
    )
