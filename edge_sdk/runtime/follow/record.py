"""What all followers share: the interface, and how much of the time went unseen."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from edge_sdk.errors import InputError
from edge_sdk.runtime.frame import Outcome

_ONE_SIDED_95 = 1.645


class Follower(Protocol):
    """Something that knows what came before; used from one thread, for one source."""

    def follow(self, outcome: Outcome) -> Outcome:
        """Return the outcome with what it means after those before it."""


class BySource:
    """A follower of its own for each source; a folder's pictures are sources each, so it is followed alone.

    Example:
        >>> run = Run(pipeline, sources, follow=BySource(TrackFollower, most=len(sources)).follow)  # doctest: +SKIP
    """

    def __init__(self, make: Callable[[], Follower], *, most: int) -> None:
        """Follow as many sources.

        Args:
            make: Makes a follower.
            most: The number of sources; of one, all outcomes are followed together.
        """
        self._make, self._most = make, most
        self._followers: dict[str, Follower] = {}

    def follow(self, outcome: Outcome) -> Outcome:
        """Return the outcome with what it means after those of its source.

        Raises:
            InputError: It comes from one source more than there are.
        """
        name = outcome.source if self._most > 1 else ""
        if name not in self._followers:
            if len(self._followers) >= self._most:
                raise InputError(
                    f"follow: expected {self._most} sources, got {outcome.source} too",
                    hint="follow a folder of pictures without another source",
                )
            self._followers[name] = self._make()
        return self._followers[name].follow(outcome)


@dataclass(frozen=True, slots=True)
class Step:
    """From one outcome to the next.

    Attributes:
        start_s: Capture time of the one before, in seconds.
        end_s: Capture time of this one.
        dropped: How many samples between them gave no result.
    """

    start_s: float
    end_s: float
    dropped: int

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end_s - self.start_s


@dataclass(slots=True)
class Watch:
    """How long was watched, and how much of that could not be seen.

    Attributes:
        blind_from_s: A gap between two results that is longer than this can hide a whole passage.
        seen: Samples with a result.
        dropped: Samples without.
        watched_s: Seconds from the first result to the last.
        blind_s: Seconds of gaps that can hide a whole passage.
    """

    blind_from_s: float
    seen: int = 0
    dropped: int = 0
    watched_s: float = 0.0
    blind_s: float = 0.0
    _last: tuple[int, float] | None = field(default=None, repr=False)

    def step(self, seq: int, at_s: float) -> Step | None:
        """Take one outcome; return the step from the last, None if there is none or time went backwards."""
        last, self._last = self._last, (seq, at_s)
        self.seen += 1
        if last is None or at_s < last[1] or seq <= last[0]:
            return None
        step = Step(last[1], at_s, seq - last[0] - 1)
        self.dropped += step.dropped
        self.watched_s += step.seconds
        self.blind_s += step.seconds if step.seconds > self.blind_from_s else 0.0
        return step

    @property
    def unseen_share(self) -> float:
        """The share of the samples that gave no result, 0 to 1."""
        return self.dropped / (self.seen + self.dropped) if self.dropped else 0.0

    def missed_at_most(self, count: int) -> int:
        """Return how many of what was counted can have passed unseen: 95 % of the time no more, at the same rate."""
        seen_s = self.watched_s - self.blind_s
        if not self.blind_s:
            return 0
        expected = max(count, 1) * self.blind_s / seen_s if seen_s > 0 else math.inf
        if not math.isfinite(expected):
            return max(count, 1)
        return math.ceil(expected + _ONE_SIDED_95 * math.sqrt(expected))
