"""Looks at what the models of a run do: how each one is doing, and the last sample, for who wants to compare.

The run is never held up: what it shows is noted, and a sample that nobody has fetched gives way to the next.
"""

from __future__ import annotations

import math
import statistics
import threading
from collections import deque
from dataclasses import dataclass, field

from edge_sdk.runtime.frame import Outcome, Sample
from edge_sdk.runtime.pipeline import Pipeline

_LAST = 64


@dataclass(slots=True)
class Tally:
    """How a model does.

    Attributes:
        results: How many samples gave a result.
        errors: How many failed.
        last_ms: What the last of them took.
    """

    results: int = 0
    errors: int = 0
    last_ms: deque[float] = field(default_factory=lambda: deque(maxlen=_LAST))

    @property
    def median_ms(self) -> float:
        """What a sample takes; NaN if there was none."""
        return statistics.median(self.last_ms) if self.last_ms else math.nan


class Onlooker:
    """A `Witness`, for one swap."""

    def __init__(self) -> None:
        self._tallies: dict[Pipeline, Tally] = {}
        self._last: tuple[Sample, Outcome] | None = None
        self._changed = threading.Condition()

    def see(self, pipeline: Pipeline, sample: Sample, outcome: Outcome | None) -> None:
        """See `Witness.see`."""
        with self._changed:
            tally = self._tallies.setdefault(pipeline, Tally())
            if outcome is None:
                tally.errors += 1
            else:
                tally.results += 1
                tally.last_ms.append(outcome.timings.steps_ms)
                self._last = (sample, outcome)
            self._changed.notify_all()

    def next(self, *, timeout_s: float) -> tuple[Sample, Outcome] | None:
        """Return the last sample with its outcome, each one once; None if there is none in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._last is not None, timeout_s)
            last, self._last = self._last, None
            return last

    def tally(self, pipeline: Pipeline) -> Tally:
        """Return how a model has been doing."""
        with self._changed:
            tally = self._tallies.get(pipeline, Tally())
            return Tally(tally.results, tally.errors, deque(tally.last_ms))

    def wait_for_error(self, pipeline: Pipeline, *, timeout_s: float) -> None:
        """Wait until a model fails once more, or the time is over."""
        with self._changed:
            tally = self._tallies.setdefault(pipeline, Tally())
            errors = tally.errors
            self._changed.wait_for(lambda: tally.errors > errors, timeout_s)
