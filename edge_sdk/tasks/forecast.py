"""Numbers that a model foretells or measures: the next values of a series, a temperature, a remaining life."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.errors import InputError
from edge_sdk.tasks.facts import ModelFacts
from edge_sdk.tasks.record import Head, Score, TaskSpec
from edge_sdk.tensors import Tensors
from edge_sdk.transform import Transform

_OUTPUTS = "one output [batch, ...] of numbers"
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Forecast:
    """The foretold values, in the order and shape of the model's output: float32 [steps], or [steps, series]."""

    values: npt.NDArray[np.float32]

    def to_data(self, labels: Sequence[str]) -> dict[str, Any]:
        """Return `{"forecast": nested lists}`."""
        return {"forecast": self.values.tolist()}


@dataclass(frozen=True, slots=True)
class ForecastTask:
    """One output of numbers."""

    spec: TaskSpec

    @staticmethod
    def outputs(head: Head) -> str:
        """Return what the outputs are, for messages."""
        return _OUTPUTS

    @staticmethod
    def tell(facts: ModelFacts) -> tuple[TaskSpec, ...]:
        """Return the task where the user says that it is one: a classifier's output looks the same."""
        is_one = len(facts.outputs) == 1 and facts.outputs[0].dtype.startswith("float")
        return (TaskSpec(kind="forecast"),) if facts.kind == "forecast" and is_one else ()

    def decode(self, outputs: Tensors, transform: Transform | None, inputs: Tensors | None = None) -> Forecast:
        """Read the output of one sample; see `Task.decode`."""
        arrays = list(outputs.values())
        if len(arrays) != 1 or arrays[0].ndim < 1 or len(arrays[0]) != 1:
            got = ", ".join(str(list(array.shape)) for array in arrays)
            raise InputError(f"forecast: expected {_OUTPUTS}, a batch of 1, got {got}")
        values = np.asarray(arrays[0][0], np.float32)
        return Forecast(values.reshape(-1) if values.ndim == 0 else values)

    def agreement(self, reference: Forecast, other: Forecast) -> float:
        """Return one less the mean absolute difference, as a share of the mean size of the larger; at least 0."""
        if reference.values.shape != other.values.shape:
            return 0.0
        ours, theirs = reference.values.astype(np.float64), other.values.astype(np.float64)
        size = max(float(np.abs(ours).mean()), float(np.abs(theirs).mean()))
        share = float(np.abs(ours - theirs).mean()) / max(size, _TINY)
        return max(0.0, 1.0 - share) if np.isfinite(share) else 0.0

    def score(self, results: Sequence[Forecast], truths: Sequence[npt.NDArray[Any]]) -> Score:
        """Return the coefficient of determination: 100 is exact, 0 is no better than the mean of the labels."""
        found = np.stack([result.values.ravel() for result in results]).astype(np.float64)
        true = np.stack([np.asarray(truth, np.float64).ravel() for truth in truths])
        if found.shape[1] != true.shape[1]:
            raise InputError(f"forecast: expected labels of {found.shape[1]} values, got {true.shape[1]}")
        errors = np.square(np.nan_to_num(found - true, nan=np.inf)).sum(axis=1)

        def resampled(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            total = weights.sum(axis=1, keepdims=True)
            mean = weights @ true / total
            spread = (weights @ np.square(true) / total - np.square(mean)).sum(axis=1) * total[:, 0]
            return np.asarray(100.0 * (1.0 - weights @ errors / np.maximum(spread, _TINY)), np.float64)

        return Score("R2", float(resampled(np.ones((1, len(results))))[0]), None, resampled)
