"""Rows of sensor values to tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.errors import InputError
from edge_sdk.preprocess.features import vector
from edge_sdk.preprocess.spectrogram import spectrogram
from edge_sdk.preprocess.window_record import WindowSteps
from edge_sdk.tensors import Array

_LEAST_STD = 1e-6


def cut_windows(steps: WindowSteps, rows: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    """Cut rows into windows; what is left at the end and fills no window is not used.

    Args:
        steps: Length and hop.
        rows: Sensor values [rows, columns].

    Yields:
        Windows [samples, columns].
    """
    for start in range(0, len(rows) - steps.samples + 1, steps.hop):
        yield rows[start : start + steps.samples]


def prepare_window(steps: WindowSteps, window: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Turn one window [samples, columns] into the model's input.

    With `normalize="window"` each column has its own mean subtracted and is divided by its standard deviation + 1e-6.

    Returns:
        Rows: [1, columns, samples], [1, samples, columns] or [1, samples], as `layout` says. A vector of features: [1,
        features]. A spectrogram: [1, columns, frames, bands], [1, frames, bands, columns] or [1, frames, bands].

    Raises:
        InputError: The window does not have these samples and columns.
    """
    if window.shape != (steps.samples, len(steps.columns)):
        raise InputError(f"window: expected {[steps.samples, len(steps.columns)]} values, got {list(window.shape)}")
    values = _NORMALIZE[steps.normalize](steps, window.astype(np.float64))
    if steps.features is not None:
        return vector(steps.features, values, rate_hz=steps.rate_hz).astype(np.float32)[np.newaxis]
    channels = values.T
    if steps.spectrogram is not None and steps.rate_hz is not None:
        channels = spectrogram(steps.spectrogram, values, rate_hz=steps.rate_hz)
    return np.ascontiguousarray(_lay_out(steps, channels)[np.newaxis], dtype=np.float32)


def _lay_out(steps: WindowSteps, channels: Array) -> Array:
    """Put the axis of the columns, which is the first, where the model has it."""
    if steps.layout == "no-channels":
        return np.asarray(channels[0])
    return channels if steps.layout == "channels-first" else np.moveaxis(channels, 0, -1)


def _divide(values: Array, by: Array) -> Array:
    return np.asarray(values / np.where(by == 0, 1.0, by))


_NORMALIZE: Mapping[str, Callable[[WindowSteps, Array], Array]] = {
    "none": lambda _, values: values,
    "fixed": lambda steps, values: (values - np.array(steps.mean)) / np.array(steps.std),
    "window": lambda _, values: (values - values.mean(axis=0)) / (values.std(axis=0) + _LEAST_STD),
    "max": lambda _, values: _divide(values, values.max(axis=0)),
    "peak": lambda _, values: _divide(values, np.abs(values).max(axis=0)),
}
