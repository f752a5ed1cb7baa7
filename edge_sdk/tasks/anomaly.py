"""How far a sample is from what the model knows as normal.

- `reconstruction`: the output has the input's shape; the score is the mean squared error between them.
- `distance`: the output is one number, which is the score: a distance, an energy, an error computed in the model.
- The threshold comes from normal samples (`calibrated`) and lies in the package. Anomalous is what is above it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.errors import InputError
from edge_sdk.tasks.facts import ModelFacts
from edge_sdk.tasks.record import Head, Score, TaskSpec, layout_of
from edge_sdk.tensors import Tensors
from edge_sdk.transform import Transform

LAYOUTS: Mapping[Head, str] = {
    "reconstruction": "one output of the input's shape",
    "distance": "one output [1] or [1, 1]",
}
FALSE_ALARMS = 0.01
"""The share of normal samples that may be called anomalous."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """How anomalous a sample is.

    Attributes:
        score: Distance from normal, 0 or more; NaN where the output is not a number.
        threshold: What is normal at most; NaN where it was not calibrated.
    """

    score: float
    threshold: float

    @property
    def is_anomalous(self) -> bool:
        """Whether the score is above the threshold, or no number at all."""
        return not self.score <= self.threshold if math.isfinite(self.threshold) else not math.isfinite(self.score)

    def to_data(self, labels: Sequence[str]) -> dict[str, Any]:
        """Return `{"anomaly": {"score", "threshold", "is_anomalous"}}`; numbers that JSON cannot say are null."""
        numbers = {"score": self.score, "threshold": self.threshold}
        told: dict[str, Any] = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
        return {"anomaly": {**told, "is_anomalous": self.is_anomalous}}


@dataclass(frozen=True, slots=True)
class AnomalyTask:
    """One output: the input as the model knows it, or how far it is from normal."""

    spec: TaskSpec

    @staticmethod
    def outputs(head: Head) -> str:
        """Return the layout of a head; without one, those of all."""
        return layout_of(LAYOUTS, head)

    @staticmethod
    def tell(facts: ModelFacts) -> tuple[TaskSpec, ...]:
        """Return a task for each head that the model can have; only where the user says that it is one."""
        if facts.kind != "anomaly" and facts.head not in LAYOUTS:
            return ()
        heads = [head for head in LAYOUTS if facts.head in {"", head} and _can_be(head, facts)]
        return tuple(TaskSpec(kind="anomaly", head=head) for head in heads)

    def decode(self, outputs: Tensors, transform: Transform | None, inputs: Tensors | None = None) -> Anomaly:
        """Read the output of one sample; see `Task.decode`.

        Raises:
            InputError: The outputs are not laid out so, or `inputs` are missing for a reconstruction.
        """
        threshold = math.nan if self.spec.threshold is None else self.spec.threshold
        arrays = [np.asarray(array, np.float64) for array in outputs.values()]
        if self.spec.head == "distance" and len(arrays) == 1 and arrays[0].size == 1:
            return Anomaly(float(arrays[0].ravel()[0]), threshold)
        given = [np.asarray(array, np.float64) for array in (inputs or {}).values()]
        if self.spec.head == "distance" or [one.shape for one in given] != [one.shape for one in arrays] or not given:
            got = ", ".join(str(list(array.shape)) for array in arrays)
            asked = f" of an input {', '.join(str(list(one.shape)) for one in given)}" if given else ""
            raise InputError(f"anomaly: expected {LAYOUTS[self.spec.head]}, got {got}{asked}")
        return Anomaly(float(np.mean(np.square(arrays[0] - given[0]))), threshold)

    def agreement(self, reference: Anomaly, other: Anomaly) -> float:
        """Return how near the scores are, the smaller as a share of the larger; 0 where the verdicts differ."""
        low, high = sorted((abs(reference.score), abs(other.score)))
        if reference.is_anomalous != other.is_anomalous or not (math.isfinite(low) and math.isfinite(high)):
            return 0.0
        return low / high if high and reference.score * other.score >= 0 else float(low == high)

    def score(self, results: Sequence[Anomaly], truths: Sequence[int]) -> Score:
        """Return the area under the ROC curve: how often an anomalous sample (not 0) scores above a normal one (0)."""
        scores = np.array([np.inf if math.isnan(result.score) else result.score for result in results])
        is_anomalous = np.array(truths) != 0
        if is_anomalous.all() or not is_anomalous.any():
            raise InputError("anomaly: expected labels of normal (0) and anomalous (1) samples, got one kind")
        normal, anomalous = scores[~is_anomalous], scores[is_anomalous]
        wins = (anomalous[:, np.newaxis] > normal) + 0.5 * (anomalous[:, np.newaxis] == normal)

        def resampled(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            ours, theirs = weights[:, is_anomalous], weights[:, ~is_anomalous]
            pairs = ours.sum(axis=1) * theirs.sum(axis=1)
            won = np.einsum("ta,an,tn->t", ours, wins, theirs, optimize=True)
            return np.asarray(100.0 * np.where(pairs > 0, won / np.maximum(pairs, 1), 1.0), np.float64)

        return Score("AUROC", float(resampled(np.ones((1, len(scores))))[0]), None, resampled)


def calibrated(results: Sequence[Anomaly], *, false_alarms: float = FALSE_ALARMS) -> float:
    """Return the threshold above which at most a share of normal samples lies, also of those not seen yet.

    It is the conformal quantile: of n scores the ceil((n + 1) (1 - share))-th smallest. Of fewer samples than 1 / share
    it is the largest, above which a new normal sample lies with a chance of 1 / (n + 1).

    Args:
        results: Results of normal samples.
        false_alarms: The share.

    Raises:
        InputError: A score is not a number, or there is none.
    """
    scores = np.sort([result.score for result in results])
    if not scores.size or not np.isfinite(scores).all():
        raise InputError("anomaly: expected finite scores of normal samples, got none or others")
    return float(scores[min(len(scores), math.ceil((len(scores) + 1) * (1 - false_alarms))) - 1])


def _can_be(head: Head, facts: ModelFacts) -> bool:
    if len(facts.outputs) != 1 or not facts.outputs[0].dtype.startswith("float"):
        return False
    sizes = [size for size in facts.outputs[0].shape[1:] if size != 1]
    if head == "distance":
        return not sizes
    return len(facts.inputs) == 1 and facts.inputs[0].shape[1:] == facts.outputs[0].shape[1:] and bool(sizes)
