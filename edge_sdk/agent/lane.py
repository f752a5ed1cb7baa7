"""What one stream has on its way to the fleet, and how far it is trusted. Pure: the time comes in.

- Up to eight batches are on their way; what is not acknowledged in time is sent again from the first one on. The time
  counts from when the broker has taken a batch: before that it is still on the line, which may be slow.
- A batch that made trouble is blamed: its stream goes on one row at a time, and twice as many after each success. A
  single row that is blamed five times in a row is poison.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from edge_sdk.outbox import Mark

MAX_ROWS = 256
_WINDOW = 8
_TRIES = 5
_LONGEST_S = 60.0
_LINE_S = 600.0
"""A broker that takes a batch in no such time, and keeps the connection, never will."""


@dataclass(slots=True)
class Flight:
    """A batch on its way.

    Attributes:
        number: The link's number of the message.
        begin: Its first row.
        rows: How many rows.
        sent_s: When it was sent.
        taken_s: When the broker acknowledged it; None if it has not.
    """

    number: int
    begin: Mark
    rows: int
    sent_s: float
    taken_s: float | None = None

    @property
    def end(self) -> Mark:
        """Where it ends."""
        return Mark(self.begin.log, self.begin.next_seq + self.rows)


class Lane:
    """One stream's way.

    Attributes:
        flights: What is on its way, oldest first.
        max_rows: How many rows the next batch may have.
        not_before_s: Nothing is sent before this time.
    """

    def __init__(self, *, patience_s: float) -> None:
        """Begin with nothing on the way.

        Args:
            patience_s: How long an acknowledgement may take at first, in seconds; each time twice as long, to a minute.
        """
        self._patience_s = self._wait_s = patience_s
        self._blames, self._since_s = 0, float("-inf")
        self.flights: deque[Flight] = deque()
        self.max_rows, self.not_before_s = MAX_ROWS, 0.0

    @property
    def end(self) -> Mark | None:
        """Where the next batch begins; None for the oldest row."""
        return self.flights[-1].end if self.flights else None

    def may_send(self, now_s: float) -> bool:
        """Tell whether another batch may go on its way."""
        window = _WINDOW if self.max_rows == MAX_ROWS else 1
        return now_s >= self.not_before_s and len(self.flights) < window

    def is_late(self, now_s: float) -> bool:
        """Tell whether the oldest batch should have been acknowledged by now."""
        if not self.flights:
            return False
        first = self.flights[0]
        taken_s = first.sent_s + _LINE_S if first.taken_s is None else first.taken_s
        return now_s - max(taken_s, self._since_s) > self._wait_s

    def begin_anew(self) -> None:
        """Send all that is on its way once more, and be more patient."""
        self.flights.clear()
        self._wait_s = min(2 * self._wait_s, max(_LONGEST_S, self._patience_s))

    def land(self, upto: Mark, now_s: float, *, is_news: bool) -> None:
        """Take an acknowledgement.

        Args:
            upto: What is before it has arrived.
            now_s: A monotonic clock, in seconds.
            is_news: Whether rows were acknowledged that had not been before.
        """
        while self.flights and self.flights[0].begin.log == upto.log and self._is_before(upto):
            self.flights.popleft()
        if is_news:
            self._blames, self._wait_s, self._since_s = 0, self._patience_s, now_s
            self.max_rows = min(2 * self.max_rows, MAX_ROWS)

    def blame(self) -> Mark | None:
        """Note that the oldest batch made trouble; return its row if that is poison. Nothing is on its way then."""
        flight = self.flights[0]
        self.flights.clear()
        self.max_rows = 1
        if flight.rows > 1:
            self._blames = 0
            return None
        self._blames += 1
        if self._blames < _TRIES:
            return None
        self._blames = 0
        return flight.begin

    def _is_before(self, upto: Mark) -> bool:
        return self.flights[0].end.next_seq <= upto.next_seq
