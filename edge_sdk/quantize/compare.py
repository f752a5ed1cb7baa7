"""A variant against the float model, sample by sample.

- Both are measured on the same samples, so the drop is a paired difference: what both get right or wrong cancels out.
- The interval is 95 %, two-sided. Where the metric is a mean of right and wrong, it is Agresti and Min's (2005, "Simple
  improved confidence intervals for comparing matched proportions"), which holds for few changes too; else (average
  precision) it is the percentile bootstrap over pictures, or 3 in n where nothing changed at all (the rule of three).
- Pure, with a fixed seed: the same results give the same figures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from edge_sdk.package import Accuracy
from edge_sdk.tasks import Score, Task, Truth

_Z95 = 1.959964
_TRIALS = 1000
SEED = 0
"""Of the resamples: the same results give the same interval."""
_RULE_OF_THREE = 3.0
_MOST_NEEDED = 1_000_000


def compare(task: Task, reference: Sequence[Any], other: Sequence[Any], truths: Sequence[Truth] | None) -> Accuracy:
    """Return what is lost and how far the results agree.

    Args:
        task: What the model is for.
        reference: The float model's results.
        other: The variant's results on the same samples.
        truths: Labels, or None.
    """
    agreement = float(np.mean([task.agreement(a, b) for a, b in zip(reference, other, strict=True)]))
    if truths is None:
        return Accuracy("", None, None, None, None, agreement, len(other))
    ours, theirs = task.score(reference, truths), task.score(other, truths)
    low, high = paired_interval(ours, theirs, len(truths))
    return Accuracy(ours.metric, ours.value, theirs.value, low, high, agreement, len(truths))


def paired_interval(reference: Score, other: Score, samples: int) -> tuple[float, float]:
    """Return the 95 % interval of the drop, in points of 100; a negative drop is a gain."""
    if reference.outcomes is not None and other.outcomes is not None:
        lost = float(np.sum((reference.outcomes > 0.5) & (other.outcomes < 0.5))) + 0.5
        won = float(np.sum((reference.outcomes < 0.5) & (other.outcomes > 0.5))) + 0.5
        total = samples + 2.0
        drop = (lost - won) / total
        half = _Z95 * math.sqrt(max((lost + won) / total - drop**2, 0.0) / total)
        return 100.0 * max(drop - half, -1.0), 100.0 * min(drop + half, 1.0)
    weights = np.random.default_rng(SEED).multinomial(samples, np.full(samples, 1.0 / samples), size=_TRIALS)
    drops = reference.resampled(weights.astype(np.float64)) - other.resampled(weights.astype(np.float64))
    low, high = (float(value) for value in np.percentile(drops, [2.5, 97.5]))
    least = 100.0 * _RULE_OF_THREE / samples if low == high else 0.0
    return low - least, high + least


def drop_of(accuracy: Accuracy) -> float | None:
    """Return the drop in points; None without labels."""
    if accuracy.float_value is None or accuracy.value is None:
        return None
    return accuracy.float_value - accuracy.value


def error_of_drop(accuracy: Accuracy) -> float:
    """Return the standard error of the drop in points, by its interval; 0 without labels."""
    if accuracy.drop_low is None or accuracy.drop_high is None:
        return 0.0
    return (accuracy.drop_high - accuracy.drop_low) / (2 * _Z95)


def samples_to_certify(accuracy: Accuracy, max_drop_points: float) -> int | None:
    """Return about how many samples would certify the budget, if the drop stays what it is.

    An interval that no change has widened shrinks as 1 / n, others as 1 / sqrt(n).

    Returns:
        A count; None if the drop is not below the budget, or there are no labels.
    """
    drop = drop_of(accuracy)
    if drop is None or accuracy.drop_high is None or drop >= max_drop_points:
        return None
    excess = (accuracy.drop_high - drop) / (max_drop_points - drop)
    return min(_MOST_NEEDED, math.ceil(accuracy.samples * (excess if accuracy.agreement == 1 else excess**2)))
