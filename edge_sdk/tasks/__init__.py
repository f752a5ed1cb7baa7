"""What a model is for: one file a task, each with decode, score and agreement.

A task reads the model's raw outputs, compares two results with each other (`agreement`, used by the quantizer's guard
and by whoever compares engines or models), and scores results against labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge_sdk.errors import InputError
from edge_sdk.tasks.classification import Classification, ClassificationTask
from edge_sdk.tasks.detection import Detections, DetectionTask, LabelledBoxes, for_scoring
from edge_sdk.tasks.record import Result, Score, Task, TaskKind, TaskSpec, Truth
from edge_sdk.tasks.tensor import TensorResult, TensorTask
from edge_sdk.tensors import TensorSpec

__all__ = [
    "Classification",
    "Detections",
    "LabelledBoxes",
    "Result",
    "Score",
    "Task",
    "TaskKind",
    "TaskSpec",
    "TensorResult",
    "Truth",
    "build_task",
    "for_scoring",
    "tell_task",
]

TASKS: Mapping[TaskKind, type[ClassificationTask] | type[DetectionTask] | type[TensorTask]] = {
    "classification": ClassificationTask,
    "detection": DetectionTask,
    "tensor": TensorTask,
}


def build_task(spec: TaskSpec) -> Task:
    """Return the task that `spec` declares."""
    return TASKS[spec.kind](spec)


def tell_task(kind: TaskKind | None, outputs: Sequence[TensorSpec], *, labels: int = 0) -> TaskSpec:
    """Tell a model's task from its outputs.

    Args:
        kind: What the user says it is; None if nothing is said.
        outputs: The model's outputs.
        labels: The number of class names, 0 if unknown.

    Returns:
        The task; `tensor` (outputs compared as numbers) where nothing is said and the outputs fit no other task.

    Raises:
        InputError: The outputs do not fit the task that the user says it is.
    """
    if kind == "tensor":
        return TaskSpec(kind="tensor")
    told: dict[TaskKind, TaskSpec] = {}
    for name in ("classification", "detection"):
        spec = TASKS[name].tell(outputs, labels)
        if spec is not None:
            told[name] = spec
    if kind is None:
        return next(iter(told.values())) if len(told) == 1 else TaskSpec(kind="tensor")
    if kind not in told:
        shapes = ", ".join(f"{output.name} {output.describe()}" for output in outputs)
        named = f" for {labels} labels" if labels else ""
        raise InputError(f"task: expected outputs of {kind} ({TASKS[kind].outputs}){named}, got {shapes}")
    return told[kind]
