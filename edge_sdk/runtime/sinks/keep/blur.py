"""What must not be readable is not, before the first byte is written.

- An area is shrunk by 8 or more, to 8 spots or squares in each direction at most, or to one colour, and enlarged again:
  that is all that is left of it, whatever the size of the picture.
- Boxes are grown by a tenth on each side, and boxes below the threshold count too: a person of whom the model is not
  sure is a person. What the model does not find at all cannot be blurred; `whole` is for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from edge_sdk.errors import InputError
from edge_sdk.media import Image
from edge_sdk.runtime.frame import Outcome
from edge_sdk.runtime.kept.record import Blurred, How
from edge_sdk.runtime.sinks.keep.options import ALL_BOXES, WHOLE
from edge_sdk.runtime.sinks.keep.reasons import bare
from edge_sdk.tasks import Detections, Instances, Poses

LEAST_SCORE = 0.05
"""Least score of a box that is blurred."""
_GROWN = 0.1
_LEAST_GROWN_PX = 2
_SPOTS = 8
"""Most of an area in each direction, and least pixels of a spot."""

Box = tuple[int, int, int, int]


def blurred(picture: Image, outcome: Outcome, *, what: str, how: How) -> tuple[Image, Blurred]:
    """Return a copy of a picture in which some of it is unreadable, and what was done.

    Args:
        picture: uint8 [height, width, 3].
        outcome: What was found in it, with the candidates.
        what: See `KeepOptions.blur`.
        how: What is left.

    Raises:
        InputError: The model does not know a class: one took over that has others.
    """
    height, width = picture.shape[:2]
    boxes = [(0, 0, width, height)] if what == WHOLE else list(_areas(outcome, what.split(","), (width, height)))
    copy = picture.copy()
    for left, top, right, bottom in boxes:
        copy[top:bottom, left:right] = _unreadable(copy[top:bottom, left:right], how)
    return copy, Blurred(what, how, len(boxes))


def _areas(outcome: Outcome, classes: Sequence[str], size_wh: tuple[int, int]) -> Iterable[Box]:
    """Yield the boxes of some classes in whole pixels, grown, that lie in the picture."""
    found = outcome.candidates if outcome.candidates is not None else bare(outcome.value)
    if not isinstance(found, (Detections, Instances, Poses)):
        return
    labels, limits = outcome.labels, np.array([*size_wh, *size_wh])
    if labels and (unknown := set(classes) - {ALL_BOXES, *labels}):
        raise InputError(f"blur: expected classes of the model in use, got {', '.join(sorted(unknown))}")
    for xyxy, index in zip(found.xyxy.astype(np.float64), found.classes, strict=True):
        name = labels[index] if 0 <= index < len(labels) else str(index)
        if ALL_BOXES not in classes and name not in classes:
            continue
        grown = np.maximum(_GROWN * (xyxy[2:] - xyxy[:2]), _LEAST_GROWN_PX)
        edges = np.concatenate([np.floor(xyxy[:2] - grown), np.ceil(xyxy[2:] + grown)])
        left, top, right, bottom = (int(edge) for edge in np.clip(edges, 0, limits))
        if left < right and top < bottom:
            yield left, top, right, bottom


def _unreadable(area: Image, how: How) -> Image:
    import cv2

    height, width = area.shape[:2]
    most = 1 if how == "solid" else _SPOTS
    spots_wh = (max(1, min(most, width // _SPOTS)), max(1, min(most, height // _SPOTS)))
    spots = cv2.resize(area, spots_wh, interpolation=cv2.INTER_AREA)
    enlarged = cv2.INTER_LINEAR if how == "blur" else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(spots, (width, height), interpolation=enlarged), np.uint8)
