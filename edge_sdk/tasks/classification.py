"""Which of the classes a sample belongs to."""

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

_SLACK = 0.01  # a quantized softmax leaves 0 to 1 by a step, and its sum is not 1


@dataclass(frozen=True, slots=True)
class Classification:
    """The best classes of a sample, best first; none where the model's output is not a number.

    Attributes:
        classes: Class indices.
        scores: Their probabilities, 0 to 1.
    """

    classes: tuple[int, ...]
    scores: tuple[float, ...]

    def to_data(self, labels: Sequence[str]) -> dict[str, Any]:
        """Return `{"classes": [{"class", "label", "score"}, …]}`."""
        return {
            "classes": [
                {"class": index, "label": labels[index] if index < len(labels) else "", "score": round(score, 6)}
                for index, score in zip(self.classes, self.scores, strict=True)
            ]
        }


@dataclass(frozen=True, slots=True)
class ClassificationTask:
    """One output [1, classes]: logits, or probabilities where all values are between 0 and 1 already."""

    spec: TaskSpec

    @staticmethod
    def outputs(head: Head) -> str:
        """Return what the outputs are, for messages."""
        return "one output [batch, classes]"

    @staticmethod
    def tell(facts: ModelFacts) -> tuple[TaskSpec, ...]:
        """Return the task if the outputs are a classifier's."""
        if len(facts.outputs) != 1 or not facts.outputs[0].dtype.startswith("float"):
            return ()
        sizes = [size for size in facts.outputs[0].shape[1:] if size != 1]
        if len(sizes) != 1 or (facts.labels and isinstance(sizes[0], int) and sizes[0] != facts.labels):
            return ()
        return (TaskSpec(kind="classification"),)

    def decode(self, outputs: Tensors, transform: Transform | None, inputs: Tensors | None = None) -> Classification:
        """Read the output of one sample; see `Task.decode`."""
        arrays = [np.asarray(array, np.float64) for array in outputs.values()]
        if len(arrays) != 1 or arrays[0].shape[:1] != (1,):
            got = ", ".join(str(list(array.shape)) for array in arrays)
            raise InputError(f"classification: expected one output [1, classes], got {got or 'none'}")
        values = arrays[0].ravel()
        if not np.isfinite(values).all():
            return Classification((), ())
        probabilities = _probabilities(values)
        best = np.argsort(-probabilities, kind="stable")[: self.spec.top_k]
        return Classification(tuple(int(i) for i in best), tuple(float(probabilities[i]) for i in best))

    def agreement(self, reference: Classification, other: Classification) -> float:
        """Return 1 if both name the same class first, else 0."""
        return float(reference.classes[:1] == other.classes[:1] != ())

    def score(self, results: Sequence[Classification], truths: Sequence[int]) -> Score:
        """Return the top-1 accuracy."""
        right = np.array(
            [result.classes[:1] == (truth,) for result, truth in zip(results, truths, strict=True)], np.float64
        )

        def resampled(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            return np.asarray(100.0 * (weights @ right) / weights.sum(axis=1), np.float64)

        return Score("top-1", float(100.0 * right.mean()), right, resampled)


def _probabilities(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    if values.min() >= -_SLACK and values.max() <= 1 + _SLACK:
        return values
    powers = np.exp(values - values.max())
    return np.asarray(powers / powers.sum(), np.float64)
