"""Detectors' outputs decoded once more, straight from how their authors describe them: one row, one class at a time.

Nothing of edge-sdk is used here. Boxes come in pixels of the model's input.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np

Box = tuple[list[float], float, int]
"""Corners, score and class."""
Outputs = Mapping[str, np.ndarray]


def decode(head: str, outputs: Outputs, *, least: float, iou: float, wh: tuple[int, int]) -> list[Box]:
    """Return what is found, best first."""
    boxes = [box for box in DECODERS[head](outputs, wh) if box[1] >= least]
    boxes.sort(key=lambda box: -box[1])
    return boxes if head in {"end-to-end", "rt-detr", "tf-ssd", "tflite-ssd"} else _suppressed(boxes, iou)


def _suppressed(boxes: list[Box], iou: float) -> list[Box]:
    kept: list[Box] = []
    for box in boxes:
        if all(other[2] != box[2] or overlap(other[0], box[0]) <= iou for other in kept):
            kept.append(box)
    return kept


def overlap(one: list[float], other: list[float]) -> float:
    """Return intersection over union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    common = max(width, 0.0) * max(height, 0.0)
    union = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)) - common
    return common / union if union > 0 else 0.0


def _best(scores: np.ndarray) -> tuple[float, int]:
    index = max(range(len(scores)), key=lambda i: float(scores[i]))
    return float(scores[index]), index


def _around(cx: float, cy: float, w: float, h: float) -> list[float]:
    return [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]


def _yolov8(outputs: Outputs, _wh: tuple[int, int]) -> Iterator[Box]:
    """ultralytics: columns of centre, size, then one score a class."""
    (raw,) = outputs.values()
    for column in raw[0].T:
        yield _around(*map(float, column[:4])), *_best(column[4:])


def _yolov5(outputs: Outputs, _wh: tuple[int, int]) -> Iterator[Box]:
    """ultralytics/yolov5: rows of centre, size, objectness, one score a class; confidence is their product."""
    (raw,) = outputs.values()
    for row in raw[0]:
        score, index = _best(row[5:])
        yield _around(*map(float, row[:4])), float(np.float32(row[4]) * np.float32(score)), index


def _yolox(outputs: Outputs, wh: tuple[int, int]) -> Iterator[Box]:
    """Megvii-BaseDetection/YOLOX, `demo_postprocess`: (xy + grid) * stride, exp(wh) * stride."""
    (raw,) = outputs.values()
    cells = [(x, y, s) for s in (8, 16, 32) for y in range(wh[1] // s) for x in range(wh[0] // s)]
    assert len(cells) == len(raw[0])
    for (x, y, stride), row in zip(cells, raw[0], strict=True):
        score, index = _best(row[5:])
        box = (row[0] + x) * stride, (row[1] + y) * stride, math.exp(row[2]) * stride, math.exp(row[3]) * stride
        yield _around(*map(float, box)), float(np.float32(row[4]) * np.float32(score)), index


def _end_to_end(outputs: Outputs, _wh: tuple[int, int]) -> Iterator[Box]:
    """YOLOv10 and YOLO26: corners, score, class."""
    (raw,) = outputs.values()
    for row in raw[0]:
        yield [float(value) for value in row[:4]], float(row[4]), int(row[5])


def _boxes_scores(outputs: Outputs, _wh: tuple[int, int]) -> Iterator[Box]:
    for box, scores in zip(outputs["boxes"][0], outputs["scores"][0], strict=True):
        yield [float(value) for value in box], *_best(scores)


def _ssd(outputs: Outputs, wh: tuple[int, int]) -> Iterator[Box]:
    """Corners as shares of the picture; class 0 is the background."""
    for box, scores in zip(outputs["boxes"][0], outputs["scores"][0], strict=True):
        yield [float(value) * wh[i % 2] for i, value in enumerate(box)], *_best(scores[1:])


def _tf_ssd(outputs: Outputs, wh: tuple[int, int], first: int = 1) -> Iterator[Box]:
    """TensorFlow object detection: top, left, bottom, right as shares; classes from 1; so many rows count."""
    boxes, classes, scores, count = outputs.values()
    for i in range(int(count[0])):
        top, left, bottom, right = (float(value) for value in boxes[0, i])
        yield (
            [left * wh[0], top * wh[1], right * wh[0], bottom * wh[1]],
            float(scores[0, i]),
            int(classes[0, i]) - first,
        )


def _tflite_ssd(outputs: Outputs, wh: tuple[int, int]) -> Iterator[Box]:
    """TFLite_Detection_PostProcess: the same, with classes from 0."""
    return _tf_ssd(outputs, wh, first=0)


def _rt_detr(outputs: Outputs, wh: tuple[int, int]) -> Iterator[Box]:
    """lyuwenyu/RT-DETR: a sigmoid for each query and class; centre and size as shares of the picture."""
    for box, logits in zip(outputs["pred_boxes"][0], outputs["logits"][0], strict=True):
        corners = _around(*(float(value) * wh[i % 2] for i, value in enumerate(box)))
        for index, logit in enumerate(logits):
            yield corners, 1 / (1 + math.exp(-float(logit))), index


DECODERS: Mapping[str, Callable[[Outputs, tuple[int, int]], Iterator[Box]]] = {
    "boxes-scores": _boxes_scores,
    "ssd": _ssd,
    "tf-ssd": _tf_ssd,
    "tflite-ssd": _tflite_ssd,
    "rt-detr": _rt_detr,
    "yolov5": _yolov5,
    "yolov8": _yolov8,
    "yolox": _yolox,
    "end-to-end": _end_to_end,
}
