"""The pipeline that a run uses, exchanged between two samples: each sample goes the whole way through one of them."""

from __future__ import annotations

import threading

from edge_sdk.runtime.pipeline import Pipeline


class Active:
    """The pipeline in use.

    Attributes:
        pipeline: It.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self._users: dict[Pipeline, int] = {}
        self._changed = threading.Condition()

    def take(self) -> Pipeline:
        """Return the pipeline for one sample, which is to be released when the sample is done with."""
        with self._changed:
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
