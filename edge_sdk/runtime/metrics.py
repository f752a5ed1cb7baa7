"""How long the stages take: percentiles of the last samples, in memory that does not grow."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np

from edge_sdk.tensors import Array

Stage = Literal["read", "wait", "preprocess", "infer", "decode", "own", "frame", "sink", "age"]
"""In the order of a sample's way: reading it, waiting for the model, the three declared steps, what the runtime adds to
them (`own`), these four together (`frame`), the sinks, and from capture to result (`age`)."""
_LAST = 4096


@dataclass(frozen=True, slots=True)
class Figures:
    """A stage's duration in milliseconds: over the last 4096 samples, or all in a sustained measurement.

    `count` is of all samples.
    """

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


class Durations(Protocol):
    """What keeps the durations of one stage; threads may use it at once."""

    def add(self, duration_ms: float) -> None:
        """Take one more."""

    def spent(self) -> tuple[int, float]:
        """Return how many there were, and their sum in milliseconds."""

    def figures(self) -> Figures:
        """Return the percentiles; NaN if there is nothing yet."""


class Ring:
    """The last durations of one stage; see `Durations`."""

    def __init__(self) -> None:
        self._values_ms = np.zeros(_LAST)
        self._count, self._total_ms = 0, 0.0
        self._lock = threading.Lock()

    def add(self, duration_ms: float) -> None:
        """Take one more; the oldest goes when the ring is full."""
        with self._lock:
            self._values_ms[self._count % _LAST] = duration_ms
            self._count += 1
            self._total_ms += duration_ms

    def spent(self) -> tuple[int, float]:
        """Return how many there were, and their sum in milliseconds."""
        with self._lock:
            return self._count, self._total_ms

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

    def __init__(self, kept: Callable[[], Durations] = Ring) -> None:
        """Begin with none.

        Args:
            kept: Makes what keeps the durations of one stage.
        """
        self._kept: Mapping[Stage, Durations] = {stage: kept() for stage in get_args(Stage)}

    def add(self, stage: Stage, duration_ms: float) -> None:
        """Take what one sample's stage took."""
        self._kept[stage].add(duration_ms)

    def spent(self, stage: Stage) -> tuple[int, float]:
        """Return of how many samples a stage is known, and what it took in all, in milliseconds."""
        return self._kept[stage].spent()

    def figures(self) -> Mapping[Stage, Figures]:
        """Return the figures of the stages that there were."""
        return {stage: figures for stage, kept in self._kept.items() if (figures := kept.figures()).count}


def _at(values: Array, share: float) -> float:
    """Return the value at a share of a sorted array, or between two of it; `np.percentile` would take 10 MB."""
    place = share * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return float(values[below] + (values[above] - values[below]) * (place - below))
