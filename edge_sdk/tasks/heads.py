"""How detectors lay out their raw outputs: one function a head.

- A head gives boxes xyxy in pixels of the model's input, each with its best class and that class's score.
- Boxes below the least score are left out here, and so are those that are not numbers.
- Which head a model has is told from the shapes of its outputs, and only where one answer is possible.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from edge_sdk.errors import InputError
from edge_sdk.tasks.record import DetectionHead
from edge_sdk.tensors import Array, Tensors

Shape = tuple[int | str, ...]
Candidates = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.int64]]
"""Boxes xyxy [n, 4] in pixels of the model's input, their scores [n] and their classes [n]."""

LAYOUTS: Mapping[DetectionHead, str] = {
    "boxes-scores": "[1, n, 4] with [1, n, classes]",
    "yolov8": "[1, 4 + classes, n]",
    "yolov5": "[1, n, 5 + classes]",
    "end-to-end": "[1, n, 6]",
}
_MOST_END_TO_END = 1000  # rows of a head that suppresses by itself; YOLOv5 has 1,008 from 128 x 128 pixels on
_SCORE_SLACK = 0.1  # integer arithmetic leaves 0 to 1 by a step at most, logits by far


def tell_head(shapes: Sequence[Shape], labels: int) -> DetectionHead:
    """Tell the head from the shapes of the outputs.

    Args:
        shapes: One an output; a name stands for a free size.
        labels: The number of class names, 0 if unknown.

    Returns:
        The head; empty if none is possible, or more than one.
    """
    head: DetectionHead
    match shapes:
        case [(_, n, 4), (_, m, classes)] | [(_, n, classes), (_, m, 4)] if n == m and classes != 4:
            head = "boxes-scores"
        case [(_, _, 6)] if labels > 1:
            return "end-to-end"
        case [(_, str(), 6)]:
            return ""  # end-to-end, or YOLOv5 of one class
        case [(_, int(rows), 6)] if rows <= _MOST_END_TO_END:
            return "end-to-end"
        case [(_, int(channels), candidates)] if isinstance(candidates, str) or candidates > channels:
            head, classes = "yolov8", channels - 4
        case [(_, candidates, int(columns))] if isinstance(candidates, str) or candidates > columns:
            head, classes = "yolov5", columns - 5
        case _:
            return ""
    if isinstance(classes, str):
        return head
    return head if classes > 0 and labels in {0, classes} else ""


def read_candidates(head: DetectionHead, outputs: Tensors, *, least_score: float) -> Candidates:
    """Read the raw outputs of one picture.

    Args:
        head: How they are laid out.
        outputs: The model's outputs, with a batch of 1.
        least_score: Boxes with a lower score are left out.

    Raises:
        InputError: The outputs are not laid out so, or the scores of the classes are not between 0 and 1.
    """
    arrays = [np.asarray(array, np.float32) for array in outputs.values()]
    shapes = [array.shape for array in arrays]
    if not _is_laid_out(head, shapes):
        got = ", ".join(str(list(shape)) for shape in shapes)
        raise InputError(f"detection: expected {LAYOUTS[head]}, got {got}")
    return HEADS[head](*(array[0] for array in arrays), least_score)


def _is_laid_out(head: DetectionHead, shapes: Sequence[tuple[int, ...]]) -> bool:
    match head, shapes:
        case "boxes-scores", [(1, n, 4), (1, m, classes)] | [(1, n, classes), (1, m, 4)]:
            return n == m and classes > 0
        case "yolov8", [(1, channels, _)]:
            return channels > 4
        case "yolov5", [(1, _, columns)]:
            return columns > 5
        case "end-to-end", [(1, _, 6)]:
            return True
    return False


def _boxes_scores(one: Array, other: Array, least_score: float) -> Candidates:
    boxes, scores = (one, other) if one.shape[1] == 4 else (other, one)
    return _best_classes(boxes, scores.T, least_score)


def _yolov8(raw: Array, least_score: float) -> Candidates:
    return _best_classes(_corners(raw[:4].T), raw[4:], least_score)


def _yolov5(raw: Array, least_score: float) -> Candidates:
    return _best_classes(_corners(raw[:, :4]), (raw[:, 5:] * raw[:, 4:5]).T, least_score)


def _end_to_end(raw: Array, least_score: float) -> Candidates:
    raw = raw[(raw[:, 4] >= least_score) & (raw[:, 5] >= 0) & np.isfinite(raw).all(axis=1)]
    return raw[:, :4], raw[:, 4], np.rint(raw[:, 5]).astype(np.int64)


HEADS: Mapping[DetectionHead, Callable[..., Candidates]] = {
    "boxes-scores": _boxes_scores,
    "yolov8": _yolov8,
    "yolov5": _yolov5,
    "end-to-end": _end_to_end,
}


def _corners(centre_wh: Array) -> Array:
    half = centre_wh[:, 2:] / 2
    return np.concatenate([centre_wh[:, :2] - half, centre_wh[:, :2] + half], axis=1)


def _best_classes(boxes: Array, scores: Array, least_score: float) -> Candidates:
    """Return the best class of each of the boxes [n, 4], by scores [classes, n]."""
    best = scores.max(axis=0)
    low, high = best.min(initial=0.0), best.max(initial=0.0)
    if low < -_SCORE_SLACK or high > 1 + _SCORE_SLACK:
        raise InputError(
            f"detection: expected scores from 0 to 1, got {low:.3g} to {high:.3g}",
            hint="export the model with its sigmoid or softmax, or say --task tensor",
        )
    keep = np.flatnonzero((best >= least_score) & np.isfinite(boxes).all(axis=1))
    return boxes[keep], best[keep], scores[:, keep].argmax(axis=0).astype(np.int64)
