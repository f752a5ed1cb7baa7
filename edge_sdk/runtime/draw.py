"""Results as people see them: in words, and drawn into the picture."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge_sdk.media import Image
from edge_sdk.runtime.follow.events import Heard
from edge_sdk.runtime.follow.tracks import Tracked
from edge_sdk.tasks import (
    Anomaly,
    Classification,
    Detections,
    Forecast,
    Instances,
    Poses,
    Result,
    SegmentationMap,
    TensorResult,
)
from edge_sdk.tasks.pose import COCO_BONES, COCO_SIGMAS, VISIBLE
from edge_sdk.tensors import Array

_CLASSES_DRAWN = 3
_VALUES_TOLD = 8
_GOLDEN_RATIO = 0.618034
_BRIGHT = 140
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)

Bgr = tuple[int, int, int]


def captions(value: Result, labels: Sequence[str]) -> list[str]:
    """Return a result in words, such as `bolt 0.91`, one for each thing found, best first."""
    if isinstance(value, Tracked):
        named = zip(captions(value.found, labels), value.ids, strict=True)
        return [f"{text} #{number}" if number else text for text, number in named]
    if isinstance(value, Heard):
        return [f"{text}!" for text in captions(value.events, labels)] + captions(value.value, labels)
    if isinstance(value, (Classification, Detections, Instances, Poses)):
        pairs = zip(value.classes, value.scores, strict=True)
        return [f"{_name(int(index), labels)} {score:.2f}" for index, score in pairs]
    if isinstance(value, TensorResult):
        return [f"{name} {_brief(array)}" for name, array in value.tensors.items()]
    return _other_captions(value, labels)


def _other_captions(value: Result, labels: Sequence[str]) -> list[str]:
    if isinstance(value, SegmentationMap):
        return [f"{_name(one['class'], labels)} {one['share']:.0%}" for one in value.to_data(labels)["areas"]]
    if isinstance(value, Anomaly):
        limit = "" if math.isnan(value.threshold) else f" of {value.threshold:.4g}"
        return [f"{'anomalous' if value.is_anomalous else 'normal'} {value.score:.4g}{limit}"]
    if isinstance(value, Forecast):
        return [f"forecast {_brief(value.values)}"]
    return [str(value)]


def annotate(image_bgr_hwc: Image, value: Result, labels: Sequence[str]) -> Image:
    """Return a copy of the picture with the result drawn in: what has a place there, the rest in words."""
    picture = image_bgr_hwc.copy()
    words = captions(value, labels)
    if isinstance(value, Tracked):
        _draw_counters(picture, value)
        value = value.found
    if isinstance(value, (SegmentationMap, Instances)):
        _tint(picture, value)
    if isinstance(value, (Detections, Instances, Poses)):
        for xyxy, index, text in zip(value.xyxy, value.classes, words, strict=True):
            left, top, right, bottom = (round(float(edge)) for edge in xyxy)
            _draw_box(picture, (left, top), (right, bottom), _color(int(index)))
            _draw_text(picture, text, (left, top), _color(int(index)))
    elif not isinstance(value, TensorResult):
        line = _text_height(picture)
        for row, text in enumerate(words[:_CLASSES_DRAWN], start=1):
            _draw_text(picture, text, (0, row * line), _BLACK)
    if isinstance(value, Poses):
        _draw_joints(picture, value)
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


def _draw_counters(picture: Image, tracked: Tracked) -> None:
    """Draw lines with what crossed them each way, and zones with how many are inside."""
    import cv2

    thickness = max(1, min(picture.shape[:2]) // 200)
    for line, counts in tracked.lines:
        start, end = _whole(line.start), _whole(line.end)
        cv2.arrowedLine(picture, start, end, _WHITE, thickness, tipLength=0.03)
        _draw_text(picture, f"{line.name} in {counts['in']} out {counts['out']}", start, _BLACK)
    for zone, counts in tracked.zones:
        corners = np.array([_whole(corner) for corner in zone.corners], np.int32)
        cv2.polylines(picture, [corners], True, _WHITE, thickness)
        _draw_text(picture, f"{zone.name} {len(counts['inside'])}", _whole(zone.corners[0]), _BLACK)


def _whole(point: tuple[float, float]) -> tuple[int, int]:
    return round(point[0]), round(point[1])


def _tint(picture: Image, value: SegmentationMap | Instances) -> None:
    """Mix the colour of each class into its pixels; class 0 of a map is the ground, and stays."""
    if isinstance(value, Instances):
        for ((left, top, right, bottom), part), index in zip(value.parts(), value.classes, strict=True):
            _mix(picture[top:bottom, left:right], part, _color(int(index)))
        return
    classes = value.to_source()
    for index in np.unique(classes):
        if index > 0:
            _mix(picture, classes == index, _color(int(index)))


def _mix(picture: Image, where: npt.NDArray[np.bool_], color: Bgr) -> None:
    picture[where] = (picture[where].astype(np.uint16) + np.array(color, np.uint16)) // 2


def _draw_joints(picture: Image, poses: Poses) -> None:
    """Draw the joints that are seen, and the bones between them where the joints are COCO's."""
    import cv2

    thickness = max(1, min(picture.shape[:2]) // 200)
    bones = COCO_BONES if poses.joints.shape[1] == len(COCO_SIGMAS) else ()
    for joints, index in zip(poses.joints, poses.classes, strict=True):
        points = [(round(float(x)), round(float(y))) for x, y, _ in joints]
        seen = joints[:, 2] >= VISIBLE
        for start, end in bones:
            if seen[start] and seen[end]:
                cv2.line(picture, points[start], points[end], _color(int(index)), thickness)
        for point, is_seen in zip(points, seen, strict=True):
            if is_seen:
                cv2.circle(picture, point, 2 * thickness, _WHITE, cv2.FILLED)


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
