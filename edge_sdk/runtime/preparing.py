"""The stage before the model: takes a sample, preprocesses it, and hands it over.

- `Ahead` does it in a thread of its own, one sample ahead of the model: both cores of a small board have work. It is
  for samples of policy `every`, where the whole counts.
- `InTurn` does it in the model's thread, when the model is free: for `newest`, where the youngest sample counts. One
  that is prepared ahead would be older by as long as the model works.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge_sdk.clock import monotonic_ns
from edge_sdk.runtime.active import Active
from edge_sdk.runtime.inbox import Delivery, Inboxes
from edge_sdk.runtime.pipeline import Pipeline, Prepared

_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Ready:
    """A sample that is ready for the model, or is known to have failed.

    Attributes:
        delivery: The sample.
        pipeline: The pipeline that prepared it, which goes on with it.
        prepared: What it made of the sample, or why it could not.
        own_ms: What this took beside the preprocessing itself.
        since_ns: Since when it is ready.
    """

    delivery: Delivery
    pipeline: Pipeline
    prepared: Prepared | Exception
    own_ms: float
    since_ns: int


class Stage(Protocol):
    """Where the model gets its samples from."""

    @property
    def is_over(self) -> bool:
        """Whether nothing is ready and nothing will be."""

    def next(self, *, timeout_s: float) -> Ready | None:
        """Return the next sample, or None if there is none in time."""

    def stop(self) -> None:
        """Take no more samples; what was taken is still handed over."""


class InTurn:
    """Prepares a sample when it is asked for one."""

    def __init__(self, inboxes: Inboxes, active: Active) -> None:
        self._inboxes, self._active = inboxes, active
        self._is_stopped = False

    @property
    def is_over(self) -> bool:
        """See `Stage.is_over`."""
        return self._is_stopped or self._inboxes.is_exhausted

    def next(self, *, timeout_s: float) -> Ready | None:
        """See `Stage.next`."""
        return None if self._is_stopped else _take(self._inboxes, self._active, timeout_s=timeout_s)

    def stop(self) -> None:
        """See `Stage.stop`."""
        self._is_stopped = True


class Ahead:
    """Prepares a sample while the model works on the one before; one waits at most, and one is in the making."""

    def __init__(self, inboxes: Inboxes, active: Active, wants_more: Callable[[], bool]) -> None:
        """Begin.

        Args:
            inboxes: Where samples wait.
            active: The pipeline.
            wants_more: Asked before each sample whether it is wanted.
        """
        self._inboxes, self._active, self._wants_more = inboxes, active, wants_more
        self._ready: Ready | None = None
        self._is_stopped = self._has_ended = False
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="preparing", daemon=True).start()

    @property
    def is_over(self) -> bool:
        """See `Stage.is_over`."""
        with self._changed:
            return self._has_ended and self._ready is None

    def next(self, *, timeout_s: float) -> Ready | None:
        """See `Stage.next`."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready is not None or self._has_ended, timeout_s)
            ready, self._ready = self._ready, None
            self._changed.notify_all()
            return ready

    def stop(self) -> None:
        """See `Stage.stop`."""
        self._is_stopped = True

    def _run(self) -> None:
        try:
            while not self._is_stopped and self._wants_more() and not self._inboxes.is_exhausted:
                ready = _take(self._inboxes, self._active, timeout_s=_POLL_S)
                if ready is not None:
                    self._hand_over(ready)
        finally:
            with self._changed:
                self._has_ended = True
                self._changed.notify_all()

    def _hand_over(self, ready: Ready) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._ready is None)
            self._ready = ready
            self._changed.notify_all()


def _take(inboxes: Inboxes, active: Active, *, timeout_s: float) -> Ready | None:
    pipeline = active.take(timeout_s=timeout_s)
    if pipeline is None:
        return None
    delivery = inboxes.take(timeout_s=timeout_s)
    if delivery is None:
        active.release(pipeline)
        return None
    return _prepare(delivery, pipeline)


def _prepare(delivery: Delivery, pipeline: Pipeline) -> Ready:
    start_ns = monotonic_ns()
    prepared: Prepared | Exception
    try:
        prepared = pipeline.begin(delivery.sample)
    except Exception as exc:  # noqa: BLE001  one bad sample never ends a run on a device; the loop counts it
        prepared = exc
    end_ns = monotonic_ns()
    steps_ms = 0.0 if isinstance(prepared, Exception) else prepared.preprocess_ms
    return Ready(delivery, pipeline, prepared, (end_ns - start_ns) / 1e6 - steps_ms, end_ns)
