"""The rate limit of one source: evenly spaced by the times of capture, whatever the source's own rate."""

from __future__ import annotations

from edge_sdk.runtime.accounting import Cause
from edge_sdk.runtime.frame import Sample


class RateLimit:
    """A gate that lets so many samples a second pass, see `Gate`.

    Of the samples around the moment at which one is due it takes the nearest: 20 of 30 a second are two of each three,
    and a source of just this rate loses none by the jitter of its stamps.

    Attributes:
        fps: Samples a second; None lets all pass. May be changed from another thread.
    """

    def __init__(self, fps: float | None = None) -> None:
        self.fps = fps
        self._due_ns = 0.0
        self._last_ns: int | None = None

    def __call__(self, sample: Sample) -> Cause | None:
        """Return `slowed` where the sample is too early."""
        now_ns, last_ns, fps = sample.captured_ns, self._last_ns, self.fps
        self._last_ns = now_ns
        if fps is None:
            self._due_ns = 0.0
            return None
        period_ns = 1e9 / fps
        if last_ns is None or now_ns < last_ns:  # the first, or another beginning
            self._due_ns = now_ns
        interval_ns = min(period_ns, now_ns - last_ns) if last_ns is not None else 0.0
        if now_ns + interval_ns / 2 < self._due_ns:
            return "slowed"
        self._due_ns = max(self._due_ns + period_ns, now_ns + period_ns / 2)
        return None
