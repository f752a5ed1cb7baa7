"""Answers that are others for a moment: a box that vanishes or appears for one picture, a class that changes back.

An answer before, one that differs from it, and soon one that agrees with the first again: the one between is wrong, or
the two around it are. It is told for every task by its own agreement:

    flicker = agreement(before, after) - agreement(before, between)
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_sdk.runtime.frame import Outcome, Sample
from edge_sdk.runtime.sinks.keep.reasons import bare
from edge_sdk.tasks import Result, Task

LEAST = 0.1
"""Least flicker that is one; one box of seven that blinks."""
_BACK_WITHIN = 5
"""Results, in which an answer must be back."""
_NEIGHBOURS_NS = 2_000_000_000
"""From the answer before to the one after; what lies further apart are no neighbours."""


@dataclass(frozen=True, slots=True)
class Flickered:
    """A sample whose answer was another one for a moment, and how much."""

    sample: Sample
    outcome: Outcome
    score: float


class Flicker:
    """Watches the answers of one source; holds one sample at most."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._before: tuple[int, Result] | None = None
        self._between: tuple[Sample, Outcome, float] | None = None
        self._since = 0

    def see(self, sample: Sample, outcome: Outcome) -> Flickered | None:
        """Take the next answer; return the sample that flickered, if that is known now."""
        now_ns, value = sample.captured_ns, bare(outcome.value)
        if self._before is None or not 0 < now_ns - self._before[0] <= _NEIGHBOURS_NS:
            self._start(now_ns, value)
            return None
        agreement = self._task.agreement(self._before[1], value)
        if self._between is None:
            self._begin_if_changed(sample, outcome, agreement)
            return None
        between, between_outcome, at_change = self._between
        self._since += 1
        if agreement - at_change >= LEAST:
            self._start(now_ns, value)
            return Flickered(between, between_outcome, agreement - at_change)
        if self._since >= _BACK_WITHIN:
            self._start(now_ns, value)
        return None

    def _begin_if_changed(self, sample: Sample, outcome: Outcome, agreement: float) -> None:
        if agreement > 1 - LEAST:
            self._before = (sample.captured_ns, bare(outcome.value))
        else:
            self._between, self._since = (sample, outcome, agreement), 0

    def _start(self, now_ns: int, value: Result) -> None:
        self._before, self._between, self._since = (now_ns, value), None, 0
