"""Where things are in a picture, what they are, and which of its places they cover.

- A model gives boxes with coefficients, and prototypes that are shared: a mask is their sum, cut at the box.
- Masks keep the prototypes' cells, a bit each; `to_source` enlarges them to the picture.
- Boxes are scored like a detector's; masks are compared by `agreement`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.errors import InputError
from edge_sdk.tasks.boxes import suppress
from edge_sdk.tasks.detection import Boxes, LabelledBoxes, boxes_data, score_boxes
from edge_sdk.tasks.facts import ModelFacts
from edge_sdk.tasks.heads import best_of_columns, corners
from edge_sdk.tasks.masks import Box, Grid, enlarged, grid_of, mask_iou, run_lengths
from edge_sdk.tasks.matching import f1, pair_up, within_classes
from edge_sdk.tasks.record import Head, Score, TaskSpec, layout_of, require_picture
from edge_sdk.tasks.supervision import to_supervision
from edge_sdk.tensors import Array, Tensors
from edge_sdk.transform import Transform

LAYOUTS: Mapping[Head, str] = {
    "yolov8-seg": "[1, 4 + classes + masks, n] with [1, masks, height, width]",
    "end-to-end-seg": "[1, n, 6 + masks] with [1, masks, height, width]",
}
_AGREEMENT_IOU = 0.5


@dataclass(frozen=True, slots=True)
class Instances:
    """Found things, best first.

    Attributes:
        xyxy: Boxes float32 [n, 4] in source pixels.
        scores: Their scores float32 [n].
        classes: Their class indices int64 [n].
        bits: Their masks, a bit a cell: uint8 [n, height, (width + 7) // 8].
        cells_wh: Width and height of a mask, in cells, int64 [2].
        grid: Where the source picture lies in the cells; see `edge_sdk.tasks.masks`.
        source_wh: Size of the source picture, int64 [2].
    """

    xyxy: Boxes
    scores: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64]
    bits: npt.NDArray[np.uint8]
    cells_wh: npt.NDArray[np.int64]
    grid: Grid
    source_wh: npt.NDArray[np.int64]

    @property
    def masks(self) -> npt.NDArray[np.bool_]:
        """The masks in cells, [n, height, width]."""
        return np.unpackbits(self.bits, axis=2, count=int(self.cells_wh[0])).astype(bool)

    def to_source(self) -> npt.NDArray[np.bool_]:
        """Return the masks [n, height, width] of the source picture's pixels."""
        width, height = (int(side) for side in self.source_wh)
        pixels = np.zeros((len(self.scores), height, width), bool)
        for i, (box, part) in enumerate(self.parts()):
            left, top, right, bottom = box
            pixels[i, top:bottom, left:right] = part
        return pixels

    def parts(self) -> list[tuple[Box, npt.NDArray[np.bool_]]]:
        """Return each thing's box in whole pixels of the source picture, and its mask there."""
        limits = np.tile(self.source_wh, 2)
        edges = np.concatenate([np.floor(self.xyxy[:, :2]), np.ceil(self.xyxy[:, 2:])], axis=1)
        boxes = [tuple(int(edge) for edge in box) for box in np.clip(edges, 0, limits)]
        return [(box, enlarged(mask, self.grid, box)) for box, mask in zip(boxes, self.masks, strict=True)]  # type: ignore[misc, arg-type]

    def to_data(self, labels: Sequence[str]) -> dict[str, Any]:
        """Return `{"instances": [{"class", "label", "score", "xyxy", "mask"}, …]}`, with masks as COCO tells them."""
        wh = (int(self.source_wh[0]), int(self.source_wh[1]))
        told = boxes_data(self.xyxy, self.scores, self.classes, labels)
        return {
            "instances": [
                {**one, "mask": run_lengths(part, box, wh)} for one, (box, part) in zip(told, self.parts(), strict=True)
            ]
        }

    def above(self, score: float) -> Instances:
        """Return those with at least this score."""
        keep = self.scores >= score
        kept = {name: getattr(self, name)[keep] for name in ("xyxy", "scores", "classes", "bits")}
        return Instances(**kept, cells_wh=self.cells_wh, grid=self.grid, source_wh=self.source_wh)

    def to_supervision(self) -> Any:
        """Return the same as `supervision.Detections` with masks; see `Detections.to_supervision`."""
        return to_supervision(self, mask=self.to_source())


@dataclass(frozen=True, slots=True)
class InstancesTask:
    """Boxes with class scores and coefficients of masks, and the masks' prototypes."""

    spec: TaskSpec

    @staticmethod
    def outputs(head: Head) -> str:
        """Return the layout of a head; without one, those of all."""
        return layout_of(LAYOUTS, head)

    @staticmethod
    def tell(facts: ModelFacts) -> tuple[TaskSpec, ...]:
        """Return a task for each head that the model can have."""
        heads = [head for head in LAYOUTS if facts.head in {"", head} and _can_be(head, facts)]
        return tuple(TaskSpec(kind="instances", head=head) for head in heads)

    def decode(self, outputs: Tensors, transform: Transform | None, inputs: Tensors | None = None) -> Instances:
        """Read the outputs of one picture; see `Task.decode`."""
        transform = require_picture(transform, "instances")
        rows, prototypes = _in_order(self.spec.head, outputs)
        xyxy, scores, classes, coefficients = _things(self.spec, rows, len(prototypes))
        masks = _masks(coefficients, prototypes, xyxy, transform.model_wh)
        covers = masks.any(axis=(1, 2))  # what covers nothing is no thing
        xyxy, scores, classes, masks = xyxy[covers], scores[covers], classes[covers], masks[covers]
        cells_wh = (prototypes.shape[2], prototypes.shape[1])
        return Instances(
            xyxy=transform.clip(transform.to_source(xyxy)),
            scores=scores,
            classes=classes,
            bits=np.packbits(masks, axis=2),
            cells_wh=np.array(cells_wh, np.int64),
            grid=grid_of(transform, cells_wh),
            source_wh=np.array(transform.source_wh, np.int64),
        )

    def agreement(self, reference: Instances, other: Instances) -> float:
        """Return the F1 of masks above the run's threshold that match in class with IoU >= .5; 1 if both have none."""
        ours, theirs = reference.above(self.spec.score_threshold), other.above(self.spec.score_threshold)
        if ours.masks.shape[1:] != theirs.masks.shape[1:]:
            return 0.0
        overlap = within_classes(mask_iou(ours.masks, theirs.masks), ours.classes, theirs.classes)
        return f1(len(pair_up(overlap, least=_AGREEMENT_IOU)), len(ours.scores), len(theirs.scores))

    def score(self, results: Sequence[Instances], truths: Sequence[LabelledBoxes]) -> Score:
        """Return COCO's average precision of the boxes, AP50-95."""
        return score_boxes(results, truths)


def _can_be(head: Head, facts: ModelFacts) -> bool:
    shapes = sorted((output.shape for output in facts.outputs), key=len)
    match shapes:
        case [(_, int(rows), columns), (_, int(masks), _, _)] if head == "yolov8-seg":
            classes = rows - 4 - masks
            return classes > 0 and facts.labels in {0, classes} and (isinstance(columns, str) or columns > rows)
        case [(_, _, int(columns)), (_, int(masks), _, _)]:
            return columns == 6 + masks
    return False


def _in_order(head: Head, outputs: Tensors) -> tuple[Array, Array]:
    arrays = sorted((np.asarray(array, np.float32) for array in outputs.values()), key=lambda array: array.ndim)
    if [array.ndim for array in arrays] == [3, 4] and all(len(array) == 1 for array in arrays):
        rows, prototypes = arrays[0][0], arrays[1][0]
        masks = len(prototypes)
        if (len(rows) > 4 + masks) if head == "yolov8-seg" else (rows.shape[1] == 6 + masks):
            return rows, prototypes
    got = ", ".join(str(list(array.shape)) for array in outputs.values())
    raise InputError(f"instances: expected {LAYOUTS[head]}, got {got}")


def _things(spec: TaskSpec, rows: Array, masks: int) -> tuple[Array, Array, npt.NDArray[np.int64], Array]:
    """Return boxes in pixels of the model's input, scores, classes and coefficients of what is found, best first."""
    if spec.head == "end-to-end-seg":
        rows = rows[(rows[:, 4] >= spec.score_threshold) & np.isfinite(rows).all(axis=1)]
        best = np.argsort(-rows[:, 4], kind="stable")[: spec.max_detections]
        return rows[best, :4], rows[best, 4], np.rint(rows[best, 5]).astype(np.int64), rows[best, 6:]
    keep, scores, classes = best_of_columns(rows[4:-masks], spec.score_threshold)
    columns = rows[:, keep].T
    xyxy = corners(columns[:, :4])
    is_number = np.flatnonzero(np.isfinite(columns).all(axis=1))
    xyxy, scores, classes, columns = xyxy[is_number], scores[is_number], classes[is_number], columns[is_number]
    best = suppress(xyxy, scores, classes, iou_threshold=spec.iou_threshold, most=spec.max_detections)
    return xyxy[best], scores[best], classes[best], columns[best, -masks:]


def _masks(coefficients: Array, prototypes: Array, xyxy: Array, model_wh: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Return masks [n, height, width]: a sum above 0 is a sigmoid above a half; outside the box there is nothing."""
    count, height, width = len(coefficients), *prototypes.shape[1:]
    masks = (coefficients @ prototypes.reshape(len(prototypes), -1) > 0).reshape(count, height, width)
    left, top, right, bottom = (xyxy * (np.array([width, height] * 2) / np.array(model_wh * 2))).T[:, :, np.newaxis]
    x, y = np.arange(width), np.arange(height)
    masks &= ((x >= left) & (x < right))[:, np.newaxis, :]
    masks &= ((y >= top) & (y < bottom))[:, :, np.newaxis]
    return np.asarray(masks, np.bool_)
