"""The pipeline that a run uses, exchanged between two samples: each sample goes the whole way through one of them.

- It can also be taken away for a while, when two models do not fit: nothing is taken then.
- A witness may look at what becomes of each sample; it decides nothing, and is done with it at once.
"""

from __future__ import annotations

import threading
from typing import Protocol

from edge_sdk.runtime.frame import Outcome, Sample
from edge_sdk.runtime.inbox import Inboxes
from edge_sdk.runtime.pipeline import Pipeline


class Witness(Protocol):
    """Who looks at what becomes of samples."""

    def see(self, pipeline: Pipeline, sample: Sample, outcome: Outcome | None) -> None:
        """Take note of a sample and its outcome, None if it failed; called by the run, which waits meanwhile."""


class Active:
    """The pipeline in use.

    Attributes:
        pipeline: It.
        witness: Who looks on.
        candidates_from: From which score on candidates are wanted beside results; see `Pipeline.process`.
    """

    def __init__(self, pipeline: Pipeline, inboxes: Inboxes) -> None:
        self.pipeline = pipeline
        self.witness: Witness | None = None
        self.candidates_from: float | None = None
        self._inboxes, self._is_there = inboxes, True
        self._users: dict[Pipeline, int] = {}
        self._changed = threading.Condition()

    def take(self, *, timeout_s: float) -> Pipeline | None:
        """Return the pipeline for one sample, to be released when the sample is done with; None if there is none.

        It is taken before the sample is, so that nothing can come between them.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_there, timeout_s):
                return None
            self._users[self.pipeline] = self._users.get(self.pipeline, 0) + 1
            return self.pipeline

    def release(self, pipeline: Pipeline) -> None:
        """Say that a sample is done with its pipeline."""
        with self._changed:
            self._users[pipeline] -= 1
            if not self._users[pipeline]:
                del self._users[pipeline]
                self._changed.notify_all()

    def exchange(self, pipeline: Pipeline) -> Pipeline:
        """Let the next sample be taken by another pipeline; return the one before when no sample needs it any more."""
        with self._changed:
            before, self.pipeline = self.pipeline, pipeline
            self._changed.wait_for(lambda: before not in self._users)
            return before

    def suspend(self) -> Pipeline:
        """Take no more samples; return the pipeline when no sample needs it any more."""
        with self._changed:
            self._is_there = False
        self._inboxes.tell_model(is_there=False)
        return self.exchange(self.pipeline)

    def resume(self, pipeline: Pipeline) -> None:
        """Go on with another pipeline, or the same one again."""
        self._inboxes.tell_model(is_there=True)
        with self._changed:
            self.pipeline, self._is_there = pipeline, True
            self._changed.notify_all()
