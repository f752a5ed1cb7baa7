"""Which range of a tensor the 256 steps of int8 cover.

- `minmax` covers all that was seen; `percentile` leaves out 0.01 % at each end where there are two; `mse` takes the
  range with the least expected squared error: clipping outside, rounding inside (what is nearer to zero than half a
  step becomes zero); `entropy` the one whose steps tell most of the distribution (Kullback and Leibler's divergence, as
  in Migacz 2017, "8-bit inference with TensorRT").
- A range always holds zero, and zero is one of its steps.
- Scale and zero point follow the ONNX definition: `real = (stored - zero_point) * scale`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_sdk.profiles import RangeMethod
from edge_sdk.quantize.histogram import Histogram

Range = tuple[float, float]
"""The least and the greatest value that the steps cover; zero lies between them."""
LOWEST, HIGHEST = -128, 127
_LEAST_SCALE = 1e-12
_LEAST_HALF = np.float16(2.0**-24)
_KEPT = 0.9999
_PERCENTILES = (0.99999, 0.9999, 0.9995, 0.999, 0.998)
_CANDIDATES = np.asarray(np.linspace(1.0, 0.3, 57), np.float64)


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


def choose_range(histogram: Histogram, method: RangeMethod, *, symmetric: bool) -> Range:
    """Return the range (low <= 0 <= high) that the steps of int8 are to cover; `auto` is for the caller to decide."""
    low, high = histogram.low, histogram.high
    if method == "percentile":
        low, high = _percentile(histogram, _KEPT)
    elif method == "mse":
        low, high = _least_error(histogram, symmetric=symmetric)
    elif method == "entropy":
        low, high = _least_divergence(histogram, symmetric=symmetric)
    return _around_zero(low, high) if symmetric else (low, high)


def candidate_ranges(histogram: Histogram, *, symmetric: bool) -> dict[str, Range]:
    """Return the ranges that are worth a trial, each once, by the name of the way in which it was found."""
    methods: tuple[RangeMethod, ...] = ("minmax", "mse", "entropy")
    found: dict[str, Range] = {method: choose_range(histogram, method, symmetric=symmetric) for method in methods}
    for kept in _PERCENTILES:
        low, high = _percentile(histogram, kept)
        found[f"percentile {kept:.3%}"] = _around_zero(low, high) if symmetric else (low, high)
    return {name: span for span, name in {span: name for name, span in reversed(found.items())}.items()}


def _around_zero(low: float, high: float) -> Range:
    return -max(-low, high), max(-low, high)


def to_quant(low: float, high: float, *, symmetric: bool) -> Quant:
    """Return scale and zero point of a range; symmetric lays 127 steps on either side of zero."""
    if symmetric:
        return Quant(_float32(max(high, -low) / HIGHEST), 0)
    scale = _float32((high - low) / (HIGHEST - LOWEST))
    return Quant(scale, int(np.clip(round(LOWEST - low / scale), LOWEST, HIGHEST)))


def up_to_half(scales: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the scales, raised to the next that float16 holds: steps mean the same in float16 and in float32."""
    wanted = np.asarray(scales, np.float64)
    halves = np.maximum(wanted.astype(np.float16), _LEAST_HALF)
    raised = np.where(halves.astype(np.float64) < wanted, np.nextafter(halves, np.float16(np.inf)), halves)
    return raised.astype(np.float64)


def _float32(scale: float) -> float:
    """Return the scale as the model stores it, rounded down: an upper bound such as ReLU6's is never passed."""
    stored = np.float32(max(scale, _LEAST_SCALE))
    above = float(stored) > scale >= _LEAST_SCALE  # as Python numbers: NumPy would compare in float32, and see no more
    return float(np.nextafter(stored, np.float32(0)) if above else stored)


def _percentile(histogram: Histogram, kept: float) -> Range:
    if histogram.exponent is None:
        return histogram.low, histogram.high
    counts = histogram.counts.copy()
    counts[len(counts) // 2] += histogram.zeros
    below = np.cumsum(counts) / counts.sum()
    edges = histogram.centres
    low = edges[int(np.searchsorted(below, 1 - kept))]
    high = edges[min(int(np.searchsorted(below, kept)), len(edges) - 1)]
    return min(0.0, max(histogram.low, float(low))), max(0.0, min(histogram.high, float(high)))


def _least_error(histogram: Histogram, *, symmetric: bool) -> tuple[float, float]:
    used = np.flatnonzero(histogram.counts)
    counts, centres = histogram.counts[used].astype(np.float64), histogram.centres[used]
    largest = max(-histogram.low, histogram.high)
    lows = _CANDIDATES * (-largest if symmetric else histogram.low)
    highs = _CANDIDATES * (largest if symmetric else histogram.high)
    below, clipped_below = _beyond(-lows, -centres, counts)
    above, clipped_above = _beyond(highs, centres, counts)
    steps = (highs - lows[:, None]) / (HIGHEST - LOWEST)
    vanishing, vanished = _within(steps / 2, np.abs(centres), counts)
    rounded = np.maximum(counts.sum() - below[:, None] - above - vanishing, 0.0)
    errors = clipped_below[:, None] + clipped_above + vanished + rounded * np.square(steps) / 12.0
    if symmetric:
        best = int(np.argmin(np.diagonal(errors)))
        return float(lows[best]), float(highs[best])
    row, column = np.unravel_index(int(np.argmin(errors)), errors.shape)
    return float(lows[row]), float(highs[column])


def _least_divergence(histogram: Histogram, *, symmetric: bool) -> Range:
    used = np.flatnonzero(histogram.counts)
    counts, centres = histogram.counts[used].astype(np.float64), histogram.centres[used]
    low, high = _around_zero(histogram.low, histogram.high) if symmetric else (histogram.low, histogram.high)
    divergences = [_divergence(counts, centres, (share * low, share * high)) for share in _CANDIDATES]
    share = float(_CANDIDATES[int(np.argmin(divergences))])
    return share * low, share * high


def _divergence(counts: npt.NDArray[np.float64], centres: npt.NDArray[np.float64], span: Range) -> float:
    """Return by how much a distribution differs from what is left of it: clipped, and even within each step."""
    step = (span[1] - span[0]) / (HIGHEST - LOWEST)
    inside = (centres >= span[0]) & (centres <= span[1])
    if step <= 0 or not inside.any():
        return float("inf")
    clipped = counts[inside].copy()
    clipped[0] += counts[centres < span[0]].sum()
    clipped[-1] += counts[centres > span[1]].sum()
    steps = np.rint((centres[inside] - span[0]) / step).astype(np.int64)
    even = (np.bincount(steps, counts[inside]) / np.maximum(np.bincount(steps), 1))[steps]
    shares, others = clipped / clipped.sum(), even / even.sum()
    return float((shares * np.log(shares / others)).sum())


def _beyond(
    limits: npt.NDArray[np.float64], centres: npt.NDArray[np.float64], counts: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return how many values lie above each limit, and the squared error of clipping them to it."""
    over = np.maximum(centres - limits[:, None], 0.0)
    return (over > 0) @ counts, np.square(over) @ counts


def _within(
    limits: npt.NDArray[np.float64], magnitudes: npt.NDArray[np.float64], counts: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return how many values are nearer to zero than each limit, and the squared error of rounding them to zero."""
    order = np.argsort(magnitudes)
    index = np.searchsorted(magnitudes[order], limits)
    number = np.append(0.0, np.cumsum(counts[order]))
    error = np.append(0.0, np.cumsum(counts[order] * np.square(magnitudes[order])))
    return number[index], error[index]
