"""COCO's average precision, in a form that scores many resamples of the pictures at once.

Matching is done once a picture; a resample only changes how often each picture counts. The definition is that of
pycocotools (Lin et al. 2014, "Microsoft COCO"): greedy matching by score, 101 recall points, precision made monotonic,
mean over the classes that have labels and over IoU .50:.05:.95.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_sdk.tasks.matching import within_classes

IOU_STEPS = np.linspace(0.5, 0.95, 10)
_RECALL_POINTS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True)
class PictureMatches:
    """What matched in one picture.

    Attributes:
        scores: Scores of the found boxes [n].
        classes: Their classes [n].
        right: Whether each is a true positive at each IoU step, [steps, n].
        labelled: The classes of the labelled boxes [m].
    """

    scores: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64]
    right: npt.NDArray[np.bool_]
    labelled: npt.NDArray[np.int64]


def match(
    similarity: npt.NDArray[np.float64],
    found: tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]],
    labelled: npt.NDArray[np.int64],
) -> PictureMatches:
    """Match what was found in a picture with what is labelled, greedily by score, at each step of similarity.

    Args:
        similarity: How much of what was found is what is labelled: IoU or the like, [n, m].
        found: Scores and classes of what was found, [n] each.
        labelled: Classes of what is labelled, [m].
    """
    scores, classes = found
    order = np.argsort(-scores, kind="stable")
    scores, classes = scores[order], classes[order]
    ordered = within_classes(similarity[order], classes, labelled)
    right = np.stack([_greedy(ordered, step) for step in IOU_STEPS])
    return PictureMatches(scores, classes, right, labelled)


def _greedy(iou: npt.NDArray[np.float64], least: float) -> npt.NDArray[np.bool_]:
    right = np.zeros(len(iou), bool)
    free = np.ones(iou.shape[1], bool)
    for i in range(len(iou)):
        if not free.any():
            break
        candidates = np.where(free, iou[i], -1.0)
        best = int(candidates.argmax())
        if candidates[best] >= least:
            right[i], free[best] = True, False
    return right


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """AP50-95 of a set of pictures, in points of 100, under any weights of the pictures."""

    pictures: Sequence[PictureMatches]

    def __call__(self, weights: npt.NDArray[np.float64], /) -> npt.NDArray[np.float64]:
        """Return AP50-95 [trials] for weights [trials, pictures]."""
        classes = np.unique(np.concatenate([picture.labelled for picture in self.pictures]))
        if not len(classes):
            return np.zeros(len(weights))
        each = np.stack([self._of_class(int(index), weights) for index in classes])
        present = ~np.isnan(each)
        return np.asarray(
            100.0 * np.where(present, each, 0).sum(axis=0) / np.maximum(present.sum(axis=0), 1), np.float64
        )

    def _of_class(self, index: int, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        of_class = [picture.classes == index for picture in self.pictures]
        scores = np.concatenate([picture.scores[mask] for picture, mask in zip(self.pictures, of_class, strict=True)])
        owner = np.repeat(np.arange(len(self.pictures)), [int(mask.sum()) for mask in of_class])
        right = np.concatenate([p.right[:, mask] for p, mask in zip(self.pictures, of_class, strict=True)], axis=1)
        order = np.argsort(-scores, kind="stable")
        labelled = weights @ np.array([(picture.labelled == index).sum() for picture in self.pictures], np.float64)
        drawn = weights[:, owner[order]]
        counted = np.cumsum(drawn, axis=1)
        hits = [np.flatnonzero(right[step][order]) for step in range(len(IOU_STEPS))]
        steps = [_interpolated(drawn[:, hit], counted[:, hit], labelled) for hit in hits]
        return np.where(labelled > 0, np.mean(steps, axis=0), np.nan)


def _interpolated(
    right: npt.NDArray[np.float64], counted: npt.NDArray[np.float64], labelled: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the mean precision at 101 recall points [trials].

    Recall grows, and precision has its peaks, at true positives alone: they are few among the boxes, and enough.

    Args:
        right: How often each true positive counts, sorted by score, [trials, n].
        counted: How often it and all boxes before it count, [trials, n].
        labelled: How often the labelled boxes count, [trials].
    """
    tiny = np.finfo(np.float64).tiny
    hits = np.cumsum(right, axis=1)
    precision = hits / np.maximum(counted, tiny)
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = hits / np.maximum(labelled, tiny)[:, np.newaxis]
    reached = np.searchsorted(_RECALL_POINTS, recall, side="right")
    points = np.diff(reached, axis=1, prepend=0)
    return np.asarray((precision * points).sum(axis=1) / len(_RECALL_POINTS), np.float64)
