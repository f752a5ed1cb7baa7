"""Signs that samples are read as the model was trained, or that another reading fits better.

Four signs, each a comparison of two readings of the same samples; none of them knows the model:

- `statistics`: the distance of BatchNorm's running statistics from those of the samples (mean Kullback-Leibler
  divergence of a channel, both taken as normal distributions), where BatchNorm is not folded.
- `scale`: the response of the first layer has a deviation near 1 where BatchNorm was folded into it; a scale that is
  wrong by a hundred shows.
- `outputs`: how far the best class stands out from the others, or how sure the best boxes are. A model is surest of
  what it was trained for; where the scale is implausible this says nothing, since large inputs make large outputs.
- `labels`: the paired difference of the metric, where samples are labelled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_sdk.quantize.compare import paired_interval
from edge_sdk.quantize.probe import Expected, Glance, Values
from edge_sdk.tasks import Result, Task, Truth

_PLAUSIBLE = (0.02, 8.0)
"""Deviations of the first layer's response; networks with BatchNorm folded were seen from 0.17 to 0.97."""
_FAR_DIVERGENCE = 0.1
_BEST_CHANNELS = 5
_LEAST_CLASSES = 3
_MOST_DIVERGENCE = 100.0
_TINY = 1e-12
_LEAST_PROBABILITY = 1e-30


@dataclass(frozen=True, slots=True)
class Trial:
    """One reading of some samples, as the model took it.

    Attributes:
        flags: How the command line is told of the reading; empty for what is declared.
        glances: What each sample did.
        results: What each was decoded to; empty without labels.
    """

    flags: str
    glances: tuple[Glance, ...]
    results: tuple[Result, ...] = ()


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign that another reading fits better.

    Attributes:
        kind: `statistics`, `scale`, `outputs` or `labels`.
        says: What was measured.
        is_decisive: Whether it is enough by itself.
    """

    kind: str
    says: str
    is_decisive: bool = False


def signs_for(
    other: Trial, declared: Trial, expected: Sequence[Expected], scoring: tuple[Task, Sequence[Truth]] | None
) -> list[Sign]:
    """Return the signs that another reading fits better than the declared one; none where it does not.

    Args:
        other: The other reading.
        declared: The declared one, of the same samples.
        expected: What BatchNorm has learned; empty where it is folded.
        scoring: The task and the labels of the samples, or None.
    """
    found = [
        _statistics(other, declared, expected) if expected else _scale(other, declared),
        _outputs(other, declared, has_norms=bool(expected)),
        _labels(other, declared, *scoring) if scoring is not None else None,
    ]
    return [sign for sign in found if sign is not None]


def divergence(trial: Trial, expected: Sequence[Expected]) -> float:
    """Return how far the samples are from what BatchNorm has learned: 0 is the same."""
    return float(np.mean([_divergence(trial.glances, i, one) for i, one in enumerate(expected)]))


def response(trial: Trial) -> float | None:
    """Return the deviation of the first layer's response in its median channel; None if there is no such layer."""
    if not trial.glances[0].inside:
        return None
    _, variance = _pooled(trial.glances, 0)
    return float(np.median(np.sqrt(variance)))


def is_plausible(trial: Trial) -> bool:
    """Tell whether the first layer's response is such as trained networks have."""
    value = response(trial)
    return value is None or _PLAUSIBLE[0] <= value <= _PLAUSIBLE[1]


def certainty_gain(other: Trial, declared: Trial) -> tuple[float, float, float]:
    """Return how sure the outputs are under the declared and the other reading, and the z value of the difference."""
    ours, theirs = (_certainty(trial, declared) for trial in (declared, other))
    if not ours.size:
        return 0.0, 0.0, 0.0
    gains = theirs - ours
    error = float(gains.std(ddof=1)) / math.sqrt(len(gains)) if len(gains) > 1 else 0.0
    return float(ours.mean()), float(theirs.mean()), float(gains.mean()) / error if error > _TINY else 0.0


def _statistics(other: Trial, declared: Trial, expected: Sequence[Expected]) -> Sign | None:
    ours, theirs = divergence(declared, expected), divergence(other, expected)
    if ours < _FAR_DIVERGENCE or ours < 3 * theirs:
        return None
    says = f"the samples are {ours:.2g} from BatchNorm's own statistics, with it {theirs:.2g}"
    return Sign("statistics", says, is_decisive=ours > 5 and ours > 10 * theirs)


def _scale(other: Trial, declared: Trial) -> Sign | None:
    if is_plausible(declared) or not is_plausible(other):
        return None
    ours, theirs = response(declared), response(other)
    return Sign("scale", f"the first layer answers with a deviation of {ours:.2g}, with it {theirs:.2g}; 1 is usual")


def _outputs(other: Trial, declared: Trial, *, has_norms: bool) -> Sign | None:
    if not has_norms and not is_plausible(other):
        return None
    ours, theirs, z = certainty_gain(other, declared)
    if z < least_z(len(declared.glances)):
        return None
    return Sign("outputs", f"the best answers stand out by {ours:.3g}, with it {theirs:.3g}, z {z:.1f}")


def least_z(samples: int) -> float:
    """Return the z value from which a gain is no chance, though several readings are tried on few samples."""
    return 3.5 + 20.0 / samples


def _labels(other: Trial, declared: Trial, task: Task, truths: Sequence[Truth]) -> Sign | None:
    ours, theirs = task.score(declared.results, truths), task.score(other.results, truths)
    _, high = paired_interval(ours, theirs, len(truths))
    if high >= 0:
        return None
    says = f"{ours.metric} of {len(truths)} labelled samples is {ours.value:.1f}, with it {theirs.value:.1f}"
    return Sign("labels", says)


def _certainty(trial: Trial, declared: Trial) -> Values:
    """Return a value a sample: higher is surer; empty where the outputs have nothing of the kind."""
    highs = np.stack([glance.highs for glance in trial.glances])
    if declared.glances[0].is_vector:
        return _standing_out(highs) if highs.shape[1] >= _LEAST_CLASSES else np.zeros(0)
    scores = [(glance.lows >= 0) & (glance.highs <= 1) for glance in declared.glances]
    best = np.sort(highs[:, np.all(scores, axis=0)], axis=1)[:, -_BEST_CHANNELS:]
    return np.asarray(best.mean(axis=1), np.float64) if best.size else np.zeros(0)


def _standing_out(values: Values) -> Values:
    """Return how many deviations the best class is above the mean of all: the same at any scale of the logits."""
    is_probability = values.min() >= 0 and values.max() <= 1
    logits = np.log(np.maximum(values, _LEAST_PROBABILITY)) if is_probability else values
    return np.asarray((logits.max(axis=1) - logits.mean(axis=1)) / np.maximum(logits.std(axis=1), _TINY), np.float64)


def _divergence(glances: Sequence[Glance], index: int, expected: Expected) -> float:
    mean, variance = _pooled(glances, index)
    learned = np.maximum(expected.variance, _TINY)
    ratio = np.maximum(variance, _TINY) / learned
    divergences = 0.5 * (ratio + np.square(mean - expected.mean) / learned - 1.0 - np.log(ratio))
    return float(np.median(np.minimum(divergences, _MOST_DIVERGENCE)))


def _pooled(glances: Sequence[Glance], index: int) -> tuple[Values, Values]:
    """Return mean and variance of each channel of a watched tensor over the samples."""
    mean = np.mean([glance.inside[index].mean for glance in glances], axis=0)
    square = np.mean([glance.inside[index].square for glance in glances], axis=0)
    return mean, np.maximum(square - np.square(mean), 0.0)
