"""What all tasks share: the declaration, the interface, and a score that can be resampled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from edge_sdk.errors import InputError
from edge_sdk.tensors import Tensors
from edge_sdk.transform import Transform

TaskKind = Literal["classification", "detection", "segmentation", "instances", "pose", "anomaly", "forecast", "tensor"]
Head = Literal[
    "",
    "boxes-scores",
    "ssd",
    "tf-ssd",
    "tflite-ssd",
    "rt-detr",
    "yolov5",
    "yolov8",
    "yolox",
    "end-to-end",
    "class-scores",
    "class-scores-last",
    "class-map",
    "yolov8-seg",
    "end-to-end-seg",
    "yolov8-pose",
    "end-to-end-pose",
    "reconstruction",
    "distance",
]
HEADS: Mapping[TaskKind, tuple[Head, ...]] = {
    "detection": (
        *("boxes-scores", "ssd", "tf-ssd", "tflite-ssd", "rt-detr"),
        *("yolov5", "yolov8", "yolox", "end-to-end"),
    ),
    "segmentation": ("class-scores", "class-scores-last", "class-map"),
    "instances": ("yolov8-seg", "end-to-end-seg"),
    "pose": ("yolov8-pose", "end-to-end-pose"),
    "anomaly": ("reconstruction", "distance"),
}
"""The heads of each task that has several: how the model's outputs are laid out."""


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """What the model is for, as the package's manifest declares it.

    Attributes:
        kind: The task.
        head: How the raw outputs are laid out, for a task that has several `HEADS`.
        score_threshold: For boxes of any kind: least score of a reported one, 0 to 1.
        iou_threshold: For boxes of any kind: two of one class that overlap more than this are one.
        max_detections: For boxes of any kind: most of one picture that are reported.
        top_k: For classification: how many classes are reported.
        joints: For pose: how many joints a body has.
        joint_values: For pose: 2 for x and y, 3 with a confidence.
        threshold: For anomaly: the greatest score of what is normal; None where it was not calibrated.
    """

    kind: TaskKind
    head: Head = ""
    score_threshold: float = 0.3
    iou_threshold: float = 0.5
    max_detections: int = 100
    top_k: int = 5
    joints: int = 0
    joint_values: int = 3
    threshold: float | None = None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: A threshold is not between 0 and 1, a count is not positive, or the head is not of the task.
        """
        if not (0 <= self.score_threshold <= 1 and 0 <= self.iou_threshold <= 1):
            raise InputError(
                f"score_threshold, iou_threshold: expected 0 to 1, got {self.score_threshold} and {self.iou_threshold}"
            )
        if self.max_detections < 1 or self.top_k < 1:
            raise InputError(f"max_detections, top_k: expected at least 1, got {self.max_detections} and {self.top_k}")
        heads = HEADS.get(self.kind, ("",))
        if self.head not in heads:
            wanted = f"one of {', '.join(heads)}" if heads != ("",) else "none"
            raise InputError(f"head: expected {wanted} for {self.kind}, got '{self.head}'")
        if (self.kind == "pose") != (self.joints > 0) or self.joint_values not in {2, 3}:
            raise InputError(
                f"joints, joint_values: expected joints of 2 or 3 values for pose and none else, "
                f"got {self.joints} and {self.joint_values} for {self.kind}"
            )


class Result(Protocol):
    """What a task decodes from a model's outputs."""

    def to_data(self, labels: Sequence[str]) -> dict[str, Any]:
        """Return the result as what `json.dumps` takes, with the names of its classes."""


Truth = Any
"""A sample's label: a class index (classification, anomaly), `LabelledBoxes` (detection, instances), `LabelledPoses`
(pose), an array of classes (segmentation) or of values (forecast)."""


@dataclass(frozen=True, slots=True)
class Score:
    """Results scored against labels, in a form that can be scored again on any resample of the same samples.

    Attributes:
        metric: The metric's name, such as `top-1`.
        value: Its value on all samples, in points of 100.
        outcomes: One value a sample, 0 or 1, where the metric is their mean; None where it is not.
        resampled: Given weights [trials, samples] (how often each sample is drawn), the metric [trials] in points.
    """

    metric: str
    value: float
    outcomes: npt.NDArray[np.float64] | None
    resampled: Resampled


class Resampled(Protocol):
    """The metric of many resamples at once."""

    def __call__(self, weights: npt.NDArray[np.float64], /) -> npt.NDArray[np.float64]:
        """Return the metric [trials] in points of 100, for weights [trials, samples]."""


class Task(Protocol):
    """The interface of a task."""

    @property
    def spec(self) -> TaskSpec:
        """What the manifest declares."""

    def decode(self, outputs: Tensors, transform: Transform | None, inputs: Tensors | None = None) -> Result:
        """Read one sample's raw outputs.

        Args:
            outputs: What the model gave, a batch of 1.
            transform: Where the pixels of a picture went: what was found goes the way back.
            inputs: What the model was given, for a task that compares both.

        Raises:
            InputError: The outputs are not those of this task.
        """

    def agreement(self, reference: Any, other: Any) -> float:
        """Return how far two results of one sample agree, 0 to 1."""

    def score(self, results: Sequence[Any], truths: Sequence[Truth]) -> Score:
        """Score results against labels, sample by sample in the same order."""


def layout_of(layouts: Mapping[Head, str], head: Head) -> str:
    """Return the layout of a head in words; without one, those of all."""
    return layouts.get(head) or ", or ".join(dict.fromkeys(layouts.values()))


def require_picture(transform: Transform | None, kind: TaskKind) -> Transform:
    """Return where a picture's pixels went.

    Raises:
        InputError: The sample was no picture, and its boxes or areas have no place.
    """
    if transform is None:
        raise InputError(f"{kind}: expected pictures, got tensors", hint="declare [image] steps in the preprocessing")
    return transform
