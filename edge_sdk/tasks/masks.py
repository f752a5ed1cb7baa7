"""Masks on a coarse grid of cells: where they lie in the source picture, and how they are told.

- Models give masks with cells of several pixels, letterboxed like their input. They are kept so, and enlarged to the
  source picture only for who looks.
- A grid is `[scale x, scale y, offset x, offset y]`: a corner of the source picture lies at `corner * scale + offset`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.transform import Transform

Grid = npt.NDArray[np.float64]
Box = tuple[int, int, int, int]


def grid_of(transform: Transform, cells_wh: tuple[int, int]) -> Grid:
    """Return where the source picture lies in a map of so many cells over the model's input."""
    share = np.array(cells_wh) / np.array(transform.model_wh)
    return np.concatenate([np.array(transform.scale_xy) * share, np.array(transform.offset_xy) * share])


def inside(values: npt.NDArray[Any], grid: Grid, source_wh: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the part of maps [..., height, width] that the picture covers, without the padding."""
    first = np.maximum(np.floor(grid[2:] + 1e-6), 0).astype(int)
    last = np.ceil(source_wh * grid[:2] + grid[2:] - 1e-6).astype(int)
    return values[..., first[1] : last[1], first[0] : last[0]]


def nearest(values: npt.NDArray[Any], grid: Grid, source_wh: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a map [height, width] at the size of the source picture: each pixel takes its centre's cell."""
    columns, rows = (
        np.clip(np.floor((np.arange(source_wh[axis]) + 0.5) * grid[axis] + grid[2 + axis]), 0, cells - 1).astype(int)
        for axis, cells in ((0, values.shape[1]), (1, values.shape[0]))
    )
    return np.asarray(values[np.ix_(rows, columns)])


def enlarged(mask: npt.NDArray[np.bool_], grid: Grid, box: Box) -> npt.NDArray[np.bool_]:
    """Return the part of a mask [height, width] in a box of the source picture, in pixels, with edges made smooth.

    Args:
        mask: Cells.
        grid: Where the source picture lies in them.
        box: Left, top, right, bottom in whole pixels.
    """
    left, top, right, bottom = box
    shares = mask.astype(np.float32)
    shares = _between(shares, (np.arange(left, right) + 0.5) * grid[0] + grid[2] - 0.5, axis=1)
    shares = _between(shares, (np.arange(top, bottom) + 0.5) * grid[1] + grid[3] - 0.5, axis=0)
    return np.asarray(shares > 0.5, np.bool_)


def _between(values: npt.NDArray[np.float32], at: npt.NDArray[np.float64], *, axis: int) -> npt.NDArray[np.float32]:
    """Return values at places between cells, along one axis."""
    at = np.clip(at, 0, values.shape[axis] - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, values.shape[axis] - 1)
    share = (at - low).astype(np.float32)
    share = share if axis == 1 else share[:, np.newaxis]
    return np.asarray(values.take(low, axis) * (1 - share) + values.take(high, axis) * share, np.float32)


def run_lengths(mask: npt.NDArray[np.bool_], box: Box, source_wh: tuple[int, int]) -> dict[str, list[int]]:
    """Return a mask in a box of the source picture as COCO tells masks: `{"size": [height, width], "counts": [...]}`.

    Counts are lengths of runs down the columns, 0 first; only the box is gone through.
    """
    (width, height), (left, top, _, _) = source_wh, box
    edges = np.diff(np.pad(mask.T.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    at = (np.arange(mask.shape[1])[:, np.newaxis] + left) * height + top + np.arange(mask.shape[0] + 1)
    ends = np.sort(np.concatenate([at[edges > 0], at[edges < 0]]))
    starts, stops = ends[0::2], ends[1::2]
    joined = np.flatnonzero(starts[1:] == stops[:-1])  # a run that goes on in the next column
    ends = np.concatenate([np.delete(starts, joined + 1), np.delete(stops, joined)])
    counts = np.diff(np.sort(ends), prepend=0, append=width * height).tolist()
    return {"size": [height, width], "counts": counts[:-1] if len(counts) > 1 and counts[-1] == 0 else counts}


def mask_iou(ours: npt.NDArray[np.bool_], theirs: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return the intersection over union of masks [n, height, width] with masks [m, height, width], as [n, m]."""
    one, other = (
        masks.reshape(len(masks), int(np.prod(masks.shape[1:]))).astype(np.float32) for masks in (ours, theirs)
    )
    common = (one @ other.T).astype(np.float64)
    union = one.sum(axis=1)[:, np.newaxis] + other.sum(axis=1) - common
    return np.asarray(np.divide(common, union, out=np.zeros_like(common), where=union > 0), np.float64)
