"""Outputs compared as numbers, for models whose meaning is not declared (sensors, embeddings, unknown heads)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_sdk.errors import InputError
from edge_sdk.tasks.facts import ModelFacts
from edge_sdk.tasks.record import Head, Score, TaskSpec
from edge_sdk.tensors import Array, Tensors
from edge_sdk.transform import Transform


@dataclass(frozen=True, slots=True)
class TensorResult:
    """The raw outputs, by name."""

    tensors: Mapping[str, Array]

    def to_data(self, labels: Sequence[str]) -> dict[str, Any]:
        """Return `{"tensors": {name: nested lists}}`."""
        return {"tensors": {name: array.tolist() for name, array in self.tensors.items()}}


@dataclass(frozen=True, slots=True)
class TensorTask:
    """Any outputs."""

    spec: TaskSpec

    @staticmethod
    def outputs(head: Head) -> str:
        """Return what the outputs are, for messages."""
        return "any outputs"

    @staticmethod
    def tell(facts: ModelFacts) -> tuple[TaskSpec, ...]:
        """Return the task; any outputs will do."""
        return (TaskSpec(kind="tensor"),)

    def decode(self, outputs: Tensors, transform: Transform | None, inputs: Tensors | None = None) -> TensorResult:
        """Keep the outputs of one sample; see `Task.decode`."""
        return TensorResult(dict(outputs))

    def agreement(self, reference: TensorResult, other: TensorResult) -> float:
        """Return `1 - |reference - other| / |reference|` (L2 norms) of the output that agrees least, at least 0."""
        return min(_closeness(reference.tensors[name], other.tensors[name]) for name in reference.tensors)

    def score(self, results: Sequence[TensorResult], truths: Sequence[Any]) -> Score:
        """Refuse: raw tensors have no metric.

        Raises:
            InputError: Always.
        """
        raise InputError("task: expected classification or detection to score labels, got tensor", hint="say --task")


def _closeness(reference: Array, other: Array) -> float:
    if reference.shape != other.shape:
        return 0.0
    if reference.dtype == object:
        return float(np.array_equal(reference, other))
    size = float(np.linalg.norm(reference.astype(np.float64)))
    distance = float(np.linalg.norm(reference.astype(np.float64) - other.astype(np.float64)))
    if not np.isfinite(distance):
        return 0.0
    return max(0.0, 1.0 - distance / size) if size else float(distance == 0)
