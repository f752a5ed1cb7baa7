"""How long a stage took over a whole run, however long: counts by size, in memory that does not grow.

Each bucket is a hundredth wider than the one before, so percentiles are right within half a percent.
"""

from __future__ import annotations

import math
import threading

import numpy as np

from edge_sdk.runtime.metrics import Figures

_LEAST_MS = 1e-4
_MOST_MS = 1e8
_RATIO = 1.01
_BUCKETS = math.ceil(math.log(_MOST_MS / _LEAST_MS) / math.log(_RATIO))


class Histogram:
    """All durations of one stage; see `Durations`."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BUCKETS, np.int64)
        self._total_ms = self._max_ms = 0.0
        self._lock = threading.Lock()

    def add(self, duration_ms: float) -> None:
        """Take one more."""
        bucket = int(math.log(max(duration_ms, _LEAST_MS) / _LEAST_MS) / math.log(_RATIO))
        with self._lock:
            self._counts[min(bucket, _BUCKETS - 1)] += 1
            self._total_ms += duration_ms
            self._max_ms = max(self._max_ms, duration_ms)

    def spent(self) -> tuple[int, float]:
        """Return how many there were, and their sum in milliseconds."""
        with self._lock:
            return int(self._counts.sum()), self._total_ms

    def figures(self) -> Figures:
        """Return the percentiles; NaN if there is nothing yet."""
        with self._lock:
            up_to, max_ms = np.cumsum(self._counts), self._max_ms
        count = int(up_to[-1])
        if not count:
            return Figures(0, math.nan, math.nan, math.nan, math.nan)
        places = np.searchsorted(up_to, [share * (count - 1) + 1 for share in (0.5, 0.95, 0.99)])
        p50, p95, p99 = (min(max_ms, _LEAST_MS * _RATIO ** (float(place) + 0.5)) for place in places)
        return Figures(count, round(p50, 4), round(p95, 4), round(p99, 4), round(max_ms, 4))
