"""The mean of each channel of a tensor over all samples: what the bias correction needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


class ChannelMeans:
    """Sums over the values of each channel (axis 1), in float64."""

    def __init__(self) -> None:
        self._sums: npt.NDArray[np.float64] = np.zeros(0)
        self._count = 0

    def add(self, values: npt.NDArray[Any]) -> None:
        """Add one sample [batch, channels, …]; what has no such axis, or another number of channels, is left out."""
        if values.ndim < 2 or not values.size or self._sums.size not in (0, values.shape[1]):
            return
        others = tuple(axis for axis in range(values.ndim) if axis != 1)
        sums = values.sum(axis=others, dtype=np.float64)
        self._sums = self._sums + sums if self._count else sums
        self._count += values.size // sums.size

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the state, for `restore`."""
        return {"sums": self._sums, "count": np.array(self._count)}

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from a state that `to_arrays` returned."""
        self._sums, self._count = arrays["sums"], int(arrays["count"])

    def taken(self, source: npt.NDArray[np.int64]) -> ChannelMeans:
        """Return the means of a tensor that has in the place of each channel another one, or the same."""
        taken = ChannelMeans()
        taken._sums, taken._count = self._sums[source] if self._sums.size else self._sums, self._count
        return taken

    @property
    def count(self) -> int:
        """How many values of each channel were added."""
        return self._count

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """The mean of each channel; empty if nothing was added."""
        return np.asarray(self._sums / max(self._count, 1), np.float64)
