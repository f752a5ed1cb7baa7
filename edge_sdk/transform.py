"""Where a pixel of the picture went, and the exact way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Transform:
    """The map from the source picture to the model's input, with the integers that were really applied.

    Corner coordinates map as `model = source * scale + offset`, with one scale an axis: the resized picture has whole
    pixels, so the two differ a little even where the aspect is kept.

    Attributes:
        source_wh: Size of the source picture, in pixels.
        model_wh: Size of the model's input, in pixels.
        scale_xy: Resized size divided by source size.
        offset_xy: Padding in front (positive) or pixels cut off in front (negative).
    """

    source_wh: tuple[int, int]
    model_wh: tuple[int, int]
    scale_xy: tuple[float, float]
    offset_xy: tuple[int, int]

    def to_model(self, xyxy: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Map boxes [n, 4] from the source picture to the model's input, in pixels."""
        scale, offset = self._vectors()
        return (xyxy * scale + offset).astype(np.float32)

    def to_source(self, xyxy: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Map boxes [n, 4] from the model's input to the source picture, in pixels, not clipped."""
        scale, offset = self._vectors()
        return ((xyxy - offset) / scale).astype(np.float32)

    def points_to_source(self, xy: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Map points [..., 2] from the model's input to the source picture, in pixels, not clipped."""
        return np.asarray((xy - np.array(self.offset_xy, np.float64)) / np.array(self.scale_xy), np.float32)

    def clip(self, xyxy: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Limit boxes [n, 4] to the source picture."""
        width, height = self.source_wh
        return np.asarray(np.clip(xyxy, 0, np.array([width, height, width, height])), np.float32)

    def _vectors(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        return np.array(self.scale_xy * 2), np.array(self.offset_xy * 2, dtype=np.float64)
