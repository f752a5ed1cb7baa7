"""Where the two threads of a run meet: a queue with a bound and a policy."""

from __future__ import annotations

import threading
from collections import deque

from edge_sdk.clock import monotonic_ns
from edge_sdk.runtime.accounting import Ledger
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.record import Policy

_CAPACITY: dict[Policy, int] = {"newest": 1, "every": 4}


class Inbox:
    """The samples that wait for the model, each one in the ledger.

    Attributes:
        is_open: Whether samples are still wanted.
    """

    def __init__(self, ledger: Ledger, policy: Policy) -> None:
        self.is_open = True
        self._ledger, self._policy = ledger, policy
        self._samples: deque[tuple[Sample, int]] = deque()
        self._changed = threading.Condition()
        self._has_ended = False

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
                self._ledger.drop("replaced")
            self._changed.wait_for(lambda: not self.is_open or len(self._samples) < _CAPACITY[self._policy])
            if not self.is_open:
                self._ledger.drop("stopped")
                return
            self._samples.append((sample, monotonic_ns()))
            self._changed.notify_all()

    def end(self) -> None:
        """Say that no more samples will come."""
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def take(self, *, timeout_s: float) -> tuple[Sample, float] | None:
        """Return the next sample and how long it has waited in milliseconds, or None if there is none in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._samples or self._has_ended, timeout_s)
            if not self._samples:
                return None
            sample, since_ns = self._samples.popleft()
            self._ledger.deliver()
            self._changed.notify_all()
            return sample, (monotonic_ns() - since_ns) / 1e6

    def close(self) -> None:
        """Drop what waits, and take nothing more."""
        with self._changed:
            self.is_open = False
            while self._samples:
                self._samples.popleft()
                self._ledger.drop("stopped")
            self._changed.notify_all()
