"""Rows as they come, cut into windows: the same windows as `preprocess.cut_windows` cuts out of a whole recording."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from edge_sdk.preprocess import WindowSteps
from edge_sdk.tensors import Array


class WindowCutter:
    """Collects rows; never more than one window of them."""

    def __init__(self, steps: WindowSteps) -> None:
        self._steps = steps
        self._rows: deque[Sequence[float]] = deque(maxlen=steps.samples)
        self._missing = steps.samples

    def add(self, row: Sequence[float]) -> Array | None:
        """Take a row, one value a column; return a window, float64 [samples, columns], when it completes one."""
        self._rows.append(row)
        self._missing -= 1
        if self._missing:
            return None
        self._missing = self._steps.hop
        return np.array(self._rows, np.float64)

    def restart(self) -> None:
        """Forget the rows, since one is missing: the next window starts with the next row."""
        self._rows.clear()
        self._missing = self._steps.samples
