"""Boxes xyxy: overlap, and suppression of doubles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_BLOCK = 128


def iou_matrix(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the intersection over union of boxes [n, 4] with boxes [m, 4], as [n, m]."""
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    near = np.maximum(ours[:, np.newaxis, :2], theirs[np.newaxis, :, :2])
    far = np.minimum(ours[:, np.newaxis, 2:], theirs[np.newaxis, :, 2:])
    common = np.prod(np.clip(far - near, 0, None), axis=2)
    union = areas(ours)[:, np.newaxis] + areas(theirs)[np.newaxis] - common
    return np.asarray(np.divide(common, union, out=np.zeros_like(common), where=union > 0), np.float64)


def suppress(
    xyxy: npt.NDArray[Any], scores: npt.NDArray[Any], classes: npt.NDArray[Any], *, iou_threshold: float, most: int
) -> npt.NDArray[np.int64]:
    """Return the indices of the boxes that remain, best first: greedy suppression within each class.

    Boxes are taken in blocks, the best first: each is held against those kept so far at once, then within its block.

    Args:
        xyxy: Boxes [n, 4].
        scores: Their scores [n]; equal scores keep their order.
        classes: Their classes [n].
        iou_threshold: A box that overlaps a better one of its class by more than this goes; 1 keeps all.
        most: The greatest number of boxes that remain.
    """
    order = np.argsort(-scores, kind="stable")
    if iou_threshold >= 1:
        return order[:most]
    sorted_xyxy, sorted_classes = xyxy[order].astype(np.float64), np.asarray(classes)[order]
    kept: list[int] = []
    for start in range(0, len(order), _BLOCK):
        block = range(start, min(start + _BLOCK, len(order)))
        is_double = _doubles(sorted_xyxy, sorted_classes, [*kept, *block], block, iou_threshold)
        is_left = np.logical_not(is_double[: len(kept)].any(axis=0))
        for i, doubles in zip(block, is_double[len(kept) :], strict=True):
            if is_left[i - start]:
                kept.append(i)
                is_left &= ~doubles
        if len(kept) >= most:
            break
    return order[kept[:most]]


def _doubles(
    xyxy: npt.NDArray[np.float64],
    classes: npt.NDArray[Any],
    ours: Sequence[int],
    theirs: range,
    iou_threshold: float,
) -> npt.NDArray[np.bool_]:
    """Return which boxes of a range [m] double which of a selection [n], as [n, m]."""
    rows, columns = np.array(ours), slice(theirs.start, theirs.stop)
    left, top, right, bottom = xyxy[rows].T[:, :, np.newaxis]
    other_left, other_top, other_right, other_bottom = xyxy[columns].T
    common = np.maximum(np.minimum(right, other_right) - np.maximum(left, other_left), 0)
    common *= np.maximum(np.minimum(bottom, other_bottom) - np.maximum(top, other_top), 0)
    union = areas(xyxy[rows])[:, np.newaxis] + areas(xyxy[columns]) - common
    return np.asarray((common > iou_threshold * union) & (classes[rows, np.newaxis] == classes[columns]), np.bool_)


def areas(xyxy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return what boxes [n, 4] cover."""
    width, height = np.maximum(xyxy[:, 2] - xyxy[:, 0], 0), np.maximum(xyxy[:, 3] - xyxy[:, 1], 0)
    return np.asarray(width * height, np.float64)
