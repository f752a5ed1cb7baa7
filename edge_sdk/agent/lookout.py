"""What is seen of the model in use, beat by beat: how a candidate does, and what its successor is compared to."""

from __future__ import annotations

from dataclasses import replace

from edge_sdk.agent.health import Baseline, Beat, Health, observe

_WINDOW_S = 60.0
"""So far back goes what is usual."""


class Lookout:
    """Sees one model at a time.

    Attributes:
        health: How it does since it became active; of a model that is not on trial, since the window began.
    """

    def __init__(self, now_s: float) -> None:
        """Begin with nothing seen."""
        self.health, self._before = Health.begin(now_s), Baseline()

    @property
    def usual(self) -> Baseline:
        """How the model in use does: lately, or in the minute before."""
        lately = self.health.baseline
        return lately if lately.latency_ms else self._before

    def begin(self, now_s: float) -> None:
        """See another model from now on."""
        self._before, self.health = self.usual, Health.begin(now_s)

    def see(self, beat: Beat | None, now_s: float) -> None:
        """See a beat, or that there was none."""
        self.health = observe(self.health, beat, now_s)

    def roll(self, now_s: float) -> None:
        """Let go of what is older than the window."""
        if now_s - self.health.since_s >= _WINDOW_S:
            self.begin(now_s)

    def hear(self, now_s: float) -> None:
        """Take a worker that is started again for a sign of life."""
        self.health = replace(self.health, now_s=now_s, heard_s=now_s)
