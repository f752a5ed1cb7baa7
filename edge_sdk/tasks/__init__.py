"""What a model is for: one file a task, each with decode, score and agreement.

A task reads the model's raw outputs, compares two results with each other (`agreement`, used by the quantizer's guard
and by whoever compares engines or models), and scores results against labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge_sdk.errors import InputError
from edge_sdk.tasks.anomaly import Anomaly, AnomalyTask
from edge_sdk.tasks.classification import Classification, ClassificationTask
from edge_sdk.tasks.detection import BOXED, Detections, DetectionTask, LabelledBoxes, for_scoring
from edge_sdk.tasks.facts import Exporter, ModelFacts
from edge_sdk.tasks.forecast import Forecast, ForecastTask
from edge_sdk.tasks.instances import Instances, InstancesTask
from edge_sdk.tasks.pose import LabelledPoses, Poses, PoseTask
from edge_sdk.tasks.record import HEADS, Head, Result, Score, Task, TaskKind, TaskSpec, Truth
from edge_sdk.tasks.segmentation import SegmentationMap, SegmentationTask
from edge_sdk.tasks.tensor import TensorResult, TensorTask

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

_AnyTask = (
    type[ClassificationTask]
    | type[DetectionTask]
    | type[SegmentationTask]
    | type[InstancesTask]
    | type[PoseTask]
    | type[AnomalyTask]
    | type[ForecastTask]
    | type[TensorTask]
)
TASKS: Mapping[TaskKind, _AnyTask] = {
    "classification": ClassificationTask,
    "detection": DetectionTask,
    "segmentation": SegmentationTask,
    "instances": InstancesTask,
    "pose": PoseTask,
    "anomaly": AnomalyTask,
    "forecast": ForecastTask,
    "tensor": TensorTask,
}
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
    return TASKS[spec.kind](spec)


def tell_task(facts: ModelFacts) -> TaskSpec:
    """Tell a model's task from what is known of it.

    Returns:
        The task; `tensor` (outputs compared as numbers) where nothing is said and the outputs fit no task.

    Raises:
        InputError: The outputs do not fit what the user says, or fit more than one task or head.
    """
    if facts.kind == "tensor":
        return TaskSpec(kind="tensor")
    told = [spec for kind in _kinds(facts) for spec in TASKS[kind].tell(facts) if facts.head in {"", spec.head}]
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
    return InputError(f"task: expected outputs of {words} ({TASKS[kind].outputs(facts.head)}){named}, got {shapes}")


def _kind_of(head: Head) -> TaskKind:
    return next(kind for kind, heads in HEADS.items() if head in heads)
