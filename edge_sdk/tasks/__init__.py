"""What a model is for: one file a task, each with decode, score and agreement.

A task reads the model's raw outputs, compares two results with each other (`agreement`, used by the quantizer's guard
and by whoever compares engines or models), and scores results against labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge_sdk.errors import InputError
from edge_sdk.tasks.classification import Classification, ClassificationTask
from edge_sdk.tasks.detection import Detections, DetectionTask, LabelledBoxes, for_scoring
from edge_sdk.tasks.facts import ModelFacts
from edge_sdk.tasks.layouts import LAYOUTS
from edge_sdk.tasks.record import Head, Result, Score, Task, TaskKind, TaskSpec, Truth
from edge_sdk.tasks.tensor import TensorResult, TensorTask

__all__ = [
    "HEAD_TASKS",
    "Classification",
    "Detections",
    "Head",
    "LabelledBoxes",
    "ModelFacts",
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
HEAD_TASKS: Mapping[Head, TaskKind] = dict.fromkeys(LAYOUTS, "detection")
"""The task that each head is of."""


def build_task(spec: TaskSpec) -> Task:
    """Return the task that `spec` declares."""
    return TASKS[spec.kind](spec)


def tell_task(facts: ModelFacts, kind: TaskKind | None = None) -> TaskSpec:
    """Tell a model's task from what is known of it.

    Args:
        facts: What is known of the model.
        kind: What the user says it is; None if nothing is said.

    Returns:
        The task; `tensor` (outputs compared as numbers) where nothing is said and the outputs fit no task.

    Raises:
        InputError: The outputs do not fit what the user says, or fit more than one task or head.
    """
    if kind == "tensor" or (kind is None and not facts.outputs):
        return TaskSpec(kind="tensor")
    kinds = [one for one in TASKS if one != "tensor"] if kind is None else [kind]
    told = [spec for one in kinds for spec in TASKS[one].tell(facts) if facts.head in {"", spec.head}]
    if not told and kind is None and not facts.head:
        return TaskSpec(kind="tensor")
    if len(told) != 1:
        raise _untold(facts, kind, told)
    return told[0]


def _untold(facts: ModelFacts, kind: TaskKind | None, told: Sequence[TaskSpec]) -> InputError:
    shapes = ", ".join(f"{output.name} {output.describe()}" for output in facts.outputs)
    named = f" for {facts.labels} labels" if facts.labels else ""
    if told:
        heads = " or ".join(f"--head {spec.head}" if spec.head else f"--task {spec.kind}" for spec in told)
        return InputError(
            f"task: expected outputs that one task has, got {shapes}{named}, which fit {len(told)}",
            hint=f"say {heads}, as the model's documentation has it; --task tensor compares outputs as numbers",
        )
    wanted = kind or HEAD_TASKS[facts.head]
    words = " ".join(filter(None, (wanted, facts.head)))
    return InputError(f"task: expected outputs of {words} ({TASKS[wanted].outputs(facts.head)}){named}, got {shapes}")
