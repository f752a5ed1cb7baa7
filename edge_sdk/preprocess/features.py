"""Features of windows by NumPy: a vector of statistics and bands; the same numbers in calibration and on the board."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import pairwise

import numpy as np

from edge_sdk.preprocess.features_record import Bands, Features, Log, Statistic, Taper
from edge_sdk.tensors import Array


def vector(features: Features, window: Array, *, rate_hz: float | None) -> Array:
    """Return the features of a window [samples, columns], column after column, of each its statistics, then its bands.

    Args:
        features: Which.
        window: Sensor values.
        rate_hz: Rows a second; for bands only.
    """
    parts = [_STATISTICS[name](window) for name in features.statistics]
    if features.bands is not None and rate_hz is not None:
        parts += [*_band_powers(features.bands, window, rate_hz)]
    values = np.stack(parts).T.reshape(-1)
    return np.asarray((values - np.array(features.mean)) / np.array(features.std))


def logarithm(values: Array, log: Log, *, decibels: float = 10.0) -> Array:
    """Return the logarithm of positive values; `decibels` times the decimal one for `db`."""
    if log == "none":
        return values
    return np.log(values) if log == "ln" else np.log10(values) * (decibels if log == "db" else 1.0)


@lru_cache(maxsize=16)
def taper_of(name: Taper, samples: int) -> Array:
    """Return a taper in its periodic form, as spectra want it."""
    angles = 2 * np.pi * np.arange(samples) / samples
    base = {"hann": 0.5, "hamming": 0.54, "ones": 1.0}[name]
    return base - (1 - base) * np.cos(angles)


def _band_powers(bands: Bands, window: Array, rate_hz: float) -> Array:
    """Return the power in each band, [bands, columns]: the one-sided periodogram's density times the bins' width."""
    samples = len(window)
    taper = taper_of(bands.taper, samples)[:, np.newaxis]
    powers = np.abs(np.fft.rfft((window - window.mean(axis=0)) * taper, axis=0)) ** 2 / (samples * np.sum(taper**2))
    powers[1 : (samples + 1) // 2] *= 2  # the other side's, but not of nought, and not of half the rate
    edges = np.searchsorted(np.fft.rfftfreq(samples, 1 / rate_hz), bands.edges_hz)
    sums = np.stack([powers[low:high].sum(axis=0) for low, high in pairwise(edges)])
    return sums if bands.log == "none" else logarithm(np.maximum(sums, bands.floor), bands.log)


def _ratio(above: Array, below: Array) -> Array:
    return np.asarray(np.divide(above, below, out=np.zeros_like(above), where=below > 0))


def _rms(window: Array) -> Array:
    return np.asarray(np.sqrt(np.mean(window**2, axis=0)))


def _mean_abs(window: Array) -> Array:
    return np.asarray(np.mean(np.abs(window), axis=0))


def _peak(window: Array) -> Array:
    return np.asarray(np.max(np.abs(window), axis=0))


def _moment(window: Array, order: int) -> Array:
    """Return the central moment divided by the deviation to its power; 0 where a column stands still."""
    centred = window - window.mean(axis=0)
    deviation = np.where(np.ptp(window, axis=0) > 0, window.std(axis=0), 0.0)
    return _ratio(np.mean(centred**order, axis=0), deviation**order)


def _zero_crossings(window: Array) -> Array:
    signs = window >= 0
    return np.mean(signs[1:] != signs[:-1], axis=0) if len(window) > 1 else np.zeros(window.shape[1])


_STATISTICS: Mapping[Statistic, Callable[[Array], Array]] = {
    "mean": lambda window: window.mean(axis=0),
    "std": lambda window: window.std(axis=0),
    "rms": _rms,
    "min": lambda window: window.min(axis=0),
    "max": lambda window: window.max(axis=0),
    "peak": _peak,
    "peak_to_peak": lambda window: np.ptp(window, axis=0),
    "mean_abs": _mean_abs,
    "crest": lambda window: _ratio(_peak(window), _rms(window)),
    "shape": lambda window: _ratio(_rms(window), _mean_abs(window)),
    "skewness": lambda window: _moment(window, 3),
    "kurtosis": lambda window: _moment(window, 4),
    "excess_kurtosis": lambda window: np.where(np.ptp(window, axis=0) > 0, _moment(window, 4) - 3, 0.0),
    "zero_crossings": _zero_crossings,
}
