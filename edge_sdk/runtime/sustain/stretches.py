"""The first and the last minute of a measurement, from looks of each second, in memory that does not grow."""

from __future__ import annotations

import math
from collections import deque

from edge_sdk.runtime.sustain.record import Look, Stretch

_LONGEST_S = 60.0


class Stretches:
    """A minute at each end; a third of the time where that is less, so that something lies between."""

    def __init__(self, first: Look, *, duration_s: float) -> None:
        """Begin.

        Args:
            first: The look at the start.
            duration_s: How long is measured.
        """
        self._span_s = min(_LONGEST_S, duration_s / 3)
        self._start = self._first_end = first
        self._last: deque[Look] = deque([first], maxlen=math.ceil(self._span_s) + 1)

    def take(self, look: Look) -> None:
        """Take the look of one more second."""
        if self._first_end.at_s - self._start.at_s < self._span_s:
            self._first_end = look
        self._last.append(look)

    def first(self) -> Stretch:
        """Return the first stretch."""
        return _between(self._start, self._first_end)

    def last(self) -> Stretch:
        """Return the last one."""
        return _between(self._last[0], self._last[-1])


def _between(start: Look, end: Look) -> Stretch:
    elapsed_s, frames = end.at_s - start.at_s, end.frames - start.frames
    return Stretch(
        from_s=round(start.at_s, 1),
        to_s=round(end.at_s, 1),
        results_per_s=round(frames / elapsed_s, 2) if elapsed_s else 0.0,
        frame_ms=round((end.frames_ms - start.frames_ms) / frames, 4) if frames else math.nan,
        resident_bytes=end.used.resident_bytes,
    )
