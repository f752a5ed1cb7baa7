"""Classes over time become events: a keyword, a sound, a state of a machine.

- Probabilities are averaged over the last `window_s` seconds of the capture clock: one confident slip is no event.
- An event starts when an averaged class reaches the threshold, and its class rests for `refractory_s` seconds: a word
  is heard once, though many windows hold it.
- A gap longer than the window starts anew: what was before it says nothing of now.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from edge_sdk.errors import InputError
from edge_sdk.runtime.frame import Outcome
from edge_sdk.tasks import Classification

_MOST = 10_000
"""Most outcomes in a window; older ones are left out."""


@dataclass(frozen=True, slots=True)
class EventOptions:
    """What makes an event.

    Attributes:
        threshold: Least averaged probability, above 0 to 1.
        window_s: Over how many seconds it is averaged.
        refractory_s: For how many seconds after an event its class starts no other.
        quiet: Names of classes that are no events, such as silence.
    """

    threshold: float = 0.6
    window_s: float = 0.5
    refractory_s: float = 1.0
    quiet: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: The threshold is not above 0 and at most 1, or a span is negative.
        """
        if not 0 < self.threshold <= 1:
            raise InputError(f"threshold: expected more than 0, up to 1, got {self.threshold}")
        if not (self.window_s >= 0 and self.refractory_s >= 0):
            raise InputError(f"window_s, refractory_s: expected 0 or more, got {self.window_s} and {self.refractory_s}")


@dataclass(frozen=True, slots=True)
class Heard:
    """Classes of one sample, and the events that start with it.

    Attributes:
        value: The sample's own classes.
        events: Classes that start events, with their averaged probabilities.
    """

    value: Classification
    events: Classification

    def to_data(self, labels: Sequence[str]) -> dict[str, Any]:
        """Return the sample's classes, and `events` in the same form."""
        return {**self.value.to_data(labels), "events": self.events.to_data(labels)["classes"]}


class EventFollower:
    """Averages classes, and tells events."""

    def __init__(self, options: EventOptions | None = None) -> None:
        """Start having heard nothing."""
        self._options = options or EventOptions()
        self._window: deque[tuple[float, dict[int, float]]] = deque(maxlen=_MOST)
        self._rests_until_s: dict[int, float] = {}

    def follow(self, outcome: Outcome) -> Outcome:
        """Return the outcome with the events that start with it.

        Raises:
            InputError: Its value has no classes.
        """
        value = outcome.value
        if not isinstance(value, Classification):
            raise InputError(f"events: expected a classification, got {type(value).__name__}")
        at_s = outcome.captured_ns / 1e9
        if self._window and not 0 <= at_s - self._window[-1][0] <= max(self._options.window_s, 1e-9):
            self._window.clear()
        if self._rests_until_s and at_s < min(self._rests_until_s.values()) - self._options.refractory_s:
            self._rests_until_s.clear()  # time went backwards: a clip that is replayed
        self._window.append((at_s, dict(zip(value.classes, value.scores, strict=True))))
        while at_s - self._window[0][0] > self._options.window_s:
            self._window.popleft()
        return replace(outcome, value=Heard(value, self._started(at_s, outcome.labels)))

    def _started(self, at_s: float, labels: Sequence[str]) -> Classification:
        means: dict[int, float] = {}
        for _, scores in self._window:
            for index, score in scores.items():
                means[index] = means.get(index, 0.0) + score / len(self._window)
        started = [
            (index, mean)
            for index, mean in sorted(means.items(), key=lambda pair: -pair[1])
            if mean >= self._options.threshold and self._may_start(index, at_s, labels)
        ]
        for index, _ in started:
            self._rests_until_s[index] = at_s + self._options.refractory_s
        return Classification(tuple(index for index, _ in started), tuple(mean for _, mean in started))

    def _may_start(self, index: int, at_s: float, labels: Sequence[str]) -> bool:
        name = labels[index] if index < len(labels) else ""
        return name not in self._options.quiet and at_s >= self._rests_until_s.get(index, at_s)
