"""How boxes move: a Kalman filter of constant velocity, with time in seconds.

Centre and size are four numbers that move independently, each with a place, a velocity, and how unsure both are. Noise
is in shares of the box's height, so that near and far things are followed alike.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Four = npt.NDArray[np.float64]

_PLACE_NOISE = 0.05
"""Standard deviation of a detector's edges, in heights of the box."""
_JERKS = np.array([2.0, 2.0, 0.5, 0.5])
"""How much velocities change in a second, in heights of the box a second: places, and sizes."""
_START_VELOCITY = np.array([1.0, 1.0, 0.2, 0.2])
"""Standard deviation of the velocity of a new box, in heights a second."""


class Motion:
    """Where one box is, and where it goes.

    Attributes:
        centre_wh: Centre x, y, width and height, in pixels.
        velocity: Their change in a second.
    """

    def __init__(self, xyxy: npt.NDArray[np.floating]) -> None:
        """Start at a box, standing still and unsure of that."""
        self.centre_wh = _centre_wh(xyxy)
        self.velocity = np.zeros(4)
        size = self._size()
        self._place_variance = np.full(4, (_PLACE_NOISE * size) ** 2)
        self._shared = np.zeros(4)
        self._velocity_variance = (_START_VELOCITY * size) ** 2

    def predict(self, seconds: float) -> None:
        """Move on for so long."""
        self.centre_wh = self.centre_wh + self.velocity * seconds
        self.centre_wh[2:] = np.maximum(self.centre_wh[2:], 1.0)
        noise = (_JERKS * self._size()) ** 2
        self._place_variance = (
            self._place_variance + 2 * seconds * self._shared + seconds**2 * self._velocity_variance
        ) + noise * seconds**3 / 3
        self._shared = self._shared + seconds * self._velocity_variance + noise * seconds**2 / 2
        self._velocity_variance = self._velocity_variance + noise * seconds

    def correct(self, xyxy: npt.NDArray[np.floating]) -> None:
        """Take a box that was seen now."""
        gain = self._place_variance / (self._place_variance + (_PLACE_NOISE * self._size()) ** 2)
        pull = self._shared / (self._place_variance + (_PLACE_NOISE * self._size()) ** 2)
        off = _centre_wh(xyxy) - self.centre_wh
        self.centre_wh = self.centre_wh + gain * off
        self.velocity = self.velocity + pull * off
        self._velocity_variance = self._velocity_variance - pull * self._shared
        self._shared = (1 - gain) * self._shared
        self._place_variance = (1 - gain) * self._place_variance

    @property
    def xyxy(self) -> Four:
        """The box."""
        half = self.centre_wh[2:] / 2
        return np.concatenate([self.centre_wh[:2] - half, self.centre_wh[:2] + half])

    def _size(self) -> float:
        return float(max(self.centre_wh[3], 1.0))


def _centre_wh(xyxy: npt.NDArray[np.floating]) -> Four:
    box = np.asarray(xyxy, np.float64)
    return np.concatenate([(box[:2] + box[2:]) / 2, box[2:] - box[:2]])
