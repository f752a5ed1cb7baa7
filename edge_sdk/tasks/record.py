"""What all tasks share: the declaration, the interface, and a score that can be resampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from edge_sdk.errors import InputError
from edge_sdk.tensors import Tensors
from edge_sdk.transform import Transform

TaskKind = Literal["classification", "detection", "tensor"]
Head = Literal["", "boxes-scores", "ssd", "tf-ssd", "tflite-ssd", "rt-detr", "yolov5", "yolov8", "yolox", "end-to-end"]


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """What the model is for, as the package's manifest declares it.

    Attributes:
        kind: The task.
        head: For detection: how the raw outputs are laid out.
        score_threshold: For detection: least score of a reported box, 0 to 1.
        iou_threshold: For detection: two boxes of one class that overlap more than this are one.
        max_detections: For detection: most boxes reported of one picture.
        top_k: For classification: how many classes are reported.
    """

    kind: TaskKind
    head: Head = ""
    score_threshold: float = 0.3
    iou_threshold: float = 0.5
    max_detections: int = 100
    top_k: int = 5

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: A threshold is not between 0 and 1, a count is not positive, or a detection lacks its head.
        """
        if not (0 <= self.score_threshold <= 1 and 0 <= self.iou_threshold <= 1):
            raise InputError(
                f"score_threshold, iou_threshold: expected 0 to 1, got {self.score_threshold} and {self.iou_threshold}"
            )
        if self.max_detections < 1 or self.top_k < 1:
            raise InputError(f"max_detections, top_k: expected at least 1, got {self.max_detections} and {self.top_k}")
        if (self.kind == "detection") != bool(self.head):
            raise InputError(f"head: expected one for detection and none else, got '{self.head}' for {self.kind}")


class Result(Protocol):
    """What a task decodes from a model's outputs."""

    def to_data(self, labels: Sequence[str]) -> dict[str, Any]:
        """Return the result as what `json.dumps` takes, with the names of its classes."""


Truth = Any
"""A sample's label: a class index (classification) or `LabelledBoxes` (detection)."""


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

    def decode(self, outputs: Tensors, transform: Transform | None) -> Result:
        """Read one sample's raw outputs (batch of 1); `transform` leads boxes back to the source picture.

        Raises:
            InputError: The outputs are not those of this task.
        """

    def agreement(self, reference: Any, other: Any) -> float:
        """Return how far two results of one sample agree, 0 to 1."""

    def score(self, results: Sequence[Any], truths: Sequence[Truth]) -> Score:
        """Score results against labels, sample by sample in the same order."""
