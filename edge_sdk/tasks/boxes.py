"""Boxes xyxy: overlap, and suppression of doubles."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def iou_matrix(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the intersection over union of boxes [n, 4] with boxes [m, 4], as [n, m]."""
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    near = np.maximum(ours[:, np.newaxis, :2], theirs[np.newaxis, :, :2])
    far = np.minimum(ours[:, np.newaxis, 2:], theirs[np.newaxis, :, 2:])
    common = np.prod(np.clip(far - near, 0, None), axis=2)
    union = _areas(ours)[:, np.newaxis] + _areas(theirs)[np.newaxis] - common
    return np.asarray(np.divide(common, union, out=np.zeros_like(common), where=union > 0), np.float64)


def suppress(
    xyxy: npt.NDArray[Any], scores: npt.NDArray[Any], classes: npt.NDArray[Any], *, iou_threshold: float, most: int
) -> npt.NDArray[np.int64]:
    """Return the indices of the boxes that remain, best first: greedy suppression within each class.

    Args:
        xyxy: Boxes [n, 4].
        scores: Their scores [n]; equal scores keep their order.
        classes: Their classes [n].
        iou_threshold: A box that overlaps a better one of its class by more than this goes.
        most: The greatest number of boxes that remain.
    """
    kept: list[int] = []
    left = np.argsort(-scores, kind="stable")
    while len(left) and len(kept) < most:
        best, left = int(left[0]), left[1:]
        kept.append(best)
        is_double = iou_matrix(xyxy[best : best + 1], xyxy[left])[0] > iou_threshold
        left = left[~(is_double & (classes[left] == classes[best]))]
    return np.array(kept, np.int64)


def _areas(xyxy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.prod(np.clip(xyxy[:, 2:] - xyxy[:, :2], 0, None), axis=1), np.float64)
