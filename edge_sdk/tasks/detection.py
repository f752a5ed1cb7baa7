"""Where things are in a picture, and what they are.

- Raw outputs become candidates by one function a head (`heads.py`); all that follows is the same for every head.
- Boxes are xyxy, in pixels of the source picture, clipped to it after mapping.
- Scoring is COCO's: average precision at 101 recall points, mean over classes and IoU .50 to .95.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.tasks.boxes import iou_matrix, suppress
from edge_sdk.tasks.facts import ModelFacts
from edge_sdk.tasks.heads import read_candidates
from edge_sdk.tasks.layouts import LAYOUTS, SUPPRESSED, possible_heads
from edge_sdk.tasks.matching import f1, pair_up, within_classes
from edge_sdk.tasks.record import Head, Score, TaskKind, TaskSpec, layout_of, require_picture
from edge_sdk.tasks.supervision import FoundBoxes, to_supervision
from edge_sdk.tensors import Tensors
from edge_sdk.transform import Transform

Boxes = npt.NDArray[np.float32]
BOXED: frozenset[TaskKind] = frozenset({"detection", "instances", "pose"})
"""Tasks whose results are boxes with scores."""
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
        return {"boxes": boxes_data(self.xyxy, self.scores, self.classes, labels)}

    def to_supervision(self) -> Any:
        """Return the same as `supervision.Detections`, for who works with that package; boxes in pixels.

        Raises:
            InputError: The package is not installed.
        """
        return to_supervision(self)

    def above(self, score: float) -> Detections:
        """Return those with at least this score."""
        keep = self.scores >= score
        return Detections(self.xyxy[keep], self.scores[keep], self.classes[keep])


@dataclass(frozen=True, slots=True)
class DetectionTask:
    """Boxes with class scores, laid out as one of `edge_sdk.tasks.heads`."""

    spec: TaskSpec

    @staticmethod
    def outputs(head: Head) -> str:
        """Return the layout of a head; without one, those of all."""
        return layout_of({name: layout.text for name, layout in LAYOUTS.items()}, head)

    @staticmethod
    def tell(facts: ModelFacts) -> tuple[TaskSpec, ...]:
        """Return a task for each head that the model can have."""
        return tuple(TaskSpec(kind="detection", head=head) for head in possible_heads(facts))

    def decode(self, outputs: Tensors, transform: Transform | None, inputs: Tensors | None = None) -> Detections:
        """Read the outputs of one picture; see `Task.decode`."""
        transform = require_picture(transform, "detection")
        spec = self.spec
        xyxy, scores, classes = read_candidates(
            spec.head, outputs, least_score=spec.score_threshold, model_wh=transform.model_wh
        )
        overlap = 1.0 if spec.head in SUPPRESSED else spec.iou_threshold
        best = suppress(xyxy, scores, classes, iou_threshold=overlap, most=spec.max_detections)
        return Detections(transform.clip(transform.to_source(xyxy[best])), scores[best], classes[best])

    def agreement(self, reference: Detections, other: Detections) -> float:
        """Return the F1 of boxes above the run's threshold that match in class with IoU >= .5; 1 if both have none."""
        ours, theirs = reference.above(self.spec.score_threshold), other.above(self.spec.score_threshold)
        overlap = within_classes(iou_matrix(ours.xyxy, theirs.xyxy), ours.classes, theirs.classes)
        return f1(len(pair_up(overlap, least=_AGREEMENT_IOU)), len(ours.scores), len(theirs.scores))

    def score(self, results: Sequence[Detections], truths: Sequence[LabelledBoxes]) -> Score:
        """Return COCO's average precision, AP50-95."""
        return score_boxes(results, truths)


def boxes_data(
    xyxy: Boxes, scores: npt.NDArray[np.float32], classes: npt.NDArray[np.int64], labels: Sequence[str]
) -> list[dict[str, Any]]:
    """Return `{"class", "label", "score", "xyxy"}` of each box."""
    return [
        {
            "class": int(index),
            "label": labels[index] if index < len(labels) else "",
            "score": round(float(score), 6),
            "xyxy": [round(float(value), 2) for value in box],
        }
        for box, score, index in zip(xyxy, scores, classes, strict=True)
    ]


def score_boxes(results: Sequence[FoundBoxes], truths: Sequence[LabelledBoxes]) -> Score:
    """Return COCO's average precision of boxes, AP50-95."""
    from edge_sdk.tasks.precision import AveragePrecision, match  # boards never score

    pictures = [
        match(iou_matrix(r.xyxy, t.xyxy), (r.scores, r.classes), t.classes)
        for r, t in zip(results, truths, strict=True)
    ]
    precision = AveragePrecision(pictures)
    return Score("AP50-95", float(precision(np.ones((1, len(pictures))))[0]), None, precision)


def for_scoring(spec: TaskSpec) -> TaskSpec:
    """Return the task with all the boxes that average precision needs."""
    return replace(spec, score_threshold=SCORING_THRESHOLD) if spec.kind in BOXED else spec
