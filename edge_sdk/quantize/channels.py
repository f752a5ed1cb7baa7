"""What each channel of a tensor holds, summed over samples: extremes, mean and mean square."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


class ChannelStatistics:
    """Sums over all values of each channel (axis 1).

    Attributes:
        low: Least value of each channel, at most 0.
        high: Greatest value of each channel, at least 0.
    """

    def __init__(self) -> None:
        self.low: npt.NDArray[np.float64] = np.zeros(0)
        self.high: npt.NDArray[np.float64] = np.zeros(0)
        self._sum: npt.NDArray[np.float64] = np.zeros(0)
        self._squares: npt.NDArray[np.float64] = np.zeros(0)
        self._count = 0

    def add(self, values: npt.NDArray[Any]) -> None:
        """Add one sample [1, channels, …]; values without such an axis count as one channel."""
        rows = (
            values.reshape(values.shape[1], -1) if values.ndim > 1 and values.shape[0] == 1 else values.reshape(1, -1)
        )
        if not self._count:
            self.low, self.high, self._sum, self._squares = (np.zeros(len(rows)) for _ in range(4))
        self.low = np.minimum(self.low, rows.min(axis=1))
        self.high = np.maximum(self.high, rows.max(axis=1))
        self._sum += rows.sum(axis=1, dtype=np.float64)
        self._squares += np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
        self._count += rows.shape[1]

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """The mean of each channel."""
        return np.asarray(self._sum / max(self._count, 1), np.float64)

    @property
    def mean_square(self) -> npt.NDArray[np.float64]:
        """The mean square of each channel."""
        return np.asarray(self._squares / max(self._count, 1), np.float64)
