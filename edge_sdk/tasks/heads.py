"""How detectors lay out their raw outputs: one function a head.

- A head gives boxes xyxy in pixels of the model's input, each with its best class and that class's score.
- Boxes below the least score are left out first, so that the rest of the work is for few.
- A head says in which unit its boxes are. Boxes that are clearly of the other unit are refused, not drawn wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_sdk.errors import InputError
from edge_sdk.tasks import layouts
from edge_sdk.tasks.layouts import in_shares, strides_of
from edge_sdk.tasks.record import Head
from edge_sdk.tensors import Array, Tensors

Candidates = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.int64]]
"""Boxes xyxy [n, 4] in pixels of the model's input, their scores [n] and their classes [n]."""
Kept = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.int64]]
"""Which of the model's boxes remain, their scores and their classes."""

_SCORE_SLACK = 0.1  # integer arithmetic leaves 0 to 1 by a step at most, logits by far
_SHARES, _PIXELS = 1.5, 4.0
"""The middle of the far corners is above the first in pixels, and below the second in shares of the picture."""
_TINY = 0.01  # broken outputs are near 0 in either unit, and say nothing of it


@dataclass(frozen=True, slots=True)
class Raw:
    """The raw outputs of one picture, and what is asked of them.

    Attributes:
        arrays: The outputs in the order that the head's layout has, float32, without the batch axis.
        least_score: Boxes with a lower score are left out.
        model_wh: Width and height of the model's input, in pixels.
    """

    arrays: Sequence[Array]
    least_score: float
    model_wh: tuple[int, int]


def read_candidates(head: Head, outputs: Tensors, *, least_score: float, model_wh: tuple[int, int]) -> Candidates:
    """Read the raw outputs of one picture.

    Args:
        head: How they are laid out.
        outputs: The model's outputs, with a batch of 1.
        least_score: Boxes with a lower score are left out.
        model_wh: Width and height of the model's input, in pixels.

    Raises:
        InputError: The outputs are not laid out so, the scores of the classes are not between 0 and 1, or the boxes are
            in another unit.
    """
    arrays = {name: np.asarray(array, np.float32) for name, array in outputs.items()}
    order = layouts.order(head, {name: array.shape for name, array in arrays.items()})
    if order is None or any(len(array) != 1 for array in arrays.values()):
        got = ", ".join(str(list(array.shape)) for array in arrays.values())
        raise InputError(f"detection: expected {layouts.LAYOUTS[head].text}, got {got}")
    boxes, scores, classes = HEADS[head](Raw([arrays[name][0] for name in order], least_score, model_wh))
    is_number = np.isfinite(boxes).all(axis=1)
    boxes, scores, classes = boxes[is_number], scores[is_number], classes[is_number]
    _require_unit(head, boxes)
    scale = np.array(model_wh * 2, np.float32) if in_shares(head) else np.float32(1)
    return boxes * scale, scores, classes


def _require_unit(head: Head, boxes: Array) -> None:
    middle = float(np.median(boxes[:, 2:])) if len(boxes) else 0.0
    if in_shares(head) and middle > _PIXELS:
        raise InputError(
            f"detection: expected boxes as shares of the picture for the head {head}, got values around {middle:.3g}",
            hint="say --head boxes-scores for boxes in pixels of the input",
        )
    if not in_shares(head) and _TINY < middle < _SHARES:
        raise InputError(
            f"detection: expected boxes in pixels for the head {head}, got values around {middle:.3g}",
            hint="say --head ssd or --head rt-detr for boxes as shares of the picture",
        )


def _boxes_scores(raw: Raw) -> Candidates:
    boxes, scores = raw.arrays
    keep, best, classes = _best_of_rows(scores, raw.least_score)
    return boxes[keep], best, classes


def _ssd(raw: Raw) -> Candidates:
    boxes, scores = raw.arrays
    keep, best, classes = _best_of_rows(_softmax(scores)[:, 1:], raw.least_score)
    return boxes[keep], best, classes


def _tf_ssd(raw: Raw, *, first_class: int = 1) -> Candidates:
    boxes, classes, scores, *count = raw.arrays
    rows = int(count[0].ravel()[0]) if count else len(scores)
    keep = np.flatnonzero(scores[:rows] >= raw.least_score)
    index = np.rint(classes[keep]).astype(np.int64) - first_class
    keep, index = keep[index >= 0], index[index >= 0]
    return boxes[keep][:, [1, 0, 3, 2]], scores[keep], index


def _tflite_ssd(raw: Raw) -> Candidates:
    return _tf_ssd(raw, first_class=0)


def _rt_detr(raw: Raw) -> Candidates:
    """Every class of a query that is above the least score is a candidate, as the authors' own code has it."""
    boxes, scores = raw.arrays
    if not _are_probabilities(scores):
        scores = 1 / (1 + np.exp(-np.clip(scores, -80, 80)))
    query, classes = np.nonzero(scores >= raw.least_score)
    return corners(boxes[query]), scores[query, classes], classes.astype(np.int64)


def _yolov8(raw: Raw) -> Candidates:
    (values,) = raw.arrays
    keep, best, classes = best_of_columns(values[4:], raw.least_score)
    return corners(values[:4, keep].T), best, classes


def _yolov5(raw: Raw) -> Candidates:
    keep, best, classes, centre_wh = _of_objects(raw)
    return corners(centre_wh[keep]), best, classes


def _yolox(raw: Raw) -> Candidates:
    """Cells of three grids: centres from a cell's corner and sizes as logarithms, both in strides."""
    keep, best, classes, values = _of_objects(raw)
    strides = strides_of(len(raw.arrays[0]), raw.model_wh)
    if not strides:
        raise InputError(
            f"detection: expected a row for each cell of an input of {raw.model_wh[0]}x{raw.model_wh[1]} for the "
            f"head yolox, got {len(raw.arrays[0])} rows"
        )
    corner_xy, stride = _cells(strides, raw.model_wh)
    centre = (values[keep, :2] + corner_xy[keep]) * stride[keep]
    size = np.exp(np.clip(values[keep, 2:4], None, 80)) * stride[keep]
    return corners(np.concatenate([centre, size], axis=1)), best, classes


def _end_to_end(raw: Raw) -> Candidates:
    (rows,) = raw.arrays
    rows = rows[(rows[:, 4] >= raw.least_score) & (rows[:, 5] >= 0)]
    return rows[:, :4], rows[:, 4], np.rint(rows[:, 5]).astype(np.int64)


HEADS: Mapping[Head, Callable[[Raw], Candidates]] = {
    "boxes-scores": _boxes_scores,
    "ssd": _ssd,
    "tf-ssd": _tf_ssd,
    "tflite-ssd": _tflite_ssd,
    "rt-detr": _rt_detr,
    "yolov5": _yolov5,
    "yolov8": _yolov8,
    "yolox": _yolox,
    "end-to-end": _end_to_end,
}


def _of_objects(raw: Raw) -> tuple[npt.NDArray[np.int64], Array, npt.NDArray[np.int64], Array]:
    """Return which rows [n, 5 + classes] remain by objectness times class, their scores and classes, and columns 0-3.

    A class's share of an object cannot raise its score: rows are sorted out by objectness first.
    """
    (rows,) = raw.arrays
    objects = np.flatnonzero(rows[:, 4] >= raw.least_score)
    _require_probabilities(rows[:, 4])
    kept = rows[objects]
    inner, best, classes = _best_of_rows(kept[:, 5:] * kept[:, 4:5], raw.least_score)
    return objects[inner], best, classes, rows[:, :4]


def best_of_columns(scores: Array, least_score: float) -> Kept:
    """Return which columns of scores [classes, n] remain, class after class: 11 times as fast as turning them."""
    best = scores.max(axis=0)
    _require_probabilities(best)
    keep = np.flatnonzero(best >= least_score)
    return keep, best[keep], scores[:, keep].argmax(axis=0).astype(np.int64)


def _best_of_rows(scores: Array, least_score: float) -> Kept:
    """Return which rows of scores [n, classes] remain: all are compared as they lie, the few above sorted."""
    _require_probabilities(scores)
    flat = np.ascontiguousarray(scores).ravel()
    hits = np.flatnonzero(flat >= least_score)
    rows, classes = np.divmod(hits, scores.shape[1])
    order = np.lexsort((classes, -flat[hits], rows))
    best = order[np.flatnonzero(np.diff(rows[order], prepend=-1))]
    return rows[best], flat[hits[best]], classes[best]


def _require_probabilities(scores: Array) -> None:
    if not _are_probabilities(scores):
        raise InputError(
            f"detection: expected scores from 0 to 1, got {scores.min():.3g} to {scores.max():.3g}",
            hint="export the model with its sigmoid or softmax, or say --task tensor",
        )


def _are_probabilities(scores: Array) -> bool:
    low, high = scores.min(initial=0.0), scores.max(initial=0.0)
    return not (low < -_SCORE_SLACK or high > 1 + _SCORE_SLACK)


def _softmax(scores: Array) -> Array:
    """Return probabilities [n, classes] of logits; what are probabilities already stay."""
    if _are_probabilities(scores):
        return scores
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def corners(centre_wh: Array) -> Array:
    """Return xyxy [n, 4] of centres and sizes [n, 4]."""
    half = centre_wh[:, 2:] / 2
    return np.concatenate([centre_wh[:, :2] - half, centre_wh[:, :2] + half], axis=1)


def _cells(strides: Sequence[int], model_wh: tuple[int, int]) -> tuple[Array, Array]:
    """Return each cell's corner [n, 2] and stride [n, 1], grid after grid, row by row."""
    corners, steps = [], []
    for stride in strides:
        width, height = model_wh[0] // stride, model_wh[1] // stride
        y, x = np.divmod(np.arange(width * height), width)
        corners.append(np.stack([x, y], axis=1))
        steps.append(np.full((width * height, 1), stride))
    return np.concatenate(corners).astype(np.float32), np.concatenate(steps).astype(np.float32)
