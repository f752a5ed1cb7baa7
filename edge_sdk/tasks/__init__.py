"""What a model is for: one file a task, each with decode, score and agreement.

A task reads the model's raw outputs, compares two results with each other (`agreement`, used by the quantizer's guard
and by whoever compares engines or models), and scores results against labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from edge_sdk.errors import InputError
from edge_sdk.tasks.classification import Classification
from edge_sdk.tasks.detection import BOXED, Detections, LabelledBoxes, for_scoring
from edge_sdk.tasks.facts import Exporter, ModelFacts
from edge_sdk.tasks.record import HEADS, Head, Result, Score, Task, TaskKind, TaskSpec, Truth
from edge_sdk.tasks.tensor import TensorResult

if TYPE_CHECKING:
    from edge_sdk.tasks.anomaly import Anomaly
    from edge_sdk.tasks.forecast import Forecast
    from edge_sdk.tasks.instances import Instances
    from edge_sdk.tasks.pose import LabelledPoses, Poses
    from edge_sdk.tasks.segmentation import SegmentationMap
else:

    def __getattr__(name: str) -> object:
        """Import the records of rarer tasks when they are asked for: a board starts with the one task that it runs."""
        if name not in _RARE:
            raise AttributeError(f"module 'edge_sdk.tasks' has no attribute '{name}'")
        return getattr(import_module(f"{__name__}.{_RARE[name]}"), name)


_RARE: Mapping[str, str] = {
    "Anomaly": "anomaly",
    "Forecast": "forecast",
    "Instances": "instances",
    "LabelledPoses": "pose",
    "Poses": "pose",
    "SegmentationMap": "segmentation",
}
"""The file of each."""

__all__ = [
    "BOXED",
    "HEADS",
    "Anomaly",
    "Classification",
    "Detections",
    "Forecast",
    "Head",
    "Instances",
    "LabelledBoxes",
    "LabelledPoses",
    "ModelFacts",
    "Poses",
    "Result",
    "Score",
    "SegmentationMap",
    "Task",
    "TaskKind",
    "TaskSpec",
    "TensorResult",
    "Truth",
    "build_task",
    "for_scoring",
    "tell_task",
]

TASKS: Mapping[TaskKind, str] = {
    "classification": "classification.ClassificationTask",
    "detection": "detection.DetectionTask",
    "segmentation": "segmentation.SegmentationTask",
    "instances": "instances.InstancesTask",
    "pose": "pose.PoseTask",
    "anomaly": "anomaly.AnomalyTask",
    "forecast": "forecast.ForecastTask",
    "tensor": "tensor.TensorTask",
}
"""File and class of each task; only the chosen one is imported."""
_EXPORTED: Mapping[Exporter, tuple[TaskKind, ...]] = {
    "": tuple(kind for kind in TASKS if kind != "tensor"),
    "classify": ("classification",),
    "detect": ("detection",),
    "segment": ("instances",),
    "pose": ("pose",),
    "other": (),
}


def build_task(spec: TaskSpec) -> Task:
    """Return the task that `spec` declares."""
    return _class_of(spec.kind)(spec)


def tell_task(facts: ModelFacts) -> TaskSpec:
    """Tell a model's task from what is known of it.

    Returns:
        The task; `tensor` (outputs compared as numbers) where nothing is said and the outputs fit no task.

    Raises:
        InputError: The outputs do not fit what the user says, or fit more than one task or head.
    """
    if facts.kind == "tensor":
        return TaskSpec(kind="tensor")
    told = [spec for kind in _kinds(facts) for spec in _class_of(kind).tell(facts) if facts.head in {"", spec.head}]
    if not told and facts.kind is None and not facts.head:
        return TaskSpec(kind="tensor")
    if len(told) != 1:
        raise _untold(facts, told)
    return told[0]


def _kinds(facts: ModelFacts) -> Sequence[TaskKind]:
    if facts.kind is not None:
        return (facts.kind,)
    return _EXPORTED["" if facts.head else facts.exporter]


def _untold(facts: ModelFacts, told: Sequence[TaskSpec]) -> InputError:
    shapes = ", ".join(f"{output.name} {output.describe()}" for output in facts.outputs)
    named = f" for {facts.labels} labels" if facts.labels else ""
    if told:
        heads = " or ".join(f"--head {spec.head}" if spec.head else f"--task {spec.kind}" for spec in told)
        return InputError(
            f"task: expected outputs that one task has, got {shapes}{named}, which fit {len(told)}",
            hint=f"say {heads}, as the model's documentation has it; --task tensor compares outputs as numbers",
        )
    kind = _kind_of(facts.head) if facts.kind is None else facts.kind
    words = " ".join(filter(None, (kind, facts.head)))
    return InputError(f"task: expected outputs of {words} ({_class_of(kind).outputs(facts.head)}){named}, got {shapes}")


def _kind_of(head: Head) -> TaskKind:
    return next(kind for kind, heads in HEADS.items() if head in heads)


class _TaskClass(Protocol):
    def __call__(self, spec: TaskSpec) -> Task: ...

    def tell(self, facts: ModelFacts) -> Sequence[TaskSpec]: ...

    def outputs(self, head: Head) -> str: ...


def _class_of(kind: TaskKind) -> _TaskClass:
    file, _, name = TASKS[kind].partition(".")
    found: _TaskClass = getattr(import_module(f"{__name__}.{file}"), name)
    return found
