"""Where reading threads and the model meet: for each source a queue with a bound and a policy, taken in turns.

- Of all sources that have a sample waiting, the one whose last turn is longest ago comes next. So a slow source waits
  for one other sample at most for each other source, and a source that says nothing is waited for by nobody.
- All queues share one condition, since the model waits for any of them.
- While there is no model, samples of `newest` replace each other and are told apart; the others wait, as ever.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_sdk.clock import monotonic_ns
from edge_sdk.runtime.accounting import Ledger
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.record import Policy

_CAPACITY: dict[Policy, int] = {"newest": 1, "every": 4}


@dataclass(frozen=True, slots=True)
class Delivery:
    """A sample on its way to the model.

    Attributes:
        sample: The sample.
        ledger: Where its fate is to be settled.
        policy: That of its source; results of `every` are never dropped.
        waited_ms: How long it waited, in milliseconds.
    """

    sample: Sample
    ledger: Ledger
    policy: Policy
    waited_ms: float


class Inbox:
    """The samples of one source that wait for the model, each one in its ledger.

    Attributes:
        turn: The number of its last turn at the model.
        has_model: Whether there is a model that will take them.
    """

    def __init__(self, ledger: Ledger, policy: Policy, changed: threading.Condition) -> None:
        self.turn, self.has_model = 0, True
        self._ledger, self._policy, self._changed = ledger, policy, changed
        self._samples: deque[tuple[Sample, int]] = deque()
        self._is_open = True
        self._has_ended = False

    @property
    def is_open(self) -> bool:
        """Whether samples are still wanted."""
        return self._is_open

    @property
    def has_waiting(self) -> bool:
        """Whether a sample waits."""
        return bool(self._samples)

    @property
    def is_exhausted(self) -> bool:
        """Whether nothing waits and nothing will come."""
        return self._has_ended and not self._samples

    def put(self, sample: Sample) -> None:
        """Take a sample in; with `every`, wait until there is room."""
        with self._changed:
            self._ledger.capture()
            if self._policy == "newest" and self._samples:
                self._samples.clear()
                self._ledger.drop("replaced" if self.has_model else "swapping")
            self._changed.wait_for(lambda: not self._is_open or len(self._samples) < _CAPACITY[self._policy])
            if not self._is_open:
                self._ledger.drop("stopped")
                return
            self._samples.append((sample, monotonic_ns()))
            self._changed.notify_all()

    def hand_over(self, turn: int) -> Delivery:
        """Return the sample that has waited longest; for the owner of the condition."""
        self.turn = turn
        sample, since_ns = self._samples.popleft()
        self._ledger.deliver()
        return Delivery(sample, self._ledger, self._policy, waited_ms=(monotonic_ns() - since_ns) / 1e6)

    def end(self) -> None:
        """Say that no more samples will come."""
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def close(self) -> None:
        """Drop what waits, and take nothing more."""
        with self._changed:
            self._is_open = False
            while self._samples:
                self._samples.popleft()
                self._ledger.drop("stopped")
            self._changed.notify_all()


class Inboxes:
    """All inboxes of a run; `take` is for one thread."""

    def __init__(self, sources: Sequence[tuple[Ledger, Policy]]) -> None:
        self._changed = threading.Condition()
        self._inboxes = [Inbox(ledger, policy, self._changed) for ledger, policy in sources]
        self._turns = 0

    def __iter__(self) -> Iterator[Inbox]:
        return iter(self._inboxes)

    @property
    def is_exhausted(self) -> bool:
        """Whether nothing waits and nothing will come, from any source."""
        return all(inbox.is_exhausted for inbox in self._inboxes)

    def take(self, *, timeout_s: float) -> Delivery | None:
        """Return the next sample, or None if there is none in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._next() is not None or self.is_exhausted, timeout_s)
            inbox = self._next()
            if inbox is None:
                return None
            self._turns += 1
            delivery = inbox.hand_over(self._turns)
            self._changed.notify_all()
            return delivery

    def tell_model(self, *, is_there: bool) -> None:
        """Say whether there is a model: what is replaced while there is none has another cause."""
        with self._changed:
            for inbox in self._inboxes:
                inbox.has_model = is_there

    def close(self) -> None:
        """Drop what waits at all sources, and take nothing more."""
        for inbox in self._inboxes:
            inbox.close()

    def _next(self) -> Inbox | None:
        waiting = [inbox for inbox in self._inboxes if inbox.has_waiting]
        return min(waiting, key=lambda inbox: inbox.turn, default=None)
