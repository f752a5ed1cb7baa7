"""The distribution of a tensor's values, collected value by value in bounded memory.

- Bins are as wide as a power of two and stand on multiples of their width. A value beyond the last bin doubles the
  width, and two bins become one, exactly: the result does not depend on the order of the samples nor on how they were
  split.
- Of an array of more than `MOST_VALUES` values some from all over it are counted; the extremes are those of all.
- Exact zeros are counted apart: zero is represented without error, so it has no part in the rounding error.
- Memory is `BINS` counters, whatever the number of samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

BINS = 4096
MOST_VALUES = 1 << 17
_HALF = BINS // 2
_LEAST_EXPONENT = -60
_CHUNK = 1 << 16
"""Values at a time: what fits the cache is ten times as fast."""


@dataclass(slots=True)
class Histogram:
    """Counts of values in `BINS` bins around zero; a bin is 2**exponent wide.

    Attributes:
        counts: One count a bin; bin i holds values from `(i - BINS / 2) * width` up.
        exponent: Power of two of the bin's width; None before the first value other than zero.
        low: Least value seen, at most 0.
        high: Greatest value seen, at least 0.
        zeros: Count of exact zeros, not in `counts`.
        unusable: Count of NaN and infinite values, not in `counts`.
    """

    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    exponent: int | None = None
    low: float = 0.0
    high: float = 0.0
    zeros: int = 0
    unusable: int = 0

    @property
    def width(self) -> float:
        """The width of a bin."""
        return float(np.ldexp(1.0, self.exponent if self.exponent is not None else 0))

    @property
    def centres(self) -> npt.NDArray[np.float64]:
        """The middle of each bin."""
        return np.asarray((np.arange(BINS) - _HALF + 0.5) * self.width, np.float64)

    def add(self, values: npt.NDArray[Any]) -> None:
        """Count the values of an array of any shape."""
        flat = np.asarray(values, np.float32).ravel()
        if not flat.size:
            return
        low, high = float(flat.min()), float(flat.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            usable = flat[np.isfinite(flat)]
            self.unusable += flat.size - usable.size
            self.add(usable)
            return
        self.low, self.high = min(self.low, low), max(self.high, high)
        self._widen(max(-low, high))
        flat = _spread(flat)
        zeros = int(np.count_nonzero(flat == 0))  # of floats themselves it counts ten times as slowly
        self.zeros += zeros
        if self.exponent is None:
            return
        exact = np.float32 if self.exponent <= 0 else np.float64  # where no product is rounded, nor becomes zero
        per_width = exact(1.0 / self.width)
        for start in range(0, flat.size, _CHUNK):
            bins = np.floor(flat[start : start + _CHUNK] * per_width)
            bins += _HALF
            self.counts += np.bincount(bins.astype(np.int64), minlength=BINS)
        self.counts[_HALF] -= zeros

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the state, for `restore`."""
        exponents = [] if self.exponent is None else [self.exponent]
        return {
            "counts": self.counts,
            "exponent": np.array(exponents, np.int64),
            "bounds": np.array([self.low, self.high]),
            "apart": np.array([self.zeros, self.unusable]),
        }

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from a state that `to_arrays` returned."""
        self.counts = arrays["counts"]
        self.exponent = next(iter(arrays["exponent"].tolist()), None)
        self.low, self.high = arrays["bounds"].tolist()
        self.zeros, self.unusable = arrays["apart"].tolist()

    def _widen(self, magnitude: float) -> None:
        """Make the bins wide enough that a value of this magnitude, and its negative, has one."""
        if magnitude == 0:
            return
        exponent = max(int(np.frexp(magnitude)[1]) - int(np.log2(_HALF)), _LEAST_EXPONENT)
        if self.exponent is None or exponent > self.exponent:
            self._widen_to(exponent)

    def _widen_to(self, exponent: int) -> None:
        if self.exponent is not None:
            for _ in range(exponent - self.exponent):
                self.counts = _halved(self.counts)
        self.exponent = exponent


def _spread(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return at most `MOST_VALUES` of the values, in steps that are no multiple of a picture's rows or columns."""
    step = -(-values.size // MOST_VALUES)
    while math.gcd(step, values.size) > 1:
        step += 1
    return values[::step]


def _halved(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the counts with each pair of bins made one, still around zero."""
    pairs = counts.reshape(-1, 2).sum(axis=1)
    wide = np.zeros(BINS, np.int64)
    wide[_HALF - _HALF // 2 : _HALF + _HALF // 2] = pairs
    return wide
