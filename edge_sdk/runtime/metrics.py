"""How long the stages take: percentiles of the last samples, in memory that does not grow."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from edge_sdk.tensors import Array

Stage = Literal["read", "wait", "preprocess", "infer", "decode", "own", "frame", "sink", "age"]
"""In the order of a sample's way: reading it, waiting for the model, the three declared steps, what the runtime adds to
them (`own`), these four together (`frame`), the sinks, and from capture to result (`age`)."""
_LAST = 4096


@dataclass(frozen=True, slots=True)
class Figures:
    """A stage's duration over the last 4096 samples, in milliseconds; `count` is of all samples."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


class Ring:
    """The last durations of one stage."""

    def __init__(self) -> None:
        self._values_ms = np.zeros(_LAST)
        self._count = 0
        self._lock = threading.Lock()

    def add(self, duration_ms: float) -> None:
        """Take one more; the oldest goes when the ring is full."""
        with self._lock:
            self._values_ms[self._count % _LAST] = duration_ms
            self._count += 1

    def figures(self) -> Figures:
        """Return the percentiles; NaN if there is nothing yet."""
        with self._lock:
            count, last = self._count, self._values_ms[: self._count].copy()
        if not count:
            return Figures(0, math.nan, math.nan, math.nan, math.nan)
        last.sort()
        p50, p95, p99 = (round(_at(last, share), 4) for share in (0.5, 0.95, 0.99))
        return Figures(count, p50, p95, p99, round(float(last[-1]), 4))


class Stages:
    """The durations of all stages of a run; stages of different threads may be added at once."""

    def __init__(self) -> None:
        self._rings = {stage: Ring() for stage in get_args(Stage)}

    def add(self, stage: Stage, duration_ms: float) -> None:
        """Take what one sample's stage took."""
        self._rings[stage].add(duration_ms)

    def figures(self) -> Mapping[Stage, Figures]:
        """Return the figures of the stages that there were."""
        return {stage: figures for stage, ring in self._rings.items() if (figures := ring.figures()).count}


def _at(values: Array, share: float) -> float:
    """Return the value at a share of a sorted array, or between two of it; `np.percentile` would take 10 MB."""
    place = share * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return float(values[below] + (values[above] - values[below]) * (place - below))
