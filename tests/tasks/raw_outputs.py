"""Raw outputs of each head, as a model could give them: a few things, each seen by several candidates, and much noise.

They are recorded in `tests/cases/tasks/raw/`; `EDGE_SDK_REFRESH=1` records them anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

WH = (96, 64)
CLASSES = 3
RECORDED = Path(__file__).parents[1] / "cases" / "tasks" / "raw"
_STRIDES = (8, 16, 32)


def recorded(name: str) -> dict[str, np.ndarray]:
    """Return the recorded outputs of a head, in their order."""
    path = RECORDED / f"{name}.npz"
    if os.environ.get("EDGE_SDK_REFRESH"):
        path.parent.mkdir(exist_ok=True)
        np.savez_compressed(path, **OUTPUTS[name](np.random.default_rng(4)))
    with np.load(path) as arrays:
        return {key: arrays[key] for key in arrays.files}


def things(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return centre and size [rows, 4] in pixels, and scores [rows, classes]; every third row sees a thing."""
    scenery = np.concatenate([rng.uniform(0.2, 0.8, (5, 2)) * WH, rng.uniform(8, 40, (5, 2))], axis=1)
    boxes = np.concatenate([rng.uniform(0, 1, (rows, 2)) * WH, rng.uniform(2, 60, (rows, 2))], axis=1)
    scores = rng.uniform(0, 0.25, (rows, CLASSES))
    for row in range(0, rows, 3):
        seen = int(rng.integers(0, len(scenery)))
        boxes[row] = scenery[seen] + rng.normal(0, 2, 4)
        scores[row, seen % CLASSES] = rng.uniform(0.2, 0.95)
    return boxes.astype(np.float32), scores.astype(np.float32)


def _corners(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], axis=1)


def _logits(scores: np.ndarray) -> np.ndarray:
    return np.log(scores / (1 - scores)).astype(np.float32)


def _yolov8(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"output0": np.concatenate(things(rng, 126), axis=1).T[np.newaxis]}


def _yolov5(rng: np.random.Generator, rows: int = 378) -> dict[str, np.ndarray]:
    boxes, scores = things(rng, rows)
    return {"output": np.concatenate([boxes, rng.uniform(0.4, 1, (rows, 1)), scores], axis=1)[np.newaxis]}


def _yolox(rng: np.random.Generator) -> dict[str, np.ndarray]:
    cells = np.array([(x, y, s) for s in _STRIDES for y in range(WH[1] // s) for x in range(WH[0] // s)])
    rows = _yolov5(rng, len(cells))["output"].copy()
    rows[0, :, :2] = rows[0, :, :2] / cells[:, 2:] - cells[:, :2]
    rows[0, :, 2:4] = np.log(np.maximum(rows[0, :, 2:4], 1) / cells[:, 2:])
    return {"output": rows}


def _boxes_scores(rng: np.random.Generator) -> dict[str, np.ndarray]:
    boxes, scores = things(rng, 100)
    return {"scores": scores[np.newaxis], "boxes": _corners(boxes)[np.newaxis]}


def _ssd(rng: np.random.Generator) -> dict[str, np.ndarray]:
    boxes, scores = things(rng, 100)
    background = np.maximum(1 - scores.sum(axis=1, keepdims=True), 0)
    return {
        "boxes": (_corners(boxes) / (WH * 2))[np.newaxis],
        "scores": np.concatenate([background, scores], 1)[np.newaxis],
    }


def _lists(rng: np.random.Generator, first: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    boxes, scores = things(rng, 20)
    rows = (_corners(boxes) / (WH * 2))[:, [1, 0, 3, 2]]
    classes = scores.argmax(axis=1) + first
    return rows[np.newaxis], classes[np.newaxis].astype(np.float32), scores.max(axis=1)[np.newaxis], np.array([15.0])


def _tf_ssd(rng: np.random.Generator) -> dict[str, np.ndarray]:
    names = ("detection_boxes", "detection_classes", "detection_scores", "num_detections")
    return dict(zip(names, _lists(rng, 1), strict=True))


def _tflite_ssd(rng: np.random.Generator) -> dict[str, np.ndarray]:
    names = (f"TFLite_Detection_PostProcess{end}" for end in ("", ":1", ":2", ":3"))
    return dict(zip(names, _lists(rng, 0), strict=True))


def _rt_detr(rng: np.random.Generator) -> dict[str, np.ndarray]:
    boxes, scores = things(rng, 30)
    return {"logits": _logits(scores)[np.newaxis], "pred_boxes": (boxes / (WH * 2))[np.newaxis]}


def _end_to_end(rng: np.random.Generator) -> dict[str, np.ndarray]:
    boxes, scores = things(rng, 20)
    columns = [_corners(boxes), scores.max(axis=1)[:, np.newaxis], scores.argmax(axis=1)[:, np.newaxis]]
    return {"output0": np.concatenate(columns, axis=1)[np.newaxis]}


MASKS, JOINTS = 6, 17


def _prototypes(rng: np.random.Generator) -> np.ndarray:
    """Return smooth fields [1, masks, height, width] at a quarter of the input's size."""
    y, x = np.mgrid[: WH[1] // 4, : WH[0] // 4]
    waves = rng.uniform(0.1, 0.5, (MASKS, 2, 1, 1))
    return np.cos(waves[:, 0] * x + waves[:, 1] * y + rng.uniform(0, 6, (MASKS, 1, 1))).astype(np.float32)[np.newaxis]


def _yolov8_seg(rng: np.random.Generator) -> dict[str, np.ndarray]:
    columns = [*things(rng, 126), rng.normal(0, 1, (126, MASKS)).astype(np.float32)]
    return {"output0": np.concatenate(columns, axis=1).T[np.newaxis], "output1": _prototypes(rng)}


def _end_to_end_seg(rng: np.random.Generator) -> dict[str, np.ndarray]:
    rows = _end_to_end(rng)["output0"][0]
    columns = [rows, rng.normal(0, 1, (len(rows), MASKS)).astype(np.float32)]
    return {"output1": _prototypes(rng), "output0": np.concatenate(columns, axis=1)[np.newaxis]}


def _joints(rng: np.random.Generator, boxes: np.ndarray) -> np.ndarray:
    """Return joints [rows, 3 joints] of boxes of centre and size."""
    at = boxes[:, np.newaxis, :2] + rng.uniform(-0.5, 0.5, (len(boxes), JOINTS, 2)) * boxes[:, np.newaxis, 2:]
    seen = rng.uniform(0, 1, (len(boxes), JOINTS, 1))
    return np.concatenate([at, seen], axis=2).reshape(len(boxes), -1).astype(np.float32)


def _yolov8_pose(rng: np.random.Generator) -> dict[str, np.ndarray]:
    boxes, scores = things(rng, 126)
    return {"output0": np.concatenate([boxes, scores[:, :1], _joints(rng, boxes)], axis=1).T[np.newaxis]}


def _end_to_end_pose(rng: np.random.Generator) -> dict[str, np.ndarray]:
    boxes, scores = things(rng, 20)
    rows = np.concatenate([_corners(boxes), scores[:, :1], np.zeros((20, 1), np.float32)], axis=1)
    return {"output0": np.concatenate([rows, _joints(rng, boxes)], axis=1)[np.newaxis]}


OUTPUTS: Mapping[str, Callable[[np.random.Generator], dict[str, np.ndarray]]] = {
    "boxes-scores": _boxes_scores,
    "ssd": _ssd,
    "tf-ssd": _tf_ssd,
    "tflite-ssd": _tflite_ssd,
    "rt-detr": _rt_detr,
    "yolov5": _yolov5,
    "yolov8": _yolov8,
    "yolox": _yolox,
    "end-to-end": _end_to_end,
    "yolov8-seg": _yolov8_seg,
    "end-to-end-seg": _end_to_end_seg,
    "yolov8-pose": _yolov8_pose,
    "end-to-end-pose": _end_to_end_pose,
}
