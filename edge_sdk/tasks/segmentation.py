"""What each place of a picture shows.

- The result keeps the model's own cells; `to_source` enlarges them to the picture.
- Scoring is the mean intersection over union of the classes that have labels, pixel by pixel at the picture's size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.errors import InputError
from edge_sdk.tasks.facts import ModelFacts
from edge_sdk.tasks.masks import Grid, grid_of, inside, nearest
from edge_sdk.tasks.record import Head, Score, TaskSpec, layout_of, require_picture
from edge_sdk.tensors import Array, Tensors
from edge_sdk.transform import Transform

LAYOUTS: Mapping[Head, str] = {
    "class-scores": "[1, classes, height, width]",
    "class-scores-last": "[1, height, width, classes]",
    "class-map": "[1, height, width]",
}
IGNORED = 255
"""The class of pixels that labels leave out."""
NOT_A_NUMBER = -1
"""The class of cells where the model gave no numbers."""


@dataclass(frozen=True, slots=True)
class SegmentationMap:
    """The class of each cell of a picture.

    Attributes:
        classes: Class indices int16 [height, width] of the model's cells, with the padding; -1 where the output is not
            a number.
        grid: Where the source picture lies in the cells; see `edge_sdk.tasks.masks`.
        source_wh: Size of the source picture, int64 [2].
    """

    classes: npt.NDArray[np.int16]
    grid: Grid
    source_wh: npt.NDArray[np.int64]

    def to_source(self) -> npt.NDArray[np.int16]:
        """Return the classes int16 [height, width] of the source picture's pixels."""
        return nearest(self.classes, self.grid, self.source_wh)

    def of_picture(self) -> npt.NDArray[np.int16]:
        """Return the cells that the picture covers, without the padding."""
        return inside(self.classes, self.grid, self.source_wh)

    def to_data(self, labels: Sequence[str]) -> dict[str, Any]:
        """Return `{"areas": [{"class", "label", "share"}, …]}`: how much of the picture each class has, most first."""
        classes, counts = np.unique(self.of_picture(), return_counts=True)
        order = np.argsort(-counts, kind="stable")
        shares = counts / max(1, int(counts.sum()))
        named = [(int(classes[i]), float(shares[i])) for i in order if classes[i] != NOT_A_NUMBER]
        return {
            "areas": [
                {"class": index, "label": labels[index] if index < len(labels) else "", "share": round(share, 6)}
                for index, share in named
            ]
        }


@dataclass(frozen=True, slots=True)
class SegmentationTask:
    """A class for each cell, as scores of the classes or as an index."""

    spec: TaskSpec

    @staticmethod
    def outputs(head: Head) -> str:
        """Return the layout of a head; without one, those of all."""
        return layout_of(LAYOUTS, head)

    @staticmethod
    def tell(facts: ModelFacts) -> tuple[TaskSpec, ...]:
        """Return a task for each head that the model can have; unasked, only where labels fit the classes."""
        if len(facts.outputs) != 1:
            return ()
        heads = [head for head in LAYOUTS if _can_be(head, facts)]
        return tuple(TaskSpec(kind="segmentation", head=head) for head in heads)

    def decode(self, outputs: Tensors, transform: Transform | None, inputs: Tensors | None = None) -> SegmentationMap:
        """Read the outputs of one picture; see `Task.decode`."""
        transform = require_picture(transform, "segmentation")
        classes = _classes(self.spec.head, list(outputs.values()))
        grid = grid_of(transform, (classes.shape[1], classes.shape[0]))
        return SegmentationMap(classes, grid, np.array(transform.source_wh, np.int64))

    def agreement(self, reference: SegmentationMap, other: SegmentationMap) -> float:
        """Return the share of the picture's cells that have the same class in both, and a number in the reference."""
        ours, theirs = reference.of_picture(), other.of_picture()
        return float(np.mean((ours == theirs) & (ours != NOT_A_NUMBER))) if ours.shape == theirs.shape else 0.0

    def score(self, results: Sequence[SegmentationMap], truths: Sequence[npt.NDArray[Any]]) -> Score:
        """Return the mean intersection over union, for truths int [height, width] a picture with 255 left out."""
        top = 1 + max(max(int(r.classes.max()), _most(t)) for r, t in zip(results, truths, strict=True))
        counts = np.stack([_counts(r, t, top) for r, t in zip(results, truths, strict=True)])

        def resampled(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            hits, found, labelled = np.moveaxis(np.tensordot(weights, counts, axes=1), 1, 0)
            ratios = hits / np.maximum(found + labelled - hits, 1)
            present = labelled > 0
            means = (ratios * present).sum(axis=1) / np.maximum(present.sum(axis=1), 1)
            return np.asarray(100.0 * means, np.float64)

        return Score("mIoU", float(resampled(np.ones((1, len(results))))[0]), None, resampled)


def _can_be(head: Head, facts: ModelFacts) -> bool:
    shape, dtype = facts.outputs[0].shape, facts.outputs[0].dtype
    if facts.head not in {"", head}:
        return False
    if head == "class-map":
        return dtype.startswith(("int", "uint")) and (len(shape) == 3 or (len(shape) == 4 and shape[1] == 1))
    if len(shape) != 4 or not dtype.startswith("float"):
        return False
    classes, cells = (shape[1], shape[2:]) if head == "class-scores" else (shape[3], shape[1:3])
    return facts.head == head or (classes == facts.labels and facts.labels > 1 and cells != (1, 1))


def _classes(head: Head, arrays: Sequence[Array]) -> npt.NDArray[np.int16]:
    shapes = [array.shape for array in arrays]
    if len(arrays) == 1 and head == "class-map" and (arrays[0].ndim == 3 or arrays[0].shape[:2] == (1, 1)):
        return np.asarray(np.rint(arrays[0].reshape(arrays[0].shape[-2:])), np.int16)
    if len(arrays) != 1 or arrays[0].ndim != 4 or len(arrays[0]) != 1 or head == "class-map":
        got = ", ".join(str(list(shape)) for shape in shapes)
        raise InputError(f"segmentation: expected {LAYOUTS[head]}, got {got}")
    scores = arrays[0][0] if head == "class-scores" else arrays[0][0].transpose(2, 0, 1)
    return _best_classes(np.asarray(scores, np.float32))


def _best_classes(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.int16]:
    """Return the best class of scores [classes, height, width]; of a single class, whether it is there."""
    if len(scores) == 1:
        middle = 0.5 if scores.min() >= 0 and scores.max() <= 1 else 0.0
        best = (scores[0] > middle).astype(np.int16)
    else:
        best = scores.argmax(axis=0).astype(np.int16)
    if not np.isfinite(scores.sum()):
        best[~np.isfinite(scores).all(axis=0)] = NOT_A_NUMBER
    return np.asarray(best, np.int16)


def _most(truth: npt.NDArray[Any]) -> int:
    return int(truth[truth != IGNORED].max(initial=0))


def _counts(result: SegmentationMap, truth: npt.NDArray[Any], classes: int) -> npt.NDArray[np.float64]:
    """Return pixels that are right, found and labelled, by class [3, classes]."""
    found = result.to_source()
    if found.shape != truth.shape:
        raise InputError(f"segmentation: expected labels of size {list(found.shape)}, got {list(truth.shape)}")
    counted = truth != IGNORED
    ours, theirs = found[counted], truth[counted].astype(np.int64)
    ours = np.where(ours == NOT_A_NUMBER, classes, ours)  # no class's
    counts = [np.bincount(values, minlength=classes + 1)[:classes] for values in (ours[ours == theirs], ours, theirs)]
    return np.stack(counts).astype(np.float64)
