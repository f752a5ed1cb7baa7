"""Which outputs a detector's head has, and which heads a model can have, told from its outputs and what is known of it.

- A head is told only where no other one is possible. What several heads fit is refused, and the hint names them.
- Shapes alone do not say in which unit boxes are, or whether there is a background: such heads are told by the names
  that their exporters give to the outputs, by the number of labels, or by the user.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edge_sdk.tasks.facts import ModelFacts
from edge_sdk.tasks.record import Head

Size = int | str
Shape = tuple[Size, ...]
Shapes = Mapping[str, Shape]
Found = tuple[tuple[str, ...], Size]
"""Names of the outputs in the order that the head reads them, and the number of classes, 0 if none is to be told."""

_MOST_END_TO_END = 1000  # rows of a head that suppresses by itself; grids have more from 128 x 128 pixels on
SUPPRESSED: frozenset[Head] = frozenset({"end-to-end", "tf-ssd", "tflite-ssd", "rt-detr"})
"""Heads whose models give each thing once."""
_STRIDES = ((8, 16, 32), (8, 16, 32, 64))
_ANCHORS = 3


@dataclass(frozen=True, slots=True)
class Layout:
    """What a head's outputs are.

    Attributes:
        text: The shapes, for messages.
        find: Returns the outputs in order and the number of classes, or None where they are not laid out so.
        is_sure: Whether a model with these outputs can be told to have this head without being asked.
        in_shares: Whether boxes are shares of the picture, 0 to 1, instead of pixels.
    """

    text: str
    find: Callable[[Shapes], Found | None]
    is_sure: Callable[[ModelFacts, Found], bool]
    in_shares: bool = False


def order(head: Head, shapes: Shapes) -> tuple[str, ...] | None:
    """Return the names of the outputs in the order that a head reads them; None if they are not laid out so."""
    found = LAYOUTS[head].find(shapes)
    return found[0] if found is not None else None


def in_shares(head: Head) -> bool:
    """Tell whether a head's boxes are shares of the picture instead of pixels."""
    return LAYOUTS[head].in_shares


def possible_heads(facts: ModelFacts) -> list[Head]:
    """Return the heads that a model can have; the one that the user says, if the outputs are laid out so."""
    heads: list[Head] = []
    for head, layout in LAYOUTS.items():
        found = layout.find(facts.shapes)
        if found is None or facts.head not in {"", head} or not _fits_labels(found[1], facts.labels):
            continue
        if facts.head or layout.is_sure(facts, found):
            heads.append(head)
    return heads


def strides_of(rows: int, model_wh: tuple[int, int]) -> tuple[int, ...]:
    """Return the strides of the grids that together have so many cells; empty if none do."""
    return next((strides for strides in _STRIDES if _cells(model_wh, strides) == rows), ())


def _cells(model_wh: tuple[int, int], strides: tuple[int, ...]) -> int:
    return sum((model_wh[0] // stride) * (model_wh[1] // stride) for stride in strides)


def _fits_labels(classes: Size, labels: int) -> bool:
    return isinstance(classes, str) or classes == 0 or labels in {0, classes}


def _pair(shapes: Shapes) -> Found | None:
    match list(shapes.items()):
        case [(boxes, (_, n, 4)), (scores, (_, m, classes))] if n == m:
            return (boxes, scores), classes
        case [(scores, (_, n, classes)), (boxes, (_, m, 4))] if n == m:
            return (boxes, scores), classes
    return None


def _pair_with_background(shapes: Shapes) -> Found | None:
    found = _pair(shapes)
    if found is None or isinstance(found[1], str):
        return found
    return (found[0], found[1] - 1) if found[1] > 1 else None


def _lists(shapes: Shapes) -> Found | None:
    """Boxes, classes, scores and perhaps their count, by the words in their names, else in this order."""
    boxes = [name for name, shape in shapes.items() if len(shape) == 3 and shape[2] == 4]
    rows = [name for name, shape in shapes.items() if len(shape) == 2]
    counts = [name for name, shape in shapes.items() if shape in {(1,), (1, 1), ("batch",)} and name not in rows[:2]]
    if len(boxes) != 1 or len(rows) < 2 or {*boxes, *rows[:2], *counts} != set(shapes):
        return None
    classes, scores = rows[:2]
    if "score" in classes.lower() or "class" in scores.lower():
        classes, scores = scores, classes
    return (boxes[0], classes, scores, *counts), 0


def _channels_first(shapes: Shapes) -> Found | None:
    match list(shapes.items()):
        case [(name, (_, int(channels), _))] if channels > 4:
            return (name,), channels - 4
    return None


def _objects(shapes: Shapes) -> Found | None:
    match list(shapes.items()):
        case [(name, (_, _, int(columns)))] if columns > 5:
            return (name,), columns - 5
    return None


def _rows(shapes: Shapes) -> Found | None:
    match list(shapes.items()):
        case [(name, (_, _, 6))]:
            return (name,), 0
    return None


def _has_words(facts: ModelFacts, *words: str) -> bool:
    return all(any(word in name.lower() for name in facts.shapes) for word in words)


def _is_boxes_scores(facts: ModelFacts, found: Found) -> bool:
    return found[1] != 4 and not _is_transformer(facts)


def _is_transformer(facts: ModelFacts) -> bool:
    return _has_words(facts, "pred_boxes", "logits")


def _is_wide(facts: ModelFacts, found: Found) -> bool:
    """More candidates than channels, as every picture has."""
    _, channels, n = facts.shapes[found[0][0]]
    return isinstance(n, str) or (isinstance(channels, int) and n > channels)


def _is_anchored(facts: ModelFacts, found: Found) -> bool:
    rows = _grid_rows(facts, found)
    if rows is None or isinstance(rows, str) or facts.input_wh is None or facts.exporter:
        return rows is not None
    return _is_of_grids(rows, facts.input_wh)


def _is_on_grids(facts: ModelFacts, found: Found) -> bool:
    rows = _grid_rows(facts, found)
    if rows is None or facts.exporter:
        return False
    return isinstance(rows, str) or facts.input_wh is None or bool(strides_of(rows, facts.input_wh))


def _grid_rows(facts: ModelFacts, found: Found) -> Size | None:
    """Return the number of rows where they can be the cells of grids, else None."""
    _, rows, columns = facts.shapes[found[0][0]]
    if columns == 6 and facts.labels > 1:  # columns end with a class, not with the score of the only one
        return None
    if isinstance(rows, str):
        return rows
    if columns == 6 and rows <= _MOST_END_TO_END:
        return rows if facts.input_wh is not None and _is_of_grids(rows, facts.input_wh) else None
    return rows if isinstance(columns, int) and rows > columns else None


def _is_of_grids(rows: int, model_wh: tuple[int, int]) -> bool:
    return any(rows in {_cells(model_wh, one), _ANCHORS * _cells(model_wh, one)} for one in _STRIDES)


def _is_suppressed(facts: ModelFacts, found: Found) -> bool:
    rows = facts.shapes[found[0][0]][1]
    return isinstance(rows, str) or rows <= _MOST_END_TO_END or facts.labels > 1


LAYOUTS: Mapping[Head, Layout] = {
    "boxes-scores": Layout("[1, n, 4] with [1, n, classes]", _pair, _is_boxes_scores),
    "ssd": Layout(
        "[1, n, 4] with [1, n, 1 + classes]",
        _pair_with_background,
        lambda facts, found: facts.labels > 0 and found[1] == facts.labels,
        in_shares=True,
    ),
    "tf-ssd": Layout(
        "[1, n, 4], [1, n] and [1, n]",
        _lists,
        lambda facts, _: _has_words(facts, "detection_boxes", "detection_classes", "detection_scores"),
        in_shares=True,
    ),
    "tflite-ssd": Layout(
        "[1, n, 4], [1, n] and [1, n]",
        _lists,
        lambda facts, _: _has_words(facts, "tflite_detection_postprocess"),
        in_shares=True,
    ),
    "rt-detr": Layout("[1, n, 4] with [1, n, classes]", _pair, lambda facts, _: _is_transformer(facts), in_shares=True),
    "yolov8": Layout("[1, 4 + classes, n]", _channels_first, _is_wide),
    "yolov5": Layout("[1, n, 5 + classes]", _objects, _is_anchored),
    "yolox": Layout("[1, n, 5 + classes]", _objects, _is_on_grids),
    "end-to-end": Layout("[1, n, 6]", _rows, _is_suppressed),
}
"""What each head's outputs are."""
