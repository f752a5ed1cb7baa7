"""The one clock of frames, samples and results: monotonic nanoseconds.

Wall time is never used for intervals: boards have no battery clock, so it jumps after boot.
"""

from __future__ import annotations

import time


def monotonic_ns() -> int:
    """Return CLOCK_MONOTONIC in nanoseconds, the clock that V4L2 and libcamera stamp frames with."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)
