"""Spectrograms, mel bands and cepstral coefficients by NumPy, checked against librosa, SciPy and TensorFlow."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from edge_sdk.preprocess.features import logarithm, taper_of
from edge_sdk.preprocess.features_record import Spectrogram
from edge_sdk.tensors import Array

_SLANEY_LINEAR_HZ, _SLANEY_KNEE_HZ, _SLANEY_STEP = 200 / 3, 1000.0, np.log(6.4) / 27


def spectrogram(steps: Spectrogram, window: Array, *, rate_hz: float) -> Array:
    """Return frames over frequency of each column of a window [samples, columns].

    Args:
        steps: What is computed.
        window: Sensor values, or sound.
        rate_hz: Samples a second.

    Returns:
        [columns, frames, bands], or [columns, bands, frames] with the order `bands-first`.
    """
    columns = np.stack([_of_column(steps, column, rate_hz) for column in window.T])
    return columns.swapaxes(1, 2) if steps.order == "bands-first" else columns


def _of_column(steps: Spectrogram, signal: Array, rate_hz: float) -> Array:
    spectra = np.abs(np.fft.rfft(_frames(steps, signal) * taper_of(steps.taper, steps.frame), steps.transform, axis=1))
    values = spectra**steps.power
    if steps.mels:
        values = values @ mel_filters(steps, rate_hz).T
    values = _to_log(steps, values)
    if steps.coefficients:
        values = values @ _cosines(steps.coefficients, values.shape[1], is_ortho=steps.dct == "ortho").T
    return np.asarray((values - np.array(steps.mean)) / np.array(steps.std))


def _frames(steps: Spectrogram, signal: Array) -> Array:
    """Return the frames of a signal, [frames, samples of a frame]."""
    if steps.pad != "none":
        signal = np.pad(signal, steps.transform // 2, mode="constant" if steps.pad == "zeros" else "reflect")
    before = (steps.transform - steps.frame) // 2 if steps.align == "centre" else 0
    reach = steps.transform if steps.align == "centre" else steps.frame
    count = 1 + (len(signal) - reach) // steps.hop
    return np.lib.stride_tricks.sliding_window_view(signal[before:], steps.frame)[:: steps.hop][: max(count, 0)]


def _to_log(steps: Spectrogram, values: Array) -> Array:
    if steps.log == "none":
        return values
    lifted = values + steps.floor if steps.floor_by == "add" else np.maximum(values, steps.floor)
    told = logarithm(lifted, steps.log, decibels=20.0 / steps.power)
    return told if steps.top_db is None else np.maximum(told, told.max() - steps.top_db)


@lru_cache(maxsize=16)
def mel_filters(steps: Spectrogram, rate_hz: float) -> Array:
    """Return the weights of the transform's bins in each mel band, [mels, bins]."""
    least, most = _to_mel(np.array([steps.min_hz, steps.max_hz or rate_hz / 2]), steps.scale)
    edges_mel = np.linspace(least, most, steps.mels + 2)
    edges_hz = _to_hz(edges_mel, steps.scale)
    bins_hz = np.fft.rfftfreq(steps.transform, 1 / rate_hz)
    over_hz = steps.triangles == "hz"
    edges, bins = (edges_hz, bins_hz) if over_hz else (edges_mel, _to_mel(bins_hz, steps.scale))
    rising = (bins - edges[:-2, np.newaxis]) / np.diff(edges)[:-1, np.newaxis]
    falling = (edges[2:, np.newaxis] - bins) / np.diff(edges)[1:, np.newaxis]
    weights: Array = np.maximum(0, np.minimum(rising, falling))
    return weights * (2 / (edges_hz[2:] - edges_hz[:-2]))[:, np.newaxis] if steps.norm == "slaney" else weights


@lru_cache(maxsize=16)
def _cosines(coefficients: int, bands: int, *, is_ortho: bool) -> Array:
    """Return the cosine transform of kind II, [coefficients, bands]."""
    orders, places = np.arange(coefficients)[:, np.newaxis], np.arange(bands) + 0.5
    matrix: Array = np.cos(np.pi * orders * places / bands) * np.sqrt(2 / bands)
    if is_ortho:
        matrix[0] /= np.sqrt(2)
    return matrix


def _to_mel(hz: Array, scale: str) -> Array:
    if scale == "htk":
        return np.asarray(2595.0 * np.log10(1 + hz / 700.0))
    above = _SLANEY_KNEE_HZ / _SLANEY_LINEAR_HZ + np.log(np.maximum(hz, 1e-9) / _SLANEY_KNEE_HZ) / _SLANEY_STEP
    return np.where(hz < _SLANEY_KNEE_HZ, hz / _SLANEY_LINEAR_HZ, above)


def _to_hz(mel: Array, scale: str) -> Array:
    if scale == "htk":
        return np.asarray(700.0 * (10 ** (mel / 2595.0) - 1))
    knee = _SLANEY_KNEE_HZ / _SLANEY_LINEAR_HZ
    return np.where(mel < knee, mel * _SLANEY_LINEAR_HZ, _SLANEY_KNEE_HZ * np.exp(_SLANEY_STEP * (mel - knee)))
