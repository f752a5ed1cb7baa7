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

from edge_sdk.errors import InputError
from edge_sdk.tasks.boxes import iou_matrix, suppress
from edge_sdk.tasks.facts import ModelFacts
from edge_sdk.tasks.heads import read_candidates
from edge_sdk.tasks.layouts import LAYOUTS, SUPPRESSED, possible_heads
from edge_sdk.tasks.record import Head, Score, TaskSpec
from edge_sdk.tensors import Tensors
from edge_sdk.transform import Transform

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

    def to_supervision(self) -> Any:
        """Return the same as `supervision.Detections`, for who works with that package; boxes in pixels.

        Raises:
            InputError: The package is not installed.
        """
        from edge_sdk.tasks.supervision import to_supervision

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
        return (
            LAYOUTS[head].text if head in LAYOUTS else ", or ".join(dict.fromkeys(one.text for one in LAYOUTS.values()))
        )

    @staticmethod
    def tell(facts: ModelFacts) -> tuple[TaskSpec, ...]:
        """Return a task for each head that the model can have."""
        return tuple(TaskSpec(kind="detection", head=head) for head in possible_heads(facts))

    def decode(self, outputs: Tensors, transform: Transform | None) -> Detections:
        """Read the outputs of one picture; see `Task.decode`."""
        if transform is None:
            raise InputError(
                "detection: expected pictures, got tensors", hint="declare [image] steps in the preprocessing"
            )
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
        total = len(ours.scores) + len(theirs.scores)
        if total == 0:
            return 1.0
        return 2.0 * _matches(ours, theirs) / total

    def score(self, results: Sequence[Detections], truths: Sequence[LabelledBoxes]) -> Score:
        """Return COCO's average precision, AP50-95."""
        from edge_sdk.tasks.precision import AveragePrecision, match_picture  # boards never score

        pictures = [
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
