"""Rows of sensor values to tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.errors import InputError
from edge_sdk.preprocess.record import WindowSteps

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
    """Turn one window [samples, columns] into the model's input [1, columns, samples] or [1, samples, columns].

    With `normalize="window"` each column has its own mean subtracted and is divided by its standard deviation + 1e-6.

    Raises:
        InputError: The window does not have these samples and columns.
    """
    if window.shape != (steps.samples, len(steps.columns)):
        raise InputError(f"window: expected {[steps.samples, len(steps.columns)]} values, got {list(window.shape)}")
    values = window.astype(np.float64)
    if steps.normalize == "window":
        values = (values - values.mean(axis=0)) / (values.std(axis=0) + _LEAST_STD)
    elif steps.normalize == "fixed":
        values = (values - np.array(steps.mean)) / np.array(steps.std)
    ordered = values.T if steps.layout == "channels-first" else values
    return np.ascontiguousarray(ordered[np.newaxis], dtype=np.float32)
