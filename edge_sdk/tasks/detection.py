"""Where things are in a picture, and what they are.

- Raw outputs become candidates by one function a head (`HEADS`); all that follows is the same for every head.
- Boxes are xyxy, in pixels of the source picture, clipped to it after mapping.
- Scoring is COCO's: average precision at 101 recall points, mean over classes and IoU .50 to .95.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edge_sdk.errors import InputError
from edge_sdk.preprocess import Transform
from edge_sdk.tasks.boxes import iou_matrix, suppress
from edge_sdk.tasks.precision import AveragePrecision, PictureMatches, match_picture
from edge_sdk.tasks.record import DetectionHead, Score, TaskSpec
from edge_sdk.tensors import Tensors, TensorSpec

Boxes = npt.NDArray[np.float32]
SCORING_THRESHOLD = 0.01
"""Least score of a box that counts in average precision; below the threshold of a run, so that the curve is whole."""
_AGREEMENT_IOU = 0.5


@dataclass(frozen=True, slots=True)
class LabelledBoxes:
    """The true boxes of a picture: xyxy float32 [n, 4] in source pixels, and class indices int64 [n]."""

    xyxy: Boxes
    classes: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Detections:
    """Found boxes, best first: xyxy float32 [n, 4] in source pixels, scores float32 [n], class indices int64 [n]."""

    xyxy: Boxes
    scores: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64]

    def to_data(self, labels: Sequence[str]) -> dict[str, Any]:
        """Return `{"boxes": [{"class", "label", "score", "xyxy"}, …]}`."""
        return {
            "boxes": [
                {
                    "class": int(index),
                    "label": labels[index] if index < len(labels) else "",
                    "score": round(float(score), 6),
                    "xyxy": [round(float(value), 2) for value in box],
                }
                for box, score, index in zip(self.xyxy, self.scores, self.classes, strict=True)
            ]
        }

    def above(self, score: float) -> Detections:
        """Return those with at least this score."""
        keep = self.scores >= score
        return Detections(self.xyxy[keep], self.scores[keep], self.classes[keep])


Candidates = tuple[Boxes, npt.NDArray[np.float32]]
"""Boxes xyxy [n, 4] in pixels of the model's input, and class scores, class-major [classes, n]."""


def _boxes_scores(outputs: Tensors) -> Candidates:
    boxes, scores = sorted((np.asarray(array)[0] for array in outputs.values()), key=lambda a: a.shape[1] != 4)
    return boxes, scores.T


def _yolov8(outputs: Tensors) -> Candidates:
    raw = np.asarray(next(iter(outputs.values())))[0]
    return _corners(raw[:4].T), raw[4:]


def _yolov5(outputs: Tensors) -> Candidates:
    raw = np.asarray(next(iter(outputs.values())))[0].T
    return _corners(raw[:4].T), raw[5:] * raw[4]


def _end_to_end(outputs: Tensors) -> Candidates:
    raw = np.asarray(next(iter(outputs.values())))[0]
    classes = raw[:, 5].astype(np.int64)
    scores = np.zeros((int(classes.max(initial=0)) + 1, len(raw)), np.float32)
    scores[classes, np.arange(len(raw))] = raw[:, 4]
    return raw[:, :4], scores


def _corners(centre_wh: npt.NDArray[Any]) -> Boxes:
    half = centre_wh[:, 2:] / 2
    return np.concatenate([centre_wh[:, :2] - half, centre_wh[:, :2] + half], axis=1)


HEADS: Mapping[DetectionHead, Callable[[Tensors], Candidates]] = {
    "boxes-scores": _boxes_scores,
    "yolov8": _yolov8,
    "yolov5": _yolov5,
    "end-to-end": _end_to_end,
}


@dataclass(frozen=True, slots=True)
class DetectionTask:
    """Boxes with class scores, in one of the layouts of `HEADS`."""

    spec: TaskSpec
    outputs: ClassVar[str] = "[1, n, 4] with [1, n, classes], [1, 4 + classes, n], [1, n, 5 + classes] or [1, n, 6]"

    @staticmethod
    def tell(outputs: Sequence[TensorSpec], labels: int) -> TaskSpec | None:
        """Return the task if the outputs are those of exactly one known head, else None."""
        shapes = [output.shape for output in outputs]
        heads = [head for head in HEADS if _fits(head, shapes, labels)]
        return TaskSpec(kind="detection", head=heads[0]) if len(heads) == 1 else None

    def decode(self, outputs: Tensors, transform: Transform | None) -> Detections:
        """Read the outputs of one picture; see `Task.decode`."""
        if transform is None:
            raise InputError(
                "detection: expected pictures, got tensors", hint="declare [image] steps in the preprocessing"
            )
        boxes, scores = HEADS[self.spec.head](outputs)
        best = scores.max(axis=0)
        keep = np.flatnonzero(best >= self.spec.score_threshold)
        classes = scores[:, keep].argmax(axis=0).astype(np.int64)
        found = Detections(np.asarray(boxes[keep], np.float32), best[keep].astype(np.float32), classes)
        kept = self._suppressed(found)
        return replace(kept, xyxy=transform.clip(transform.to_source(kept.xyxy)))

    def _suppressed(self, found: Detections) -> Detections:
        iou = 1.0 if self.spec.head == "end-to-end" else self.spec.iou_threshold
        order = suppress(found.xyxy, found.scores, found.classes, iou_threshold=iou)[: self.spec.max_detections]
        return Detections(found.xyxy[order], found.scores[order], found.classes[order])

    def agreement(self, reference: Detections, other: Detections) -> float:
        """Return the F1 of boxes above the run's threshold that match in class with IoU >= .5; 1 if both have none."""
        ours, theirs = reference.above(self.spec.score_threshold), other.above(self.spec.score_threshold)
        total = len(ours.scores) + len(theirs.scores)
        if total == 0:
            return 1.0
        return 2.0 * _matches(ours, theirs) / total

    def score(self, results: Sequence[Detections], truths: Sequence[LabelledBoxes]) -> Score:
        """Return COCO's average precision, AP50-95."""
        pictures: list[PictureMatches] = [
            match_picture((r.xyxy, r.scores, r.classes), (t.xyxy, t.classes))
            for r, t in zip(results, truths, strict=True)
        ]
        precision = AveragePrecision(pictures)
        whole = precision(np.ones((1, len(pictures))))
        return Score("AP50-95", float(whole[0]), None, precision)


def for_scoring(spec: TaskSpec) -> TaskSpec:
    """Return the task with all the boxes that average precision needs."""
    return replace(spec, score_threshold=SCORING_THRESHOLD) if spec.kind == "detection" else spec


def _matches(ours: Detections, theirs: Detections) -> int:
    iou = iou_matrix(ours.xyxy, theirs.xyxy)
    iou[ours.classes[:, np.newaxis] != theirs.classes[np.newaxis]] = 0
    count = 0
    while iou.size and iou.max() >= _AGREEMENT_IOU:
        row, column = np.unravel_index(iou.argmax(), iou.shape)
        iou[row, :] = 0
        iou[:, column] = 0
        count += 1
    return count


def _fits(head: DetectionHead, shapes: Sequence[tuple[int | str, ...]], labels: int) -> bool:
    if any(len(shape) != 3 for shape in shapes):
        return False
    if head == "boxes-scores":
        return len(shapes) == 2 and sum(shape[2] == 4 for shape in shapes) == 1 and shapes[0][1] == shapes[1][1]
    if len(shapes) != 1:
        return False
    _, rows, columns = shapes[0]
    if head == "end-to-end":
        return columns == 6 and labels != 1
    channels, candidates = (rows, columns) if head == "yolov8" else (columns, rows)
    if not isinstance(channels, int):
        return False
    more = isinstance(candidates, str) or candidates > channels
    extra = 4 if head == "yolov8" else 5
    known = channels == labels + extra if labels else channels > extra
    return more and known and not (channels == 6 and head == "yolov5" and labels != 1)
