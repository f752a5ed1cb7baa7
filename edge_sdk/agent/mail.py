"""From the outbox to the fleet: rows go in batches, and are deleted when the fleet itself has acknowledged them.

- The broker's acknowledgement says only that a batch is not to be blamed for what happens next.
- A batch is to blame if the connection broke right after it was sent, if the broker refuses it for its contents, or if
  the fleet answers a question that was asked after it, and not to it. Else it is sent again for ever.
- Two batches at most are on the line, as large as it carries in half a second to two: so a slow line is not clogged,
  and what else is said gets through.
- Past a gap in the numbers nothing is sent until all before it is acknowledged; the next batch then tells the gap.
- Where the disk fails, nothing is lost: it is logged, and tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, get_args

from edge_sdk.agent.lane import Flight, Lane
from edge_sdk.broker.happening import Acknowledged, Connected, Happening, Lost, Refused
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.outbox import Batch, Mark, Outbox
from edge_sdk.wire import Place, decode, encode, messages
from edge_sdk.wire.document import MAX_MESSAGE_BYTES, read_json
from edge_sdk.wire.messages import Ack, Ask, Stream

log = logging.getLogger(__name__)

_STREAMS: tuple[Stream, ...] = get_args(Stream)
_HEAD_BYTES = 512
"""What a batch has beside its rows, and its packet beside the batch, at most; a topic is shorter than 300 bytes."""
_MAX_BATCH_BYTES, _MIN_BATCH_BYTES = 128 << 10, 4 << 10
_ON_LINE = 2
_QUICK_S, _SLOW_S = 0.5, 2.0
_PROMPT_S = 10.0
_REFUSED_S = 30.0
_DISK_S = 1.0
_ABOUT_CONTENTS = ("payload format", "packet too large")


class Publishes(Protocol):
    """The link, for who only speaks."""

    def publish(self, name: str, payload: bytes, *, retain: bool = False) -> int | None:
        """See `edge_sdk.broker.link.Link.publish`."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends.

    Attributes:
        place: The device.
        boot: How often its agent has started.
        patience_s: How long the fleet's acknowledgement may take at first, in seconds.
    """

    place: Place
    boot: int = 0
    patience_s: float = 5.0


class Mail:
    """The outbox's way to the fleet; for one thread, which calls `send` at least once a second.

    Attributes:
        set_aside: Rows set aside since this was made.
    """

    def __init__(
        self,
        outbox: Outbox,
        link: Publishes,
        sender: Sender,
        *,
        now_s: Callable[[], float],
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Begin; nothing is sent before the link tells that it is connected.

        Args:
            outbox: Where the rows are.
            link: Where they go.
            sender: Who we are.
            now_s: A monotonic clock, in seconds.
            tell: Is told, in a sentence, of each row that was set aside.
        """
        self._outbox, self._link, self._sender, self._now_s, self._tell = outbox, link, sender, now_s, tell
        self._lanes = {stream: Lane(patience_s=sender.patience_s) for stream in _STREAMS}
        self._turns = list(_STREAMS)
        self._room_bytes: int | None = None
        self._batch_bytes = _MAX_BATCH_BYTES
        self._is_careful = False
        self._heard_s = self._asked_s = self._not_before_s = float("-inf")
        self._must_ask = False
        self.set_aside = 0

    def hear(self, happening: Happening) -> None:
        """Take note of what happened on the link."""
        match happening:
            case Connected(max_packet_bytes=most):
                self._room_bytes = min(most, MAX_MESSAGE_BYTES) - _HEAD_BYTES
                for lane in self._lanes.values():
                    lane.flights.clear()
            case Lost(unacknowledged=numbers):
                self._room_bytes = None
                self._lose(frozenset(numbers))
            case Acknowledged(number=number):
                self._take_off_line(number)
            case Refused(number=number, reason=reason):
                self._refuse(number, reason)

    def acknowledge(self, payload: bytes) -> None:
        """Take what the fleet says it has stored (`down/ack`).

        Raises:
            InputError: It is no acknowledgement.
        """
        ack = decode(Ack, payload, where=self._sender.place.down("ack"))
        self._heard_s = self._now_s()
        for stream, next_seq in ack.next_seq.items():
            if stream in self._lanes:
                self._land(stream, Mark(ack.log, next_seq))

    def send(self) -> int:
        """Send what may be sent now; return how many batches went out."""
        if self._room_bytes is None or self._now_s() < self._not_before_s:
            return 0
        sent = 0
        try:
            for stream, lane in self._lanes.items():
                if lane.is_late(self._now_s()):
                    self._repeat(stream, lane)
            for stream in tuple(self._turns):
                while self._may_send(stream) and self._send_one(stream):
                    sent += 1
                    self._turns.remove(stream)  # who sent last is asked last
                    self._turns.append(stream)
            self._ask()
        except UnavailableError as exc:
            log.warning("%s", exc)
            self._not_before_s = self._now_s() + _DISK_S
        return sent

    def _flights(self) -> Iterator[Flight]:
        return (flight for lane in self._lanes.values() for flight in lane.flights)

    def _take_off_line(self, number: int) -> None:
        """Note that the broker has a batch, and how large the next ones should be."""
        for flight in self._flights():
            if flight.number == number:
                flight.taken_s = self._now_s()
                took_s = flight.taken_s - flight.sent_s
                if took_s > _SLOW_S:
                    self._batch_bytes = max(self._batch_bytes // 2, _MIN_BATCH_BYTES)
                elif took_s < _QUICK_S:
                    self._batch_bytes = min(self._batch_bytes * 2, _MAX_BATCH_BYTES)

    def _may_send(self, stream: Stream) -> bool:
        on_line = sum(flight.taken_s is None for flight in self._flights())
        is_crowded = on_line >= _ON_LINE or (self._is_careful and any(self._flights()))
        return not is_crowded and self._lanes[stream].may_send(self._now_s())

    def _send_one(self, stream: Stream) -> bool:
        """Send a batch; return whether one went out."""
        lane, room_bytes = self._lanes[stream], self._room_bytes or 0
        most_bytes = min(room_bytes, self._batch_bytes)
        batch = self._outbox.batch(stream, after=lane.end, max_rows=lane.max_rows, max_bytes=most_bytes)
        if batch is None or _is_past_gap(lane, batch):
            return False
        sound = _sound_rows(batch, room_bytes)
        if not sound:
            self._set_aside(stream, Mark(batch.log, batch.first_seq), _why(batch.rows[0], room_bytes))
            return False
        payload = messages.Batch(stream, batch.log, batch.first_seq, batch.lost_before, sound).encode()
        number = self._link.publish(self._sender.place.up(stream), payload)
        if number is None:
            return False
        lane.flights.append(Flight(number, Mark(batch.log, batch.first_seq), len(sound), self._now_s()))
        return True

    def _land(self, stream: Stream, upto: Mark) -> None:
        try:
            is_news = self._outbox.acknowledge(stream, upto) > 0
        except UnavailableError as exc:  # it is sent, and acknowledged, once more
            log.warning("%s", exc)
            return
        self._lanes[stream].land(upto, self._now_s(), is_news=is_news)
        self._is_careful &= not is_news

    def _repeat(self, stream: Stream, lane: Lane) -> None:
        """Send again what was not acknowledged in time, and ask the fleet behind it."""
        if self._heard_s > self._asked_s > lane.flights[0].sent_s:
            self._blame(stream, "the fleet answers, and never acknowledges it")
        else:
            lane.begin_anew()
        self._must_ask = True

    def _ask(self) -> None:
        """Ask the fleet, which answers where it is there and its disk takes what has come before."""
        if self._must_ask:
            question = encode(Ask(self._sender.boot, self._outbox.log))
            self._must_ask = self._link.publish(self._sender.place.up("ask"), question) is None
            self._asked_s = self._now_s()

    def _lose(self, unacknowledged: frozenset[int]) -> None:
        now_s = self._now_s()
        for stream, lane in self._lanes.items():
            first = lane.flights[0] if lane.flights else None
            if first is not None and first.number in unacknowledged and now_s - first.sent_s < _PROMPT_S:
                self._is_careful = True
                self._blame(stream, "the broker hangs up on it")
            lane.flights.clear()

    def _refuse(self, number: int, reason: str) -> None:
        for stream, lane in self._lanes.items():
            if number not in (flight.number for flight in lane.flights):
                continue
            if any(words in reason.lower() for words in _ABOUT_CONTENTS) and lane.flights[0].number == number:
                self._blame(stream, f"the broker refuses it: {reason}")
            else:
                lane.not_before_s = self._now_s() + _REFUSED_S
            lane.flights.clear()

    def _blame(self, stream: Stream, reason: str) -> None:
        poison = self._lanes[stream].blame()
        if poison is not None:
            self._set_aside(stream, poison, reason)

    def _set_aside(self, stream: Stream, at: Mark, reason: str) -> None:
        try:
            if not self._outbox.set_aside(stream, at, reason):
                return
        except UnavailableError as exc:
            log.warning("%s", exc)
            self._not_before_s = self._now_s() + _DISK_S
            return
        self.set_aside += 1
        log.warning("%s %s %d: set aside: %s", stream, at.log, at.next_seq, reason)
        self._tell(f"row {at.next_seq} of {stream} was set aside: {reason}")


def _is_past_gap(lane: Lane, batch: Batch) -> bool:
    """Tell whether a row before the batch is missing while others are on their way."""
    end = lane.end
    return end is not None and end.log == batch.log and batch.first_seq != end.next_seq


def _sound_rows(batch: Batch, room_bytes: int) -> tuple[bytes, ...]:
    """Return the rows before the first one that the fleet could not read."""
    for place, row in enumerate(batch.rows):
        if _why(row, room_bytes):
            return batch.rows[:place]
    return batch.rows


def _why(row: bytes, room_bytes: int) -> str:
    """Return why a row cannot be sent; empty if it can."""
    if len(row) > room_bytes:
        return f"expected at most {room_bytes} bytes, as the broker takes, got {len(row)}"
    try:
        data = read_json(row, where="row")
    except InputError as exc:
        return str(exc)
    return "" if isinstance(data, dict) else f"expected a JSON object, got {type(data).__name__}"
