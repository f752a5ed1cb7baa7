"""Whether engines give the same answers: raw outputs become what the task makes of them, sample by sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_sdk.convert.parity.inputs import Inputs
from edge_sdk.convert.parity.report import TaskAgreement
from edge_sdk.errors import InputError
from edge_sdk.tasks import ModelFacts, Result, Task, build_task, tell_task
from edge_sdk.tensors import Tensors


def task_of(facts: ModelFacts) -> Task | None:
    """Return the task that was told, or the one that the outputs tell; None where numbers alone are compared.

    Raises:
        InputError: The outputs do not fit what was told.
    """
    try:
        spec = tell_task(facts)
    except InputError:
        if facts.kind is not None or facts.head:
            raise
        return None
    return None if spec.kind == "tensor" else build_task(spec)


def agree(task: Task, inputs: Inputs, expected: Sequence[Tensors], got: Sequence[Tensors]) -> TaskAgreement:
    """Return how far two engines agree.

    Args:
        task: What the model is for.
        inputs: What both were given.
        expected: The oracle's outputs, a sample each.
        got: The engine's.
    """
    kind = task.spec.kind
    try:
        ours = _decode(task, inputs, expected)
        theirs = _decode(task, inputs, [_shaped(a, b) for a, b in zip(expected, got, strict=True)])
    except (InputError, ValueError) as exc:
        return TaskAgreement(kind, 0.0, 0, len(got), told=str(exc))
    agreements = [task.agreement(a, b) for a, b in zip(ours, theirs, strict=True)]
    return TaskAgreement(kind, float(np.mean(agreements)), sum(one < 1 for one in agreements), len(got))


def _decode(task: Task, inputs: Inputs, outputs: Sequence[Tensors]) -> list[Result]:
    samples = zip(outputs, inputs.transforms, inputs.feeds, strict=True)
    return [task.decode(output, transform, feed) for output, transform, feed in samples]


def _shaped(expected: Tensors, got: Tensors) -> Tensors:
    """Return an engine's outputs in the order and with the axes of size one that the model's outputs have."""
    return {name: np.asarray(got[name]).reshape(array.shape) for name, array in expected.items()}
