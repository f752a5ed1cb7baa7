"""What a result costs after the model: decoding and suppression of one picture, beside how scripts usually do it.

`scripts/bench decode` prints one JSON object: milliseconds of this machine, ratios in one run by turns,
and the largest error of the way into a letterbox and back.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from time import perf_counter

import cv2
import numpy as np

from edge_sdk.preprocess import ImageSteps, prepare_image
from edge_sdk.tasks import TaskSpec, build_task
from edge_sdk.transform import Transform

_ROUNDS = 300
_WH = (640, 640)
_LEAST, _IOU = 0.25, 0.45
_SIDES = range(32, 2001, 41)
_INPUTS = ((320, 320), (416, 416), (640, 640), (320, 96))


def raw_output(things: int, seen: int, *, candidates: int = 8400, classes: int = 80) -> np.ndarray:
    """Return an output [1, 4 + classes, candidates] in which each of some things is seen by so many candidates."""
    rng = np.random.default_rng(0)
    raw = np.empty((1, 4 + classes, candidates), np.float32)
    raw[0, :2] = rng.uniform(0, 640, (2, candidates))
    raw[0, 2:4] = rng.uniform(10, 200, (2, candidates))
    raw[0, 4:] = rng.uniform(0, 0.05, (classes, candidates))
    at = rng.choice(candidates, things * seen, replace=False)
    raw[0, :4, at] = np.tile(rng.uniform(60, 580, (things, 4)), (seen, 1)) * (1, 1, 0.2, 0.2)
    raw[0, :4, at] += rng.normal(0, 3, (len(at), 4))
    raw[0, 4 + np.arange(len(at)) % things, at] = rng.uniform(0.3, 0.95, len(at))
    return raw


def usual(raw: np.ndarray) -> int:
    """Decode as the widespread scripts do: turn the output, take every row's best class, call OpenCV's suppression."""
    rows = np.ascontiguousarray(raw[0].T)
    scores, classes = rows[:, 4:].max(axis=1), rows[:, 4:].argmax(axis=1)
    keep = scores > _LEAST
    boxes, scores, classes = rows[keep, :4], scores[keep], classes[keep]
    corners = np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, 2:]], axis=1)
    return len(cv2.dnn.NMSBoxesBatched(corners.tolist(), scores.tolist(), classes.tolist(), _LEAST, _IOU))


def in_turns(*calls: Callable[[], object]) -> list[float]:
    """Return the milliseconds of the best of each call's rounds: the others share the machine."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(_ROUNDS):
        for call, taken in zip(calls, times, strict=True):
            start = perf_counter()
            call()
            taken.append(1e3 * (perf_counter() - start))
    return [min(taken) for taken in times]


def letterbox_error() -> float:
    """Return the largest error in pixels of boxes that go into a letterbox and back, of pictures from 32 to 2000."""
    worst = 0.0
    for size_wh in _INPUTS:
        steps = ImageSteps(size_wh, resize="letterbox", interpolation="nearest")
        for width in _SIDES:
            for height in _SIDES:
                _, transform = prepare_image(steps, np.empty((height, width, 3), np.uint8))
                box = np.array([[0, 0, width, height], [width * 0.31, height * 0.17, width * 0.77, height * 0.93]])
                worst = max(worst, float(np.abs(transform.to_source(transform.to_model(box)) - box).max()))
    return worst


def main() -> None:
    """Print the figures."""
    task = build_task(TaskSpec("detection", head="yolov8", score_threshold=_LEAST, iou_threshold=_IOU))
    transform = Transform(source_wh=(1280, 720), model_wh=_WH, scale_xy=(0.5, 0.5), offset_xy=(0, 140))
    figures: dict[str, float] = {}
    for things, seen in ((0, 0), (5, 8), (20, 8), (50, 10)):
        raw = raw_output(things, seen)
        found = len(task.decode({"output0": raw}, transform).scores)
        if found != usual(raw):
            raise SystemExit(f"{things} things: expected {usual(raw)} boxes, got {found}")
        ours, theirs = in_turns(lambda raw=raw: task.decode({"output0": raw}, transform), lambda raw=raw: usual(raw))
        figures[f"{things}_things_ms"] = round(ours, 3)
        figures[f"{things}_things_usual_over_ours"] = round(theirs / ours, 2)
    print(json.dumps({**figures, "letterbox_error_px": letterbox_error()}, indent=2))


if __name__ == "__main__":
    main()
