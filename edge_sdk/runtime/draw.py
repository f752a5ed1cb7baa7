"""Results as people see them: in words, and drawn into the picture."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

from edge_sdk.media import Image
from edge_sdk.tasks import Classification, Detections, Result, TensorResult
from edge_sdk.tensors import Array

_CLASSES_DRAWN = 3
_VALUES_TOLD = 8
_GOLDEN_RATIO = 0.618034
_BRIGHT = 140
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)

Bgr = tuple[int, int, int]


def captions(value: Result, labels: Sequence[str]) -> list[str]:
    """Return a result in words, such as `bolt 0.91`, one for each thing found, best first."""
    if isinstance(value, (Classification, Detections)):
        pairs = zip(value.classes, value.scores, strict=True)
        return [f"{_name(int(index), labels)} {score:.2f}" for index, score in pairs]
    if isinstance(value, TensorResult):
        return [f"{name} {_brief(array)}" for name, array in value.tensors.items()]
    return [str(value)]


def annotate(image_bgr_hwc: Image, value: Result, labels: Sequence[str]) -> Image:
    """Return a copy of the picture with the result drawn in: boxes with their names, or the best classes."""
    picture = image_bgr_hwc.copy()
    words = captions(value, labels)
    if isinstance(value, Detections):
        for xyxy, index, text in zip(value.xyxy, value.classes, words, strict=True):
            left, top, right, bottom = (round(float(edge)) for edge in xyxy)
            _draw_box(picture, (left, top), (right, bottom), _color(int(index)))
            _draw_text(picture, text, (left, top), _color(int(index)))
    elif isinstance(value, Classification):
        line = _text_height(picture)
        for row, text in enumerate(words[:_CLASSES_DRAWN], start=1):
            _draw_text(picture, text, (0, row * line), _BLACK)
    return picture


def _name(index: int, labels: Sequence[str]) -> str:
    return labels[index] if index < len(labels) else f"class {index}"


def _brief(array: Array) -> str:
    if array.size <= _VALUES_TOLD and array.dtype.kind == "f":
        return "[" + ", ".join(f"{value:.4g}" for value in array.ravel()) + "]"
    return str(array.ravel().tolist()) if array.size <= _VALUES_TOLD else f"{array.dtype} {list(array.shape)}"


def _color(index: int) -> Bgr:
    """Return a class's own colour: hues a golden ratio apart, so that neighbours differ most."""
    red, green, blue = colorsys.hsv_to_rgb(index * _GOLDEN_RATIO % 1, 0.85, 0.95)
    return round(255 * blue), round(255 * green), round(255 * red)


def _draw_box(picture: Image, start_xy: tuple[int, int], end_xy: tuple[int, int], color: Bgr) -> None:
    import cv2

    cv2.rectangle(picture, start_xy, end_xy, color, thickness=max(1, min(picture.shape[:2]) // 200))


def _draw_text(picture: Image, text: str, bottom_left_xy: tuple[int, int], background: Bgr) -> None:
    """Write a line above a point, or below it where there is no room above."""
    import cv2

    height = _text_height(picture)
    scale, thickness = height / 32, max(1, height // 20)
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
    left, bottom = max(0, min(bottom_left_xy[0], picture.shape[1] - width)), max(height, bottom_left_xy[1])
    blue, green, red = background
    ink = _BLACK if 0.114 * blue + 0.587 * green + 0.299 * red > _BRIGHT else _WHITE
    cv2.rectangle(picture, (left, bottom - height), (left + width, bottom), background, cv2.FILLED)
    at = (left, bottom - height // 4)
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, ink, thickness, cv2.LINE_AA)


def _text_height(picture: Image) -> int:
    return max(12, int(min(picture.shape[:2])) // 24)
