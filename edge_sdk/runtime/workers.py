"""Takes samples through the model, from the inboxes to their outcomes, in the order in which they came.

- `Workers` are threads that each take a sample the whole way: while one sample is read into the model's first layers,
  or waits for a single core somewhere in between, another one uses what is left of the processor. They are for samples
  of policy `every`, where the whole counts.
- `InTurn` does it in the thread of the run, when that is free: for `newest`, where the youngest sample counts. One that
  shares the processor with the sample before is older by what they take from each other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge_sdk.clock import monotonic_ns
from edge_sdk.runtime.active import Active
from edge_sdk.runtime.frame import Outcome
from edge_sdk.runtime.inbox import Delivery, Inboxes
from edge_sdk.runtime.pipeline import Pipeline

_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Done:
    """A sample that has been through the model.

    Attributes:
        delivery: The sample.
        pipeline: What it went through; to be released.
        outcome: What came of it, or why nothing did.
        own_ms: What this took beside the steps that the outcome tells.
        since_ns: When it was done.
    """

    delivery: Delivery
    pipeline: Pipeline
    outcome: Outcome | Exception
    own_ms: float
    since_ns: int


class Work(Protocol):
    """Where a run gets its outcomes from."""

    @property
    def is_over(self) -> bool:
        """Whether nothing is done and nothing will be."""

    def next(self, *, timeout_s: float) -> Done | None:
        """Return the next sample, or None if there is none in time."""

    def stop(self) -> None:
        """Take no more samples; those in hand are still handed over."""


class InTurn:
    """Takes a sample through the model when it is asked for one."""

    def __init__(self, inboxes: Inboxes, active: Active) -> None:
        self._inboxes, self._active = inboxes, active
        self._is_stopped = False

    @property
    def is_over(self) -> bool:
        """See `Work.is_over`."""
        return self._is_stopped or self._inboxes.is_exhausted

    def next(self, *, timeout_s: float) -> Done | None:
        """See `Work.next`."""
        taken = None if self._is_stopped else _take(self._inboxes, self._active, timeout_s=timeout_s)
        return None if taken is None else _process(*taken, self._active.candidates_from)

    def stop(self) -> None:
        """See `Work.stop`."""
        self._is_stopped = True


class Workers:
    """Threads with one sample in hand each; whoever is done early waits for its turn."""

    def __init__(self, inboxes: Inboxes, active: Active, wants_more: Callable[[], bool], *, count: int) -> None:
        """Begin.

        Args:
            inboxes: Where samples wait.
            active: The pipeline.
            wants_more: Asked before each sample whether it is wanted.
            count: How many samples are on their way at once.
        """
        self._inboxes, self._active, self._wants_more = inboxes, active, wants_more
        self._done: Done | None = None
        self._taken = self._handed_over = 0
        self._working, self._is_stopped = count, False
        self._taking, self._changed = threading.Lock(), threading.Condition()
        for number in range(count):
            threading.Thread(target=self._run, name=f"worker {number}", daemon=True).start()

    @property
    def is_over(self) -> bool:
        """See `Work.is_over`."""
        with self._changed:
            return not self._working and self._done is None

    def next(self, *, timeout_s: float) -> Done | None:
        """See `Work.next`."""
        with self._changed:
            self._changed.wait_for(lambda: self._done is not None or not self._working, timeout_s)
            done, self._done = self._done, None
            self._changed.notify_all()
            return done

    def stop(self) -> None:
        """See `Work.stop`."""
        self._is_stopped = True

    def _run(self) -> None:
        try:
            while not self._is_stopped:
                with self._taking:  # one after the other, so that the turns are in the order of the samples
                    if self._is_stopped or not self._wants_more() or self._inboxes.is_exhausted:
                        break
                    taken, turn = _take(self._inboxes, self._active, timeout_s=_POLL_S), self._taken
                    self._taken += taken is not None
                if taken is not None:
                    self._hand_over(_process(*taken, self._active.candidates_from), turn)
        finally:
            with self._changed:
                self._working -= 1
                self._changed.notify_all()

    def _hand_over(self, done: Done, turn: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._done is None and self._handed_over == turn)
            self._done = done
            self._handed_over += 1
            self._changed.notify_all()


def _take(inboxes: Inboxes, active: Active, *, timeout_s: float) -> tuple[Delivery, Pipeline] | None:
    pipeline = active.take(timeout_s=timeout_s)
    if pipeline is None:
        return None
    delivery = inboxes.take(timeout_s=timeout_s)
    if delivery is None:
        active.release(pipeline)
        return None
    return delivery, pipeline


def _process(delivery: Delivery, pipeline: Pipeline, candidates_from: float | None) -> Done:
    start_ns = monotonic_ns()
    outcome: Outcome | Exception
    try:
        outcome = pipeline.process(delivery.sample, candidates_from=candidates_from)
    except Exception as exc:  # noqa: BLE001  one bad sample never ends a run on a device; the loop counts it
        outcome = exc
    end_ns = monotonic_ns()
    steps_ms = 0.0 if isinstance(outcome, Exception) else outcome.timings.steps_ms
    return Done(delivery, pipeline, outcome, (end_ns - start_ns) / 1e6 - steps_ms, end_ns)
