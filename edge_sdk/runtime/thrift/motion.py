"""The motion gate: pictures in which nothing moves are not worth the model.

- A picture is seen as 64x36 cells or a few less. Each is the mean of 16 samples, of all three channels in turn, which
  takes the camera's noise out; 2x2 cells are a tile. Something moves where a tile differs from the background by the
  threshold: a thing of a thirtieth of the picture's height is noticed, and what is spread thinly over all of it is not.
- The background follows the pictures slowly: dusk is no motion, and what has come to rest is part of it in a while.
- The gate stays open for a moment after motion, and lets a picture through now and then in any case: a tracker that
  sees a thing leave, a watchdog that wants fresh results, and a person who looks all live on that.
- All times are those of capture, so a file is gated as the camera was that it was recorded from.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np

from edge_sdk.errors import InputError
from edge_sdk.media import Image
from edge_sdk.runtime.accounting import Cause
from edge_sdk.runtime.frame import Sample, is_picture
from edge_sdk.tensors import Array

_CELLS_WH = (64, 36)
_SAMPLES = 4
"""Of a cell, in each direction."""
_CHANNELS = 3
_TILE = 2
"""Cells of a tile, in each direction."""


@dataclass(frozen=True, slots=True)
class MotionOptions:
    """When a picture is worth the model.

    Attributes:
        threshold: By how many grey levels of 255 a tile must differ; less sees more.
        glow_s: How long the gate stays open after motion.
        keep_alive_s: How long it is closed at most before one picture passes.
        settle_s: In about this time what has come to rest is part of the background.
    """

    threshold: float = 6.0
    glow_s: float = 2.0
    keep_alive_s: float = 5.0
    settle_s: float = 10.0

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: One is not positive, or the threshold is none of grey levels.
        """
        if not 0 < self.threshold <= np.iinfo(np.uint8).max:
            raise InputError(f"motion threshold: expected more than 0 and at most 255 levels, got {self.threshold:g}")
        for name in ("glow_s", "keep_alive_s", "settle_s"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name}: expected more than 0, got {getattr(self, name):g}")


class MotionGate:
    """The gate of one source; see `Gate`. What is no picture, or one too small to have a tile, passes."""

    def __init__(self, options: MotionOptions) -> None:
        self._options = options
        self._background: Array | None = None
        self._seen_ns = self._moved_ns = self._passed_ns = 0

    def __call__(self, sample: Sample) -> Cause | None:
        """Return `gated` where nothing moves."""
        if not is_picture(sample.data):
            return None
        now_ns, cells = sample.captured_ns, see_cells(sample.data)
        if self._moves(cells, now_ns):
            self._moved_ns = now_ns
        self._seen_ns = now_ns
        is_open = now_ns - self._moved_ns <= self._options.glow_s * 1e9
        if not is_open and now_ns - self._passed_ns < self._options.keep_alive_s * 1e9:
            return "gated"
        self._passed_ns = now_ns
        return None

    def _moves(self, cells: Array, now_ns: int) -> bool:
        """Tell whether something moves, and let the background follow."""
        background, elapsed_ns = self._background, now_ns - self._seen_ns
        is_first = background is None or background.shape != cells.shape or elapsed_ns < 0
        if background is None or is_first or not cells.size:
            self._background = cells
            return True
        difference = cells - background
        background += difference * min(1.0, elapsed_ns / 1e9 / self._options.settle_s)
        return greatest_tile(np.abs(difference)) >= self._options.threshold


def see_cells(picture: Image) -> Array:
    """Return the mean level of each cell, float32 [rows, columns]; of a tiny picture there are fewer, or none.

    Args:
        picture: uint8 [height, width, 3].
    """
    (columns, rows), side = _CELLS_WH, _SAMPLES
    lines = picture[_evenly(picture.shape[0], rows * side)]
    levels = lines.reshape(len(lines), lines.shape[1] * _CHANNELS)  # no copy where the pixels of a line lie together
    samples = levels[:, _evenly(levels.shape[1], columns * side, not_by=_CHANNELS)].astype(np.uint16)
    return _blocks(samples, side) / np.float32(side * side)


def _evenly(size: int, count: int, *, not_by: int = 0) -> slice:
    """Return places in a row, `count` of them at most, that end as far from its end as they begin from its beginning.

    Args:
        size: Of the row.
        count: How many places.
        not_by: A step that is no multiple of this.
    """
    step = max(1, -(-size // count))
    step += bool(not_by) and step % not_by == 0
    blocks = size // step // (_SAMPLES * _TILE) * (_SAMPLES * _TILE)
    start = (size - blocks * step) // 2
    return slice(start + step // 2, start + blocks * step, step)


def greatest_tile(differences: Array) -> float:
    """Return the greatest mean of a tile."""
    return float(_blocks(differences, _TILE).max()) / _TILE**2


def _blocks(values: Array, side: int) -> Array:
    """Return the sums of square blocks; what is left at the right and below is in none."""
    rows, columns = (size - size % side for size in values.shape)
    bands: Array = reduce(np.add, (values[start:rows:side] for start in range(side)))
    return reduce(np.add, (bands[:, start:columns:side] for start in range(side)))
