"""Where a variant answers otherwise than the float model, sample by sample.

- A classifier's answer is its first class; a detector has an answer for each box, and a box that only one of the two
  reports stands against nothing (so of bodies and of instances, by their boxes). Other results have no such answers:
  the samples that agree least are kept.
- Pure: the results that were measured come in, and nothing is run again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_sdk.tasks import BOXED, Classification, Detections, LabelledBoxes, Task, Truth
from edge_sdk.tasks.boxes import iou_matrix
from edge_sdk.tasks.matching import pair_up, within_classes

_MOST_LEAST = 12
_SAME_IOU = 0.5
"""The least overlap of two boxes that are the same, as agreement counts them."""


@dataclass(frozen=True, slots=True)
class Swap:
    """An answer of the float model, and what the variant answers instead.

    Attributes:
        before: The class that the float model names; None for nothing.
        after: The class that the variant names; None for nothing.
        before_score: The score that the float model gives the class before, 0 to 1; of a box that only the variant
            reports, the score of the same box below the threshold.
        after_score: The same of the variant, for the class after.
        was_right: Whether the float model is right; None without labels.
        is_right: Whether the variant is.
        xyxy: The box in pixels of the source picture; None where there are no boxes.
    """

    before: int | None
    after: int | None
    before_score: float
    after_score: float
    was_right: bool | None
    is_right: bool | None
    xyxy: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Departure:
    """A sample on which a variant and the float model differ.

    Attributes:
        index: Its number among the samples that were measured.
        agreement: How far the two agree on it, 0 to 1.
        swaps: The answers that changed; none of raw tensors.
        truth: The true class of a classifier's sample; None if it is not known, and for boxes.
    """

    index: int
    agreement: float
    swaps: tuple[Swap, ...]
    truth: int | None = None


def find_departures(
    task: Task, reference: Sequence[Any], other: Sequence[Any], truths: Sequence[Truth] | None
) -> tuple[Departure, ...]:
    """Return the samples on which two models differ, in the order of the samples.

    Args:
        task: What the models are for.
        reference: The float model's results.
        other: The variant's results on the same samples.
        truths: Labels, or None.
    """
    pairs = enumerate(zip(reference, other, truths or [None] * len(reference), strict=True))
    if task.spec.kind not in {"classification", *BOXED}:
        agreements = [Departure(i, task.agreement(a, b), ()) for i, (a, b, _) in pairs]
        least = sorted((one for one in agreements if one.agreement < 1), key=lambda one: one.agreement)[:_MOST_LEAST]
        return tuple(sorted(least, key=lambda one: one.index))
    found = []
    for i, (ours, theirs, truth) in pairs:
        if isinstance(ours, Classification):
            swaps = tuple(_class_swaps(ours, theirs, truth))
        else:
            boxes = truth if isinstance(truth, LabelledBoxes) else None
            swaps = tuple(_box_swaps(_boxes(ours), _boxes(theirs), boxes, task.spec.score_threshold))
        if swaps:
            of_class = truth if isinstance(ours, Classification) else None
            found.append(Departure(i, task.agreement(ours, theirs), swaps, of_class))
    return tuple(found)


def _class_swaps(ours: Classification, theirs: Classification, truth: int | None) -> Iterator[Swap]:
    before, after = (result.classes[0] if result.classes else None for result in (ours, theirs))
    if before == after:
        return
    yield Swap(
        before,
        after,
        ours.scores[0] if ours.scores else 0.0,
        theirs.scores[0] if theirs.scores else 0.0,
        None if truth is None else before == truth,
        None if truth is None else after == truth,
    )


def _boxes(result: Any) -> Detections:
    """Return the boxes alone of a result that has boxes."""
    return Detections(result.xyxy, result.scores, result.classes)


def _box_swaps(
    reference: Detections, other: Detections, truth: LabelledBoxes | None, threshold: float
) -> Iterator[Swap]:
    """Yield the boxes above the threshold that one of the two does not report, or reports as another class."""
    ours, theirs = reference.above(threshold), other.above(threshold)
    below = [_below(result, threshold) for result in (reference, other)]
    iou = iou_matrix(ours.xyxy, theirs.xyxy)
    same = pair_up(within_classes(iou, ours.classes, theirs.classes), least=_SAME_IOU)
    lost = [i for i in range(len(ours.scores)) if i not in {i for i, _ in same}]
    found = [j for j in range(len(theirs.scores)) if j not in {j for _, j in same}]
    for i in lost:
        instead = next((j for j in found if iou[i, j] >= _SAME_IOU), None)
        right, cls = _is_true(ours, i, truth), int(ours.classes[i])
        if instead is None:
            is_right = None if right is None else not right
            yield Swap(cls, None, float(ours.scores[i]), _score_of(below[1], ours, i), right, is_right, _box(ours, i))
        else:
            found.remove(instead)
            after, is_right = int(theirs.classes[instead]), _is_true(theirs, instead, truth)
            scores = float(ours.scores[i]), float(theirs.scores[instead])
            yield Swap(cls, after, *scores, right, is_right, _box(ours, i))
    for j in found:
        right = _is_true(theirs, j, truth)
        scores = _score_of(below[0], theirs, j), float(theirs.scores[j])
        yield Swap(None, int(theirs.classes[j]), *scores, None if right is None else not right, right, _box(theirs, j))


def _is_true(boxes: Detections, index: int, truth: LabelledBoxes | None) -> bool | None:
    """Tell whether a labelled box of the class lies where this one does; None without labels."""
    if truth is None:
        return None
    iou = iou_matrix(boxes.xyxy[index : index + 1], truth.xyxy)[0]
    return bool(np.any((iou >= _SAME_IOU) & (truth.classes == boxes.classes[index])))


def _below(boxes: Detections, score: float) -> Detections:
    keep = boxes.scores < score
    return Detections(boxes.xyxy[keep], boxes.scores[keep], boxes.classes[keep])


def _score_of(boxes: Detections, others: Detections, index: int) -> float:
    """Return the best score that boxes have for a box of others, however low; 0 where there is none."""
    iou = iou_matrix(others.xyxy[index : index + 1], boxes.xyxy)[0]
    same = (iou >= _SAME_IOU) & (boxes.classes == others.classes[index])
    return float(boxes.scores[same].max()) if same.any() else 0.0


def _box(boxes: Detections, index: int) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(value) for value in boxes.xyxy[index])
    return left, top, right, bottom
