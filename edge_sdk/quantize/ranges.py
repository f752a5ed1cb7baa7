"""Which range of a tensor the 256 steps of int8 cover.

- `minmax` covers all that was seen; `percentile` leaves out 0.01 % at each end where there are two; `mse` takes the
  range with the least expected squared error: rounding inside, clipping outside.
- A range always holds zero, and zero is one of its steps.
- Scale and zero point follow the ONNX definition: `real = (stored - zero_point) * scale`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_sdk.profiles import RangeMethod
from edge_sdk.quantize.histogram import Histogram

LOWEST, HIGHEST = -128, 127
_LEAST_SCALE = 1e-12
_KEPT = 0.9999
_CANDIDATES = np.linspace(1.0, 0.3, 57)


@dataclass(frozen=True, slots=True)
class Quant:
    """The scale and zero point of an int8 tensor."""

    scale: float
    zero_point: int

    @property
    def low(self) -> float:
        """The least value that can be represented."""
        return (LOWEST - self.zero_point) * self.scale

    @property
    def high(self) -> float:
        """The greatest value that can be represented."""
        return (HIGHEST - self.zero_point) * self.scale


def choose_range(histogram: Histogram, method: RangeMethod, *, symmetric: bool) -> tuple[float, float]:
    """Return the range (low <= 0 <= high) that the steps of int8 are to cover."""
    low, high = histogram.low, histogram.high
    if method == "percentile":
        low, high = _percentile(histogram)
    elif method == "mse":
        low, high = _least_error(histogram, symmetric=symmetric)
    if symmetric:
        high = max(-low, high)
        low = -high
    return low, high


def to_quant(low: float, high: float, *, symmetric: bool) -> Quant:
    """Return scale and zero point of a range; symmetric leaves -128 unused, so that both ends are alike."""
    if symmetric:
        return Quant(_float32(max(high, -low) / HIGHEST), 0)
    scale = _float32((high - low) / (HIGHEST - LOWEST))
    return Quant(scale, int(np.clip(round(LOWEST - low / scale), LOWEST, HIGHEST)))


def _float32(scale: float) -> float:
    """Return the scale as the model stores it, rounded down: an upper bound such as ReLU6's is never passed."""
    stored = np.float32(max(scale, _LEAST_SCALE))
    return float(np.nextafter(stored, np.float32(0)) if stored > scale >= _LEAST_SCALE else stored)


def _percentile(histogram: Histogram) -> tuple[float, float]:
    if histogram.exponent is None:
        return histogram.low, histogram.high
    counts = histogram.counts.copy()
    counts[len(counts) // 2] += histogram.zeros
    below = np.cumsum(counts) / counts.sum()
    edges = histogram.centres
    low = edges[int(np.searchsorted(below, 1 - _KEPT))]
    high = edges[min(int(np.searchsorted(below, _KEPT)), len(edges) - 1)]
    return min(0.0, max(histogram.low, float(low))), max(0.0, min(histogram.high, float(high)))


def _least_error(histogram: Histogram, *, symmetric: bool) -> tuple[float, float]:
    used = np.flatnonzero(histogram.counts)
    if not used.size:
        return histogram.low, histogram.high
    counts, centres = histogram.counts[used].astype(np.float64), histogram.centres[used]
    if symmetric:
        largest = max(-histogram.low, histogram.high)
        pairs = np.stack([-_CANDIDATES * largest, _CANDIDATES * largest], axis=1)
    else:
        lows = _CANDIDATES * histogram.low if histogram.low < 0 else np.zeros(1)
        highs = _CANDIDATES * histogram.high if histogram.high > 0 else np.zeros(1)
        pairs = np.stack(np.meshgrid(lows, highs, indexing="ij"), axis=-1).reshape(-1, 2)
    best = int(np.argmin(_expected_errors(pairs, centres, counts)))
    return float(pairs[best, 0]), float(pairs[best, 1])


def _expected_errors(
    pairs: npt.NDArray[np.float64], centres: npt.NDArray[np.float64], counts: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the summed squared error of each range [candidates, 2]."""
    low, high = pairs[:, :1], pairs[:, 1:]
    inside = ((centres >= low) & (centres <= high)) @ counts
    step = (high - low)[:, 0] / (HIGHEST - LOWEST)
    clipped = np.square(np.maximum(low - centres, 0)) @ counts + np.square(np.maximum(centres - high, 0)) @ counts
    return np.asarray(clipped + inside * np.square(step) / 12.0, np.float64)
