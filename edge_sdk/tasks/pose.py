"""Where bodies are in a picture, and where their joints are.

Two poses are compared by COCO's object keypoint similarity (https://cocodataset.org/#keypoints-eval): how far each
joint is off, in the size of the body and in how exactly people themselves place that joint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.errors import InputError
from edge_sdk.tasks.boxes import areas, suppress
from edge_sdk.tasks.detection import Boxes, boxes_data
from edge_sdk.tasks.facts import ModelFacts
from edge_sdk.tasks.heads import best_of_columns, corners
from edge_sdk.tasks.matching import f1, pair_up, within_classes
from edge_sdk.tasks.record import Head, Score, TaskSpec, layout_of, require_picture
from edge_sdk.tasks.supervision import to_supervision
from edge_sdk.tensors import Array, Tensors
from edge_sdk.transform import Transform

LAYOUTS: Mapping[Head, str] = {
    "yolov8-pose": "[1, 4 + classes + 3 joints, n]",
    "end-to-end-pose": "[1, n, 6 + 3 joints]",
}
COCO_SIGMAS = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000
"""How exactly people place the 17 joints of COCO, as shares of a body's size."""
COCO_BONES = (
    *((0, 1), (0, 2), (1, 3), (2, 4), (5, 6), (5, 7), (7, 9), (6, 8), (8, 10)),
    *((5, 11), (6, 12), (11, 12), (11, 13), (13, 15), (12, 14), (14, 16)),
)
"""Which of COCO's joints a bone joins."""
VISIBLE = 0.5
"""Least confidence of a joint that is seen."""
_BODY_SHARE = 0.53  # of a box that a body covers; Ultralytics' figure, where no outline is known
_LEAST_SIMILARITY = 0.5


@dataclass(frozen=True, slots=True)
class LabelledPoses:
    """The true poses of a picture.

    Attributes:
        joints: x, y in source pixels and whether it is labelled (above 0), float32 [n, joints, 3].
        areas: What the bodies cover, in square pixels, float64 [n].
        classes: Class indices int64 [n].
    """

    joints: npt.NDArray[np.float32]
    areas: npt.NDArray[np.float64]
    classes: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Poses:
    """Found bodies, best first.

    Attributes:
        xyxy: Boxes float32 [n, 4] in source pixels.
        scores: Their scores float32 [n].
        classes: Their class indices int64 [n].
        joints: x, y in source pixels and confidence 0 to 1, float32 [n, joints, 3].
    """

    xyxy: Boxes
    scores: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64]
    joints: npt.NDArray[np.float32]

    def to_data(self, labels: Sequence[str]) -> dict[str, Any]:
        """Return `{"poses": [{"class", "label", "score", "xyxy", "joints": [[x, y, confidence], …]}, …]}`."""
        told = boxes_data(self.xyxy, self.scores, self.classes, labels)
        rows = [[[round(float(v), 2) for v in joint] for joint in pose] for pose in self.joints]
        return {"poses": [{**one, "joints": row} for one, row in zip(told, rows, strict=True)]}

    def above(self, score: float) -> Poses:
        """Return those with at least this score."""
        keep = self.scores >= score
        return Poses(self.xyxy[keep], self.scores[keep], self.classes[keep], self.joints[keep])

    def to_supervision(self) -> Any:
        """Return the boxes as `supervision.Detections`; see `Detections.to_supervision`."""
        return to_supervision(self)


@dataclass(frozen=True, slots=True)
class PoseTask:
    """Boxes with class scores and joints."""

    spec: TaskSpec

    @staticmethod
    def outputs(head: Head) -> str:
        """Return the layout of a head; without one, those of all."""
        return layout_of(LAYOUTS, head)

    @staticmethod
    def tell(facts: ModelFacts) -> tuple[TaskSpec, ...]:
        """Return a task for each head that the model can have; only where the user or an exporter says it is a pose."""
        if facts.kind != "pose" and facts.exporter != "pose" and facts.head not in LAYOUTS:
            return ()
        told = [(head, _joints(head, facts)) for head in LAYOUTS if facts.head in {"", head}]
        values = facts.joints[1] if facts.joints else 3
        return tuple(
            TaskSpec(kind="pose", head=head, joints=joints, joint_values=values) for head, joints in told if joints
        )

    def decode(self, outputs: Tensors, transform: Transform | None, inputs: Tensors | None = None) -> Poses:
        """Read the outputs of one picture; see `Task.decode`."""
        transform = require_picture(transform, "pose")
        xyxy, scores, classes, values = _bodies(self.spec, _raw(self.spec, outputs))
        joints = np.ones((len(scores), self.spec.joints, 3), np.float32)
        joints[:, :, : self.spec.joint_values] = values.reshape(len(scores), self.spec.joints, -1)
        joints[:, :, :2] = transform.points_to_source(joints[:, :, :2])
        return Poses(transform.clip(transform.to_source(xyxy)), scores, classes, joints)

    def agreement(self, reference: Poses, other: Poses) -> float:
        """Return the F1 of poses above the run's threshold, pairs counted by similarity; 1 if both have none."""
        ours, theirs = reference.above(self.spec.score_threshold), other.above(self.spec.score_threshold)
        labelled = LabelledPoses(_seen(ours.joints), _BODY_SHARE * areas(ours.xyxy.astype(np.float64)), ours.classes)
        similarity = within_classes(keypoint_similarity(theirs.joints, labelled).T, ours.classes, theirs.classes)
        pairs = pair_up(similarity, least=_LEAST_SIMILARITY)
        return f1(sum(float(similarity[pair]) for pair in pairs), len(ours.scores), len(theirs.scores))

    def score(self, results: Sequence[Poses], truths: Sequence[LabelledPoses]) -> Score:
        """Return COCO's average precision by similarity of joints, AP50-95."""
        from edge_sdk.tasks.precision import AveragePrecision, match  # boards never score

        pictures = [
            match(keypoint_similarity(found.joints, truth), (found.scores, found.classes), truth.classes)
            for found, truth in zip(results, truths, strict=True)
        ]
        precision = AveragePrecision(pictures)
        return Score("joints AP50-95", float(precision(np.ones((1, len(pictures))))[0]), None, precision)


def keypoint_similarity(joints: npt.NDArray[Any], labelled: LabelledPoses) -> npt.NDArray[np.float64]:
    """Return COCO's object keypoint similarity of poses [n, joints, 3] with labelled ones [m], as [n, m].

    Joints that are not labelled do not count; without any, nothing is similar.

    Raises:
        InputError: The labelled bodies have another number of joints.
    """
    count = joints.shape[1]
    if not len(joints) or not len(labelled.joints):
        return np.zeros((len(joints), len(labelled.joints)))
    if labelled.joints.shape[1] != count:
        raise InputError(f"pose: expected labels of {count} joints, got {labelled.joints.shape[1]}")
    sigmas = COCO_SIGMAS if count == len(COCO_SIGMAS) else np.full(count, 1 / max(count, 1))
    off = np.square(joints[:, np.newaxis, :, :2].astype(np.float64) - labelled.joints[np.newaxis, :, :, :2]).sum(axis=3)
    spread = 2 * np.square(2 * sigmas) * (labelled.areas + np.spacing(1))[np.newaxis, :, np.newaxis]
    is_labelled = labelled.joints[:, :, 2] > 0
    closeness = np.exp(-off / spread) * is_labelled
    return np.asarray(closeness.sum(axis=2) / np.maximum(is_labelled.sum(axis=1), 1), np.float64)


def _seen(joints: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return joints with 1 where they are seen; of a body of which nothing is, all count."""
    told = joints.copy()
    told[:, :, 2] = joints[:, :, 2] >= VISIBLE
    told[~told[:, :, 2].any(axis=1), :, 2] = 1
    return told


def _joints(head: Head, facts: ModelFacts) -> int:
    """Return how many joints the outputs have; 0 if they are not laid out so."""
    if len(facts.outputs) != 1 or len(facts.outputs[0].shape) != 3:
        return 0
    _, rows, columns = facts.outputs[0].shape
    size = rows if head == "yolov8-pose" else columns
    fixed = 6 if head == "end-to-end-pose" else 4 + max(facts.labels, 1)
    values = facts.joints[1] if facts.joints else 3
    if not isinstance(size, int) or size <= fixed or (size - fixed) % values:
        return 0
    is_turned = isinstance(rows, int) and isinstance(columns, int) and rows > columns
    if facts.head == "" and is_turned == (head == "yolov8-pose"):
        return 0
    joints = (size - fixed) // values
    return joints if facts.joints is None or facts.joints[0] == joints else 0


def _raw(spec: TaskSpec, outputs: Tensors) -> Array:
    arrays: list[Array] = [np.asarray(array, np.float32) for array in outputs.values()]
    values = spec.joints * spec.joint_values
    if len(arrays) == 1 and arrays[0].ndim == 3 and len(arrays[0]) == 1:
        raw: Array = arrays[0][0]
        if (len(raw) > 4 + values) if spec.head == "yolov8-pose" else (raw.shape[1] == 6 + values):
            return raw
    got = ", ".join(str(list(array.shape)) for array in arrays)
    raise InputError(f"pose: expected {LAYOUTS[spec.head]} with {spec.joints} joints, got {got}")


def _bodies(spec: TaskSpec, raw: Array) -> tuple[Array, Array, npt.NDArray[np.int64], Array]:
    """Return boxes in pixels of the model's input, scores, classes and values of the joints, best first."""
    values = spec.joints * spec.joint_values
    if spec.head == "end-to-end-pose":
        rows = raw[(raw[:, 4] >= spec.score_threshold) & np.isfinite(raw).all(axis=1)]
        best = np.argsort(-rows[:, 4], kind="stable")[: spec.max_detections]
        return rows[best, :4], rows[best, 4], np.rint(rows[best, 5]).astype(np.int64), rows[best, 6:]
    keep, scores, classes = best_of_columns(raw[4:-values], spec.score_threshold)
    columns = raw[:, keep].T
    is_number = np.flatnonzero(np.isfinite(columns).all(axis=1))
    columns, scores, classes = columns[is_number], scores[is_number], classes[is_number]
    xyxy = corners(columns[:, :4])
    best = suppress(xyxy, scores, classes, iou_threshold=spec.iou_threshold, most=spec.max_detections)
    return xyxy[best], scores[best], classes[best], columns[best, -values:]
